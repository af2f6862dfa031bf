"""A sweep says how many of its cells are done, and ends with the command that started it."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra.core.utils import JobReturn
from hydra.types import RunMode
from omegaconf import OmegaConf

from vrbench.cli import pace
from vrbench.cli.outcomes import Report


def test_every_cell_that_ends_is_counted_once_and_a_new_sweep_begins_at_none(tmp_path, caplog):
    hydra = {"mode": RunMode.MULTIRUN, "sweep": {"dir": str(tmp_path)}, "sweeper": {"params": None}}
    config = OmegaConf.create({"hydra": hydra | {"overrides": {"task": ["seed=0,1,2"]}}})
    report = Report("it")
    caplog.set_level(logging.INFO)
    for _ in range(2):
        caplog.clear()
        report.on_multirun_start(config)
        for _ in range(3):
            report.on_job_end(config, JobReturn())
        told = [record.getMessage().partition(",")[0] for record in caplog.records]
        assert told == ["1 of 3 cells", "2 of 3 cells", "3 of 3 cells"]


@pytest.mark.parametrize(("seconds", "left"), [(False, 990.0), (True, 99 * 15 / 6)])
def test_a_slow_start_does_not_decide_alone_where_the_times_were_measured(
    monkeypatch, seconds, left
):
    """A part of 1 s of 100 took 10; 5 s of the 100 are taken as if they had passed as expected."""
    monkeypatch.setattr(pace.time, "monotonic", lambda: 0.0)
    shown = pace.Pace([1.0] + [11.0] * 9, seconds=seconds)
    with shown.shown():
        monkeypatch.setattr(pace.time, "monotonic", lambda: 10.0)
        shown.step()
        assert shown.left() == pytest.approx(left)


def alive(pid):
    """Whether a process runs; one that has ended and is not yet collected does not."""
    told = Path(f"/proc/{pid}/stat")
    return told.exists() and told.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_a_command_that_is_ended_ends_its_sweep(tmp_path):
    stand_in = tmp_path / "python"
    stand_in.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/begun\nmv {tmp_path}/begun "
                        f"{tmp_path}/pid\nexec sleep 60\n")  # fmt: skip
    stand_in.chmod(0o755)
    code = "from pathlib import Path; import sys; from vrbench.cli import sweeps; "
    code += (
        f"sys.executable = {str(stand_in)!r}; sweeps.launch(['seed=0'], Path({str(tmp_path)!r}))"
    )
    command = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    until = time.monotonic() + 120
    while not (tmp_path / "pid").exists() and time.monotonic() < until:
        time.sleep(0.1)
    swept = int((tmp_path / "pid").read_text())
    assert alive(swept)
    os.kill(command.pid, signal.SIGTERM)
    assert command.wait(30) == 128 + signal.SIGTERM
    time.sleep(0.2)
    assert not alive(swept)
