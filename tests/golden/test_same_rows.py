"""The script that tells whether a change moved a row or a key."""

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "scripts" / "same_rows.py"


@pytest.fixture(scope="module")
def script():
    found = importlib.util.spec_from_file_location("same_rows", FILE)
    made = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    return made


def test_a_moved_row_and_a_stage_made_anew_are_told(script):
    was = {name: {"rows": [["CHR", 0.5, float("nan")]], "made": ["attacks"]} for name in "abc"}
    now = {
        "a": {"rows": [["CHR", 0.5, float("nan")]], "made": []},
        "b": {"rows": [["CHR", 0.5, 0.75]], "made": ["attacks", "rankings"]},
        "c": {"rows": [["CHR", 0.5, float("nan")]], "made": ["rankings"]},
    }
    assert script.compared(was, now) == [
        "b: rows differ; made anew: attacks, rankings",
        "c: rows equal; made anew: rankings",
    ]


@pytest.mark.slow
def test_this_version_has_the_rows_of_this_version(script, tmp_path):
    first, second = script.measured(tmp_path), script.measured(tmp_path)
    assert len(first) == 11
    assert first["evasion Promote"]["made"]
    assert script.compared(first, second) == []
