"""A sweep that is started from inside: what is done is counted while it runs."""

import subprocess
import sys

from vrbench.cli import sweeps

WRITES = """
import pathlib, sys, time
for n in range(3):
    cell = pathlib.Path(sys.argv[1], str(n))
    (cell / "pictures").mkdir(parents=True)
    time.sleep(0.05)
    (cell / "rows.json").write_text("{}")
pathlib.Path(sys.argv[1], "sweep.log").write_text("")
"""


def test_every_cell_is_counted_once_and_only_when_it_is_done(tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "SOON", 0.02)
    (tmp_path / "skipped").mkdir()
    there = []

    def step():
        there.append(len(list(tmp_path.glob("*/rows.json"))))

    with subprocess.Popen([sys.executable, "-c", WRITES, str(tmp_path)]) as running:
        sweeps._watch(running, tmp_path, step)
    assert len(there) == 3
    assert all(n <= counted for n, counted in enumerate(there, 1))
