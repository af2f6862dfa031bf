"""What cannot be written is said in one line before anything is computed."""

import subprocess
import sys

import pytest

from vrbench.cli.commands import COMMANDS
from vrbench.core.errors import ConfigError, StorageError
from vrbench.report import writing
from vrbench.report.plots.curves import Curve, draw

ASKED = {
    "leaderboard": (["."], ["--out", "--record"]),
    "curves": (["."], ["--out", "--picture"]),
    "compare": (["."], ["--out"]),
    "tune": (["recommender=bprmf", "--space", "bprmf"], ["--out"]),
    "audit": ([], ["--out"]),
    "certify": ([], ["--out", "--picture"]),
    "design": ([], ["--out", "--picture"]),
    "reproduce": (["apr"], ["--out"]),
    "study": (["."], ["--out", "--picture"]),
    "shop": (["check", "."], ["--picture"]),
}
WHERE = [(command, flag) for command, (_, flags) in ASKED.items() for flag in flags]


def test_every_command_that_writes_is_here():
    assert {c for c in COMMANDS if c not in ASKED} == {
        "list",
        "store",
        "pictures",
        "features",
        "weights",
        "elliot",
        "submit",  # into a new folder
        "load",
    }


@pytest.mark.parametrize(("command", "flag"), WHERE)
@pytest.mark.parametrize("place", ["taken/table.png", "folder.png"])
def test_it_is_refused_before_anything_is_read(tmp_path, monkeypatch, command, flag, place):
    (tmp_path / "taken").touch()
    (tmp_path / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match=f"cannot write {place} ") as refused:
        COMMANDS[command]([*ASKED[command][0], flag, place])
    assert "\n" not in str(refused.value)


def test_from_the_command_line_it_is_one_line_and_exit_code_2(tmp_path):
    (tmp_path / "taken").touch()
    command = [sys.executable, "-m", "vrbench", "leaderboard", "--out", "taken/x.csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("vrbench: cannot write taken/x.csv (")
    assert done.stderr.count("\n") == 1


def test_what_can_be_written_is(tmp_path):
    place = tmp_path / "new" / "table.txt"
    writing.check(place, None)
    assert not place.exists()
    writing.write(place, "a ± b")
    writing.check(place)
    assert place.read_text(encoding="utf-8") == "a ± b"
    with pytest.raises(StorageError, match="cannot write"):
        writing.write(tmp_path, "x")
    with pytest.raises(StorageError, match="cannot write"):
        writing.write(tmp_path / "a\0b", "x")


def test_a_dollar_in_a_name_is_a_dollar_and_an_ending_is_a_format(tmp_path):
    lines = [Curve(r"$\frac{a$", [1.0, 2.0], [3.0, 4.0], [0.0, 0.0])]
    draw(lines, "$x^", tmp_path / "a.svg", "$y_{")
    assert (tmp_path / "a.svg").stat().st_size > 1000
    with pytest.raises(ConfigError, match=r"must end in \.png, \.svg, \.pdf"):
        draw(lines, "m", tmp_path / "a.exe")
