"""A command line that introduces itself: ``--help``, ``--version``, completion, exit codes."""

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import vrbench
from vrbench.cli.commands import COMMANDS
from vrbench.cli.completion import commands_for
from vrbench.cli.folders import choice_names, conf_dir
from vrbench.cli.usage import overview
from vrbench.core.errors import MissingDataError

ROOT = Path(__file__).parents[1]
AXES = ("dataset", "extractor", "recommender", "attack", "budget", "objective", "scenario")
AXES += ("metrics", "threat", "machine", "track", "preset", "experiment")


def asked(*arguments, **settings):
    env = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"} | settings.pop("env", {})
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | settings
    command = [sys.executable, "-m", "vrbench", *arguments]
    return subprocess.run(command, env=env, text=True, check=False, **given)


def test_help_shows_every_command_and_axis():
    done = asked("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == overview(COMMANDS, conf_dir())
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    for name, command in COMMANDS.items():
        assert f"  {name:<12} {command.summary}" in lines
        assert 20 < len(command.summary) <= 65
    shown = re.findall(r"^  (\w+) +([\w-]+) +(\d+)  (\w.*)$", done.stdout, re.MULTILINE)
    assert [axis for axis, *_ in shown] == list(AXES)
    for axis, choice, count, _ in shown:
        there = choice_names(axis, conf_dir())
        assert choice == "-" or choice in there
        assert int(count) == len(there)
    for flag in ("--hydra-help", "vrbench list AXIS", "--version", "COMMAND --help"):
        assert flag in done.stdout


@pytest.mark.parametrize("line", [["-h"], ["attack=pgd", "--help"], ["-m", "-h"]], ids=" ".join)
def test_help_is_asked_for_in_many_ways(line):
    assert asked(*line).stdout == overview(COMMANDS, conf_dir())


def test_neither_help_nor_version_needs_more_than_hydra():
    code = "import sys\nfrom vrbench.cli import main\ntry: main()\n"
    code += "except SystemExit as end: assert end.code == 0\n"
    code += "print({'torch', 'numpy', 'pandas', 'vrbench.cli.composition'} & set(sys.modules))"
    for line in (["--help"], ["--version"], ["leaderboard", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *line],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.endswith("set()\n")


def test_version_is_ours():
    done = asked("--version")
    assert (done.returncode, done.stdout) == (0, f"vrbench {vrbench.__version__}\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as done:
        COMMANDS[name](["--help"])
    assert done.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith(f"usage: vrbench {name} ")
    assert COMMANDS[name].summary[:20] in told
    assert max(map(len, told.splitlines())) <= 80


def test_a_mistyped_command_is_told_the_nearest():
    done = asked("leaderbord")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no command 'leaderbord'; did you mean 'leaderboard'?" in done.stderr


@pytest.mark.parametrize("line", [["--help"], ["list", "budget"], ["--cfg", "job"]], ids=" ".join)
def test_a_reader_who_has_enough_is_no_trouble(line):
    """As in ``vrbench list | head``: silence, and an exit code that shells know."""
    reader, writer = os.pipe()
    os.close(reader)
    done = asked(*line, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
def test_a_full_disk_behind_the_output_is_one_line():
    with open("/dev/full", "w") as full:
        done = asked("--help", stdout=full)
    assert done.returncode == 2
    assert done.stderr == "vrbench: cannot write: No space left on device\n"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("vrbench le", ["leaderboard"]),
        ("vrbench ", list(COMMANDS)),
        ("vrbench", list(COMMANDS)),
        ("vrbench attack=pgd le", []),
        ("vrbench attack=pgd ", []),
        ("vrbench leaderboard ", None),
        ("vrbench leaderboard ru", None),
        ("python -m vrbench cu", ["curves"]),
    ],
)
def test_commands_are_completed(line, found):
    assert commands_for(line, COMMANDS) == found


def test_the_shell_is_told_commands_and_axes():
    done = asked("-sc", "query=bash", env={"COMP_LINE": "vrbench d"})
    assert {"design", "dataset="} <= set(done.stdout.split())
    done = asked("-sc", "query=bash", env={"COMP_LINE": "vrbench attack=pg"})
    assert "attack=pgd" in done.stdout.split()
    assert not set(COMMANDS) & set(done.stdout.split())
    done = asked("-sc", "query=bash", env={"COMP_LINE": "vrbench leaderboard "})
    assert (done.returncode, done.stdout) == (0, "")


def test_a_note_is_shown_once_a_process_and_a_cell_is_always_heard():
    from vrbench.cli.terminal import Once

    def record(name, told):
        return logging.LogRecord(name, logging.INFO, "", 0, told, (), None)

    first, again = Once(), Once()  # logging is set up anew for every cell
    assert first.filter(record("vrbench.metrics.lpips", "a note of test_usage"))
    assert not again.filter(record("vrbench.metrics.lpips", "a note of test_usage"))
    assert again.filter(record("vrbench.metrics.lpips", "another note of test_usage"))
    for _ in range(2):
        assert again.filter(record("vrbench", "skipped: no items"))


def test_a_wrong_option_of_a_command_is_one_line(capsys):
    for line, told in (
        (["audit", "--fail-above", "x"], "argument --fail-above: invalid float value: 'x'"),
        (["shop", "check"], "the following arguments are required: folder ("),
    ):
        with pytest.raises(SystemExit) as ended:
            COMMANDS[line[0]](line[1:])
        assert ended.value.code == 2
        (only,) = capsys.readouterr().err.splitlines()
        assert only.startswith(f"vrbench: {told}")
        assert f"vrbench {line[0]} --help" in only


def test_a_folder_that_is_not_there_is_said_once(caplog):
    with pytest.raises(MissingDataError, match="below nowhere"):
        COMMANDS["leaderboard"](["nowhere"])
    assert not caplog.records
