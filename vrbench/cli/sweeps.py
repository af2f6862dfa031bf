"""Sweeps started by a command, each as a subprocess."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from vrbench.cli.folders import conf_dir, own_dir
from vrbench.cli.overrides import quoted
from vrbench.cli.preflight import cells
from vrbench.cli.trouble import Ended
from vrbench.core.errors import ConfigError
from vrbench.report.run_records import Entry, read

log = logging.getLogger(__name__)


LOG = "sweep.log"  # what its cells print
SOON = 0.5  # seconds between two looks at what is done


def launch(overrides: Sequence[str], folder: Path, step: Callable[[], None] = lambda: None) -> None:
    """Run ``python -m vrbench -m`` as a subprocess; its output goes to a file.

    Args:
        overrides: as on the command line.
        folder: of the cells, and of ``sweep.log``.
        step: called once for each cell that is done.

    Raises:
        ConfigError: if no cell left anything there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / LOG
    log.info("python -m vrbench -m %s\n  (%s)", shlex.join(overrides), told)
    command = [sys.executable, "-m", "vrbench", "-m", *overrides]
    command.append(f"hydra.sweep.dir={quoted(str(folder.resolve()))}")
    command += [f"--config-dir={own}"] if (own := own_dir()) else []
    with (
        _ended_properly(),
        open(told, "w", encoding="utf-8") as out,
        subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as running,
    ):
        _watch(running, folder, step)
    if not any(folder.rglob("rows.json")):
        *_, last = ["nothing was said", *told.read_text().strip().splitlines()]
        raise ConfigError(f"no rows in {folder} (exit code {running.returncode}): {last}")


@contextmanager
def _ended_properly() -> Iterator[None]:
    """Leave by an exception where this process is ended (SIGTERM), so that its sweep is, too."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only that one hears of signals
        return

    def end(*_: object) -> None:
        raise Ended(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _watch(running: subprocess.Popen[bytes], folder: Path, step: Callable[[], None]) -> None:
    """Wait for a sweep to end, counting its cells as they are done; each has a folder there."""
    done: set[str] = set()
    ended = False
    try:
        while not ended:
            with suppress(subprocess.TimeoutExpired):
                running.wait(SOON)
            ended = running.poll() is not None
            for cell in set(os.listdir(folder)) - done:
                if (folder / cell / "rows.json").is_file():
                    done.add(cell)
                    step()
    finally:
        if not ended:
            running.kill()  # nobody waits for it any more


def sweep(
    overrides: Sequence[str], folder: Path, step: Callable[[], None] = lambda: None
) -> list[Entry]:
    """Launch a sweep and return the records of its cells below ``folder``.

    Cells that fail say so and leave the others alone; what is in the store is not made again.

    Args:
        overrides: as on the command line.
        folder: emptied of earlier cells, which the same sweep would write again.
        step: called once for each cell that is done.

    Raises:
        ConfigError: if a cell left nothing: its process was ended.
    """
    for old in folder.rglob("rows.json"):
        old.unlink()
    launch(overrides, folder, step)
    found = [entry | {"folder": str(path.parent)} for path, entry in read([folder])]
    if len(found) < (wanted := cells(list(overrides), conf_dir())):
        raise ConfigError(
            f"{len(found)} of {wanted} cells came to an end: see the last lines of "
            f"{folder / LOG}; the same command goes on"
        )
    return found
