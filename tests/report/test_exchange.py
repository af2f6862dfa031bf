"""Data sets of attacked pictures."""

import csv
import json
import os

import pytest
import torch
import yaml
from PIL import Image

from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.report.picture_dataset import publish, write_pictures
from vrbench.report.run_records import AXES

PUBLISHED = {"licence": "cc0-1.0", "source": "drawn by hand", "parquet": False}


@pytest.fixture
def run(tmp_path):
    """A run of three pictures."""
    folder, items = tmp_path / "run", torch.tensor([2, 0, 5])
    names, kinds = [f"shoe {n}" for n in range(6)], ["hat", "bag"] * 3
    for part, value in (("clean", 0.5), ("attacked", 0.52)):
        pixels = torch.full((3, 3, 8, 8), value)
        place = folder / "pictures" / part
        write_pictures(pixels, items, place, names=names, categories=kinds)
    row = {"metric": "CHR@20", "before": 0.25, "after": 0.5, "n": 7}
    entry = {
        "schema": 1,
        "seed": 3,
        "extractor_seed": 4,
        "overrides": [
            "attack=cw",
            "attack.steps=9",
            "seed=3",
            "store=elsewhere",
            "save=[pictures]",
        ],
        "parts": {axis: {"name": f"my_{axis}", "key": "k"} for axis in AXES},
        "case": {"source": "hat", "target": "bag", "items": 3, "labels": "catalogue"},
        "versions": {"torch": "2.15"},
        "rows": [row],
    }
    entry["parts"]["budget"]["eps"] = 8
    (folder / "rows.json").write_text(json.dumps(entry))
    return folder


def test_the_card_says_what_the_pictures_are(run, tmp_path):
    publish(run, tmp_path / "out", **PUBLISHED)
    card = (tmp_path / "out" / "README.md").read_text()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["license"] == "cc0-1.0"
    files = front["configs"][0]["data_files"]
    assert files == [
        {"split": "clean", "path": "clean/**"},
        {"split": "attacked", "path": "attacked/**"},
    ]
    for said in ("my_dataset", "drawn by hand", "eps=8", "my_attack", "my_objective", "torch=2.15"):
        assert said in card
    assert "| seeds | 3 (extractor: 4) |" in card
    assert "| CHR@20 | 0.25 | 0.5 | 7 |" in card
    assert "python -m vrbench seed=3 attack=imported attack.path=FOLDER\n" in card
    assert "elsewhere" not in card


def test_the_folder_is_hugging_faces_imagefolder(run, tmp_path):
    publish(run, tmp_path / "out", **PUBLISHED)
    for part in ("clean", "attacked"):
        with open(tmp_path / "out" / part / "metadata.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows[1] == {
            "file_name": "0.png",
            "position": "0",
            "item_id": "shoe 0",
            "category": "hat",
        }
        same = [
            (tmp_path / "out" / part / r["file_name"]).read_bytes()
            == (run / "pictures" / part / r["file_name"]).read_bytes()
            for r in rows
        ]
        assert same == [True] * 3


def test_the_table_tells_datasets_to_decode_it(run, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    publish(run, tmp_path / "out", **PUBLISHED | {"parquet": True})
    table = pq.read_table(tmp_path / "out" / "attacked.parquet")
    told = json.loads(table.schema.metadata[b"huggingface"])
    assert told["info"]["features"]["image"] == {"_type": "Image"}
    assert told["info"]["features"]["position"] == {"dtype": "int64", "_type": "Value"}
    row = table.to_pylist()[0]
    assert (row["position"], row["item_id"], row["category"]) == (2, "shoe 2", "hat")
    assert row["image"]["bytes"] == (run / "pictures" / "attacked" / "2.png").read_bytes()


def listed(run, line):
    path = run / "pictures" / "attacked" / "metadata.csv"
    path.write_text(f"file_name,position,item_id,category\n{line}\n")
    return path


@pytest.mark.parametrize("parquet", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "../clean/2.png",
        "/etc/hostname",
        "x.png",
        "2.PNG",
        "2.png\n",
        "\u0662.png",
        "./2.png",
        "",
        "..\\2.png",
    ],
)
def test_a_hostile_run_names_no_file_but_its_own(run, tmp_path, name, parquet):
    """A name such as ``../../x`` was written outside, and its bytes were published."""
    (run / "x").write_text("secret")
    listed(run, f'"{name}",2,shoe,hat')
    with pytest.raises(DataError, match=r"expected a name of digits and \.png"):
        publish(run, tmp_path / "out", **PUBLISHED | {"parquet": parquet})
    assert not (tmp_path / "out").exists()


def test_a_hostile_run_publishes_no_links_pipes_or_other_files(run, tmp_path):
    attacked = run / "pictures" / "attacked"
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8)).save(secret)
    (attacked / "2.png").unlink()
    (attacked / "2.png").symlink_to(secret)
    with pytest.raises(DataError, match=r"2\.png is a link"):
        publish(run, tmp_path / "out", **PUBLISHED)
    (attacked / "2.png").unlink()
    os.mkfifo(attacked / "2.png")
    with pytest.raises(DataError, match=r"2\.png is a pipe"):
        publish(run, tmp_path / "out", **PUBLISHED)
    (attacked / "2.png").unlink()
    (attacked / "2.png").write_text("not a picture")
    with pytest.raises(DataError, match=r"cannot read .*2\.png"):
        publish(run, tmp_path / "out", **PUBLISHED)
    attacked.rename(tmp_path / "elsewhere")
    attacked.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="attacked is a link"):
        publish(run, tmp_path / "out", **PUBLISHED)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "line", ["2.png,x,shoe,hat", "2.png", "2.png,-1,shoe,hat", "2.png,1e3,a,b"]
)
def test_lines_that_say_less_are_named(run, tmp_path, line):
    listed(run, line)
    with pytest.raises(DataError, match="expected lines of file_name,position"):
        publish(run, tmp_path / "out", **PUBLISHED)


def test_mistakes_are_named(run, tmp_path):
    with pytest.raises(ConfigError, match="is not empty: name a new folder"):
        publish(run, run, **PUBLISHED)
    (run / "pictures" / "attacked" / "5.png").unlink()
    with pytest.raises(MissingDataError, match=r"no picture .*5\.png: run it again"):
        publish(run, tmp_path / "out", **PUBLISHED)
    listed = run / "pictures" / "attacked" / "metadata.csv"
    listed.write_text("file,position\n5.png,5\n")
    with pytest.raises(DataError, match="expected lines of file_name,position"):
        publish(run, tmp_path / "out", **PUBLISHED)
    listed.unlink()
    with pytest.raises(MissingDataError, match=r"run it again with save=\[pictures\]"):
        publish(run, tmp_path / "out", **PUBLISHED)
    assert not (tmp_path / "out").exists()
    (run / "again").mkdir()
    (run / "again" / "rows.json").write_text((run / "rows.json").read_text())
    with pytest.raises(ConfigError, match="2 runs below"):
        publish(run, tmp_path / "out", **PUBLISHED)


def test_pictures_that_may_not_be_passed_on_are_not_exported(run, tmp_path):
    told = json.loads((run / "rows.json").read_text()) | {"redistributable": False}
    (run / "rows.json").write_text(json.dumps(told))
    with pytest.raises(DataError, match="my_dataset may not be redistributed: nothing is exported"):
        publish(run, tmp_path / "out", **PUBLISHED)
    assert not (tmp_path / "out").exists()
