"""A record says once what its cells share, and gives back each cell as the run left it."""

import json
from pathlib import Path

import pytest

from tests.report.test_entries import JUNK, WHOLE, entry
from vrbench.report.leaderboard import load
from vrbench.report.record_format import packed, unpacked
from vrbench.report.run_records import NOT_KEPT, read, record

NAMES = ("pgd", "fgsm")


def cells():
    """Six cells: two attacks under three seeds, the second kind with a row more."""
    found = []
    for seed in (0, 1, 2):
        for name in NAMES:
            cell = entry(seed, overrides=[f"attack={name}", f"seed={seed}"], **WHOLE)
            cell["parts"]["attack"] = {"name": name, "key": name, "settings": {"eps": 8}}
            cell["rows"][0] |= {"better": "lower", "after": seed + 0.1, "n": 3}
            if name == "fgsm":
                cell["rows"].append({"metric": "PSNR", "before": None, "after": float("inf")})
                cell["extractor"] = None
            found.append(cell)
    return found


def as_text(found):
    return sorted(json.dumps(cell, sort_keys=True) for cell in found)


def test_every_cell_comes_back_as_it_was():
    assert as_text(unpacked(packed(cells()))) == as_text(cells())
    assert as_text(unpacked(packed(cells()[:1]))) == as_text(cells()[:1])
    assert list(unpacked(packed([]))) == []


def test_what_cells_share_stands_once_and_their_order_is_of_no_account():
    text = packed(cells())
    first, *lines = [json.loads(line) for line in text.splitlines()]
    assert first["same"]["parts.dataset"] == {"name": "same", "key": "k"}
    assert [made["name"] for made in first["listed"]["parts.attack"]] == ["fgsm", "pgd"]
    assert set(first["listed"]) == {"parts.attack", "extractor"}
    assert lines[0] == {
        "seed": 0,
        "overrides": ["attack=fgsm", "seed=0"],
        "parts.attack": 0,
        "extractor": None,
        "rows": [[0, 1.0, 0.1, None, 3], [1, None, float("inf")]],
    }
    assert packed(reversed(cells())) == text
    assert packed(unpacked(text)) == text


def test_records_of_earlier_versions_and_joined_ones_are_read(tmp_path):
    before = [{k: v for k, v in cell.items() if k not in NOT_KEPT} for cell in cells()]
    (tmp_path / "old.jsonl").write_text("\n".join(json.dumps(cell) for cell in before))
    new = record(before)
    (tmp_path / "new.jsonl").write_text(new)
    (tmp_path / "joined.jsonl").write_text(record(before[:2]) + record(before[2:]))
    old, *others = (
        as_text(cell for _, cell in read([tmp_path / f"{name}.jsonl"]))
        for name in ("old", "new", "joined")
    )
    assert len(old) == 6
    assert others == [old, old]


RESULTS = sorted((Path(__file__).parents[2] / "results").glob("*.jsonl"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_what_the_project_publishes_is_small_and_read_to_the_last_line(path, caplog):
    assert path.stat().st_size < 2**20
    _, *lines = path.read_text(encoding="utf-8").splitlines()
    assert len(read([path])) == len(lines)
    assert not caplog.messages


HEADER, LINE, *REST = packed(cells()).splitlines()


def header(**more):
    return json.dumps(json.loads(HEADER) | more)


def line(**more):
    return json.dumps(json.loads(LINE) | more)


@pytest.mark.parametrize(
    ("lines", "says", "kept"),
    [
        ([LINE, *REST], "first line of the record, with what its lines share, is missing", 0),
        ([header(record=2), LINE], "a record of format 2, and this version reads 1", 0),
        ([header(same=[]), LINE], "its first line, same: missing, or of another kind", 0),
        ([header(listed={"case": 1}), LINE], "its first line, listed: missing", 0),
        ([header(rows=[["a"]]), LINE, *REST], "its first line, rows: missing", 0),
        (['{"record": 1}', LINE], "its first line, same, listed, rows: missing", 0),
        ([HEADER[:90], LINE, LINE], "half written", 0),
        ([header(listed={}), LINE, *REST], "does not name its dataset", 0),
        ([HEADER, line(**{"parts.attack": 7}), *REST], "its first line lists 2, and this is 7", 5),
        ([HEADER, line(**{"parts.attack": -1}), *REST], "parts.attack: its first line", 5),
        ([HEADER, line(**{"parts.attack": True}), *REST], "parts.attack: its first line", 5),
        ([HEADER, line(rows=[[9]]), *REST], "rows: its first line lists 2, and this is 9", 5),
        ([HEADER, line(rows=[[0, 1.0]]), *REST], "rows: 1 numbers in place of 4", 5),
        ([HEADER, line(rows=[[]]), *REST], "rows: of another kind", 5),
        ([HEADER, line(rows=[[0, "1", 1, 1, 1]]), *REST], "rows: of another kind", 5),
        ([HEADER, "[]", *REST], "no rows of vrbench", 5),
        ([HEADER, LINE[:30], *REST], "half written", 5),
    ],
)
def test_what_is_wrong_with_a_record_is_one_line(tmp_path, caplog, lines, says, kept):
    (tmp_path / "rows.json").write_text(json.dumps(entry()))
    (tmp_path / "bad.jsonl").write_text("\n".join(lines))
    assert len(load([tmp_path, tmp_path / "bad.jsonl"])) == 1 + kept
    told = [message for message in caplog.messages if says in message]
    assert told == [m for m in caplog.messages if m.startswith("left out: ")]
    assert len(told) == 1
    assert all("\n" not in message for message in told)


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: repr(junk)[:20])
def test_whatever_stands_in_a_first_line_the_others_are_read(tmp_path, junk):
    told = json.loads(HEADER)
    for key in told:
        (tmp_path / "bad.jsonl").write_text("\n".join([json.dumps(told | {key: junk}), LINE]))
        (tmp_path / "rows.json").write_text(json.dumps(entry()))
        assert load([tmp_path, tmp_path / "bad.jsonl"])
