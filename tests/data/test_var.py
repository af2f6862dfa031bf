"""Folders of TAaMR, VAR and AMR's authors, made small."""

import pytest
import torch
from PIL import Image

from vrbench.core.errors import DataError, MissingDataError
from vrbench.data.sources.var import var

IDS = ("0", "2", "10", "7")  # with gaps, and not in the order of strings
GREYS = {"0": 10, "2": 20, "10": 30, "7": 40}


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines))


def pictures(folder):
    folder.mkdir(parents=True)
    for name in IDS:
        Image.new("RGB", (20, 24), (GREYS[name],) * 3).save(folder / f"{name}.jpg", quality=100)


@pytest.fixture
def men(tmp_path):
    """VAR's amazon_men, after its first step."""
    pictures(tmp_path / "original" / "images")
    write(
        tmp_path / "original" / "classes.csv",
        "ImageID,ClassStr,ClassNum,Prob",
        "0,sandal,774,0.9",
        "2,sandal,774,0.8",
        "10,running shoe,770,0.7",
        "7,sock,806,0.6",
    )
    write(tmp_path / "trainingset.tsv", "0\t0", "0\t2", "5\t10", "5\t0")
    write(tmp_path / "validationset.tsv", "0\t10")
    write(tmp_path / "testset.tsv", "0\t7", "5\t2")
    return tmp_path


def read(folder):
    return var(path=str(folder), size=16)


def names(data, part):
    rows = zip(part.users.tolist(), part.items.tolist(), strict=True)
    return {(data.user_ids[u], data.item_ids[i]) for u, i in rows}


def test_vars_folders(men):
    data = read(men)
    assert sorted(data.item_ids) == sorted(IDS)
    assert names(data, data.train) == {("0", "0"), ("0", "2"), ("5", "10"), ("5", "0")}
    assert names(data, data.valid) == {("0", "10")}
    assert names(data, data.test) == {("0", "7"), ("5", "2")}
    kinds = [data.catalogue.names[c] for c in data.catalogue.categories]
    assert dict(zip(data.item_ids, kinds, strict=True))["10"] == "running shoe"
    assert [data.item_ids[i] for i in data.catalogue.of("sandal")] == ["0", "2"]


def test_a_picture_belongs_to_the_name_of_its_file(men):
    data = read(men)
    seen = (data.catalogue.images[torch.arange(4)][:, 0, 8, 8] * 255).round().tolist()
    assert seen == [GREYS[name] for name in data.item_ids]


def test_the_four_columns_that_vars_preparation_writes(men):
    before = read(men)
    for name in ("trainingset", "validationset", "testset"):
        file = men / f"{name}.tsv"
        write(file, *(f"{line}\t1.0\t0" for line in file.read_text().splitlines()))
    after = read(men)
    assert torch.equal(before.train.matrix(), after.train.matrix())
    assert names(after, after.test) == names(before, before.test)


def test_without_classes_every_item_is_of_one_category(men):
    (men / "original" / "classes.csv").unlink()
    assert read(men).catalogue.names == ("item",)


def test_taamr_holds_out_the_last_two(tmp_path, caplog):
    pictures(tmp_path / "original_images" / "images")
    write(tmp_path / "pos.txt", "0 0", "1 7", "0 2", "0 10", "0 7")
    data = read(tmp_path)
    assert names(data, data.train) == {("0", "0"), ("0", "2"), ("1", "7")}
    assert names(data, data.valid) == {("0", "10")}
    assert names(data, data.test) == {("0", "7")}
    assert "TAaMR has no split" in caplog.text


def test_pinterest_of_amr_tests_the_first_of_each_row(tmp_path):
    pictures(tmp_path / "images")
    write(tmp_path / "pos.txt", "0 0", "1 7", "0 2")
    write(tmp_path / "neg.txt", "10 2 7", "2 0 10")
    data = read(tmp_path)
    assert names(data, data.train) == {("0", "0"), ("0", "2"), ("1", "7")}
    assert names(data, data.test) == {("0", "10"), ("1", "2")}
    assert not len(data.valid)


@pytest.mark.parametrize(
    ("file", "lines", "says"),
    [
        (
            "trainingset.tsv",
            ["0\t0", "0"],
            "trainingset.tsv, line 2: expected 2 columns as in line 1, got 1",
        ),
        ("trainingset.tsv", ["0\t0", "0\t2\t1"], "trainingset.tsv, line 2: .* got 3"),
        ("trainingset.tsv", ["0\t0\t1"], "expected 2 or 4 columns, got 3"),
        ("testset.tsv", ["0\t99"], "unknown item .* '99'"),
        ("testset.tsv", ["99\t0"], "no user of it has feedback in trainingset.tsv"),
        ("original/classes.csv", ["id,class", "0,sock"], "no column 'ImageID'"),
        ("original/classes.csv", ["ImageID,ClassStr", "0,"], "classes.csv, line 2"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_broken_rows_are_named(men, file, lines, says):
    write(men / file, *lines)
    with pytest.raises(DataError, match=says):
        read(men)


def test_what_is_missing_is_named(men):
    (men / "trainingset.tsv").unlink()
    with pytest.raises(MissingDataError, match=r"trainingset.tsv \(VAR\) nor .*pos.txt"):
        read(men)
    with pytest.raises(MissingDataError, match="reproduce var --dry-run"):
        read(men / "nowhere")
