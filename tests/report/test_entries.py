"""What cannot be read is named and left out; the rest still works."""

import json

import pytest

from vrbench.core.errors import MissingDataError
from vrbench.report.entries import AXES, ambiguous, read, record
from vrbench.report.leaderboard import board, load


def entry(seed=0, **more):
    parts = {axis: {"name": "same", "key": "k"} for axis in AXES}
    row = {"metric": "CHR@20", "before": 1.0, "after": 2.0, "control": None}
    return {"schema": 1, "seed": seed, "parts": parts, "overrides": [], "rows": [row]} | more


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
        (json.dumps(entry() | {"rows": [{"metric": "CHR@20", "before": "1"}]}), "no measurements"),
        (json.dumps(entry() | {"rows": {"metric": 1}}), "no measurements"),
        (json.dumps(entry() | {"seed": "0"}), "of another kind"),
        (json.dumps(entry() | {"overrides": None}), "of another kind"),
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
    told = [entry(seed, stages=[1], seconds=3.0) for seed in (1, 0)]
    told[0]["overrides"] = ["attack=pgd", "store=elsewhere", "hydra.run.dir=here", "save=[model]"]
    (tmp_path / "made.jsonl").write_text(record(told))
    back = [e for _, e in read([tmp_path / "made.jsonl"])]
    assert board(back) == board(told)
    assert sorted(e["seed"] for e in back) == [0, 1]
    assert [e["overrides"] for e in back if e["seed"] == 1] == [["attack=pgd"]]
    assert not any({"stages", "seconds"} & e.keys() for e in back)


def test_every_name_with_two_meanings_is_listed():
    other = entry()
    other["parts"] = {axis: {"name": "same", "key": "other"} for axis in ("attack", "budget")}
    lines = ambiguous([entry(), other])
    assert [line.partition(" ")[0] for line in lines] == ["attack=same", "budget=same"]
    assert ambiguous([entry(), entry()]) == []
