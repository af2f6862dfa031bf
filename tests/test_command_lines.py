"""Command lines as people mistype them: a line and an exit code, never a traceback."""

import random
import runpy
import sys
import warnings
from pathlib import Path

import pytest

from vrbench.cli import main
from vrbench.cli.commands import COMMANDS
from vrbench.cli.trouble import FULL

FLAGS = ["--format", "--out", "--metric", "--seeds", "--space", "--folder", "--to", "--axis", "--k"]
FLAGS += ["--check", "--published", "--record", "--config-dir", "-cd", "--nothing", "-x", "--", "-"]
FLAGS += ["--headline", "--sample", "--tolerance", "--store", "--stage", "--keep", "--max-size"]
WORDS = ["", " ", "nowhere", "../nowhere", "/dev/null", "7", "-1", "nan", "1e400", "a=b", "=", "a="]
WORDS += [
    "attack=pgdd",
    "attack.stpes=3",
    "attack=",
    "seed=abc",
    "~attack",
    "+a=1",
    "[",
    "a=[1",
    "'",
]
WORDS += [
    "帽子=é",
    "\u202e",
    "a=\x1b[2J",
    "a=${b}",
    "a=${oc.env:X}",
    "hydra.x=1",
    "a@b=c",
    "ls",
    "gc",
]
WORDS += [
    "export",
    "html",
    "csv",
    "text",
    "a" * 3000,
    "attack=pgd,cw",
    "a=range(1",
    "%s",
    "{}",
    "*",
]


def lines(count, seed=0):
    """Yield command lines of one to five words, commands and their flags among them."""
    draw = random.Random(seed)
    for n in range(count):
        first = [draw.choice([*COMMANDS, "leaderbord"])] if n % 4 else []
        yield [*first, *draw.choices(FLAGS + 2 * WORDS, k=draw.randint(1, 4))]


def outcome(line, capfd, monkeypatch):
    """Return the exit code of a line run in this process, and what was written."""
    monkeypatch.setattr(sys, "argv", ["vrbench", *line])
    monkeypatch.delenv(FULL, raising=False)
    try:
        main()
        code = 0
    except SystemExit as done:
        code = done.code
    out, err = capfd.readouterr()
    return code or 0, out + err


@pytest.mark.parametrize(
    ("count", "seed"), [(8, 0), pytest.param(400, 1, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_no_command_line_ends_in_a_traceback(count, seed, capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for line in lines(count, seed):
        code, told = outcome(line, capfd, monkeypatch)
        assert code in (0, 2), f"{line}: {code}, {told[-300:]}"
        assert "Traceback" not in told, line
        assert code == 0 or told.strip(), line


SCRIPT = Path(__file__).parents[1] / "scripts" / "fuzz_settings.py"


@pytest.mark.parametrize(
    "sample", [60, pytest.param(10**9, marks=pytest.mark.slow)], ids=["few", "all"]
)
def test_no_wrong_setting_ends_in_a_traceback_or_does_not_end(sample, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--sample", str(sample)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = runpy.run_path(str(SCRIPT))["main"]()
    *told, last = capsys.readouterr().out.splitlines()
    assert code == 0, told[:20]
    clear, _, traceback, endless = map(int, last.split()[1:])
    assert traceback == endless == 0
    assert clear > sample // 2 or sample > 1000


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VRBENCH_STORE", "")
    monkeypatch.setattr(sys, "argv", ["vrbench", "store", "ls"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "vrbench: no store at store: " in capsys.readouterr().err
