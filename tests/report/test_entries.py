"""What cannot be read is named and left out; the rest still works."""

import copy
import json
import os
import random

import pytest

from vrbench.core.errors import MissingDataError
from vrbench.report.leaderboard import board, load, unrounded
from vrbench.report.papers.published_comparison import measured
from vrbench.report.run_records import AXES, ambiguous, read, record


def entry(seed=0, **more):
    parts = {axis: {"name": "same", "key": "k"} for axis in AXES}
    row = {"metric": "CHR@20", "before": 1.0, "after": 2.0, "control": None}
    return {"schema": 1, "seed": seed, "parts": parts, "overrides": [], "rows": [row]} | more


CASE = {"source": "hat", "target": "bag", "labels": "catalogue", "items": 3, "k": 20}
WHERE = {"chr": 1.0, "uniform": 0.5, "lift": 2.0}
WHOLE = {
    "extractor_seed": 0,
    "case": CASE | {"standing": {"source": WHERE, "target": None}},
    "metrics": {"CHR@20": {"key": "a", "settings": {"k": 20}}},
    "machine": {"device": "cpu", "precision": "float32", "threads": 1},
    "items": [{"item": "7", "position": 7, "rank_before": 3.5, "rank_after": None}],
    "versions": {"torch": "2.4"},
    "stages": [{"address": "models/a", "stage": "models", "cached": True}],
    "began": "2026-01-01",
    "extractor": {"final": {}},
}
JUNK = (
    None,
    True,
    -1,
    10**400,
    1e308,
    float("nan"),
    "",
    "x" * 300,
    [],
    [[]],
    {},
    {"name": 1},
    {"a": []},
)


def mutated(told, draw):
    """``told`` with one place, at any depth, gone or replaced by something else."""
    places = []

    def walk(node):
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    walk(told)
    node, key = draw.choice(places)
    if draw.random() < 0.2:
        del node[key]
    else:
        node[key] = draw.choice(JUNK)
    return told


def test_whatever_is_wrong_with_one_run_the_board_stands(tmp_path, caplog):
    draw = random.Random(0)
    good = entry(**copy.deepcopy(WHOLE))
    good["parts"]["recommender"] = {"name": "good", "key": "g"}
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
    (tmp_path / "good" / "rows.json").write_text(json.dumps(good))
    left_out = 0
    for _ in range(400):
        text = json.dumps(mutated(entry(**copy.deepcopy(WHOLE)), draw))
        if draw.random() < 0.1:
            text = text[: draw.randrange(len(text))]
        (tmp_path / "bad" / "rows.json").write_text(text)
        caplog.clear()
        found = load([tmp_path])
        assert any("1" in line[-1] or "2" in line[-1] for line in board(found, ["CHR@20"])[1])
        assert unrounded(found)["cells"]
        assert record([e for _, e in read([tmp_path])])
        told = [cell.where for cell in measured(found, ["recommender"], {}, ["CHR@20"], "value")]
        assert {"recommender": "good"} in told
        if len(found) == 1:
            left_out += 1
            assert [m for m in caplog.messages if m.startswith("left out: ")], text
    assert left_out > 100


def test_a_folder_or_a_pipe_of_that_name_is_named_and_left_out(tmp_path, caplog):
    (tmp_path / "rows.json").write_text(json.dumps(entry()))
    (tmp_path / "a" / "rows.json").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / "rows.json")
    assert len(load([tmp_path])) == 1
    assert sorted("a folder" in m or "a pipe" in m for m in caplog.messages) == [True, True]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (json.dumps(entry())[:200], "half written"),
        ("", "half written"),
        ("[1, 2]", "no rows of vrbench"),
        ('{"rows": [1]}', "no rows of vrbench"),
        (json.dumps(entry() | {"schema": 0}), "rows of schema 0, and this version reads 1"),
        (json.dumps({k: v for k, v in entry().items() if k != "schema"}), "rows of schema None"),
        (json.dumps(entry() | {"parts": {"attack": {}}}), "does not name its dataset"),
        (
            json.dumps(entry() | {"rows": [{"metric": "CHR@20", "before": "1"}]}),
            "rows: of another kind",
        ),
        (json.dumps(entry() | {"rows": {"metric": 1}}), "rows: of another kind"),
        (json.dumps(entry() | {"seed": "0"}), "seed: of another kind"),
        (json.dumps(entry() | {"overrides": None}), "overrides: of another kind"),
        (json.dumps(entry() | {"overrides": [1]}), "overrides: of another kind"),
        (json.dumps(entry() | {"case": [1]}), "case: of another kind"),
        (json.dumps(entry() | {"case": {"source": "hat"}}), "case: of another kind"),
        (json.dumps(entry(case=CASE | {"standing": {"source": 1}})), "case: of another kind"),
        (json.dumps(entry(case=CASE | {"standing": {"source": {}}})), "case: of another kind"),
        (json.dumps(entry() | {"metrics": {"CHR@20": "k"}}), "metrics: of another kind"),
        (json.dumps(entry() | {"metrics": {"CHR@20": {}}}), "metrics: of another kind"),
        (json.dumps(entry() | {"machine": "cpu"}), "machine: of another kind"),
        (json.dumps(entry() | {"items": {"item": "a"}}), "items: of another kind"),
        (json.dumps(entry() | {"versions": ["torch"]}), "versions: of another kind"),
        (json.dumps(entry() | {"stages": ["a"]}), "stages: of another kind"),
        (
            json.dumps(entry() | {"rows": [{"metric": "m", "before": float("nan"), "after": 1}]}),
            "rows: ",
        ),
        ("[" * 100_000, "half written"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_the_rest_is_shown(tmp_path, caplog, text, says):
    for name, content in (("good", json.dumps(entry())), ("bad", text)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.json").write_text(content)
    assert board(load([tmp_path]))[1] == [["1", "1", "2"]]
    (line,) = caplog.messages
    assert line.startswith(f"left out: {tmp_path / 'bad' / 'rows.json'}: ")
    assert says in line
    assert "\n" not in line
    (tmp_path / "good" / "rows.json").unlink()
    with pytest.raises(MissingDataError, match="no readable rows"):
        load([tmp_path])


def test_an_empty_and_an_absent_folder_are_named(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(MissingDataError, match=f"below {folder}: run"):
            read([folder])


def test_a_record_gives_the_same_table_and_forgets_the_place(tmp_path):
    when = {"began": "2026-01-01T12:00:00+00:00"}
    told = [entry(seed, stages=[], seconds=3.0, **when) for seed in (1, 0)]
    told[0]["overrides"] = ["attack=pgd", "store=elsewhere", "hydra.run.dir=here", "save=[model]"]
    (tmp_path / "made.jsonl").write_text(record(told))
    back = [e for _, e in read([tmp_path / "made.jsonl"])]
    assert board(back) == board(told)
    assert sorted(e["seed"] for e in back) == [0, 1]
    assert [e["overrides"] for e in back if e["seed"] == 1] == [["attack=pgd"]]
    assert not any({"stages", "seconds"} & e.keys() for e in back)
    assert {e["began"] for e in back} == {"2026-01-01"}


def test_every_name_with_two_meanings_is_listed():
    other = entry()
    other["parts"] = {axis: {"name": "same", "key": "other"} for axis in ("attack", "budget")}
    lines = ambiguous([entry(), other])
    assert [line.partition(" ")[0] for line in lines] == ["attack=same", "budget=same"]
    assert ambiguous([entry(), entry()]) == []


def test_what_has_no_limit_is_kept():
    """``budget=free`` leaves an eps of infinity, and equal pictures a PSNR of infinity."""
    from vrbench.report.shape import misshapen

    infinite = float("inf")
    row = {"metric": "PSNR", "before": None, "after": infinite}
    part = {"budget": {"name": "free", "key": "6dc9", "eps": infinite}}
    assert misshapen({"parts": part, "rows": [row]}) == []
    assert misshapen({"rows": [row | {"after": float("nan")}]}) == ["rows"]
    assert misshapen({"masking": {"flat loss": [1, 8]}}) == []
    for wrong in ({"flat loss": [1]}, {"flat loss": 1}, {"flat loss": [1, "8"]}, ["flat loss"]):
        assert misshapen({"masking": wrong}) == ["masking"]
