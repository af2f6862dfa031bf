"""Where nothing can be written, or somebody stops a run: one line, and nothing is lost."""

import os
import sys
from pathlib import Path

import pytest
import torch

from vrbench.cli import app
from vrbench.cli.commands.check import _made_elsewhere
from vrbench.cli.outcomes import check_writable, leave
from vrbench.cli.trouble import Ended
from vrbench.core.errors import StorageError
from vrbench.testing import world


def exit_of(call, *arguments):
    with pytest.raises(SystemExit) as stopped:
        call(*arguments)
    return stopped.value.code


def test_a_run_folder_below_a_file_is_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert exit_of(check_writable, tmp_path / "file" / "run") == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "cannot write to the run folder" in told


def test_a_run_folder_that_can_be_written_is_left_as_it_is(tmp_path):
    check_writable(tmp_path / "new" / "run")
    assert not os.listdir(tmp_path)


def test_the_folder_of_an_example_goes_with_the_process(monkeypatch):
    told = []
    monkeypatch.setattr(world.atexit, "register", lambda *call, **more: told.append((call, more)))
    place = Path(world.toy_folder())
    assert (place / "items.csv").is_file()
    (((remove, *given), more),) = told
    remove(*given, **more)
    assert not place.exists()


def test_ctrl_c_is_one_line_and_no_success(monkeypatch, capsys):
    def stopped(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "_command", stopped)
    monkeypatch.setattr(sys, "argv", ["vrbench"])
    assert exit_of(app.main) == 130
    assert capsys.readouterr().err.startswith("vrbench: interrupted")


def test_a_command_that_is_ended_says_so_and_blames_no_component(monkeypatch, capsys):
    def ended(arguments):
        raise Ended(143)

    monkeypatch.setitem(app.COMMANDS, "audit", ended)
    monkeypatch.setattr(sys, "argv", ["vrbench", "audit"])
    assert exit_of(app.main) == 143
    assert capsys.readouterr().err.startswith("vrbench: interrupted")


def test_an_out_file_that_cannot_be_written_is_one_line(monkeypatch, capsys, tmp_path):
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "table.txt"
    monkeypatch.setattr(sys, "argv", ["vrbench", "list", "budget"])
    monkeypatch.setattr(app, "_command", lambda _: out.write_text("table"))
    assert exit_of(app.main) == 2
    told = capsys.readouterr().err
    assert told == f"vrbench: {out}: Not a directory\n"


@pytest.mark.parametrize(
    ("machine", "stages", "made"),
    [
        ({"device": "cpu"}, [{"device": "cpu"}, {}], ""),
        ({}, [], ""),
        ({"device": "cpu"}, [{"device": "cuda:1"}], "cpu and cuda"),
    ],
)
def test_like_is_compared_with_like(machine, stages, made):
    assert _made_elsewhere({"machine": machine, "stages": stages}) == made


def test_what_a_missing_card_made_is_not_run_again(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert _made_elsewhere({"machine": {"device": "cuda"}}) == "cuda"


def test_rows_that_cannot_be_written_leave_no_part_of_them(tmp_path):
    (tmp_path / "rows.json").mkdir()
    with pytest.raises(StorageError, match=r"cannot write .*rows\.json .*is in the store"):
        leave(tmp_path, {}, dry=False)
    assert os.listdir(tmp_path) == ["rows.json"]
