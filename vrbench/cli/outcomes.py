"""Outcome of a run or a sweep: result files, summary table, exit code."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from vrbench.cli import output
from vrbench.core.errors import ConfigError, StorageError

log = logging.getLogger("vrbench")
SWEEP = "sweep.json"  # how many cells, and when it began: read by every process of it
DONE = "sweep.done"  # a byte for each cell that has ended
ROWS, PLAN = "rows.json", "dry_run.json"  # what a run leaves; a dry one touches no rows
LOCK = ".lock"
ROOM = 1 << 18  # bytes that a folder must have room for


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Lock an output folder, so that no second run overwrites its rows.

    Raises:
        ConfigError: if another run is writing there.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(
            f"another run is writing to {folder}: give this one a folder of its own, with "
            "hydra.run.dir=FOLDER (hydra.sweep.dir=FOLDER for a sweep)"
        ) from None
    try:
        yield
    finally:
        lock.release()


def leave(folder: Path, entry: dict[str, Any], dry: bool) -> Path:
    """Write the record of a run atomically; return its path.

    Raises:
        StorageError: if it cannot be written.
    """
    place = folder / (PLAN if dry else ROWS)
    draft = place.with_name(place.name + ".part")  # so that nobody reads half of it
    try:
        draft.write_text(json.dumps(entry, indent=1))
        draft.replace(place)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write {place} ({error.strerror}): what was made is in the store; run it again "
            "with hydra.run.dir on another disk"
        ) from error
    return place


def check_writable(folder: Path) -> None:
    """Exit with one line unless a folder can be made, or is there, and has room for a run."""
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.exists(place))
    try:
        with tempfile.TemporaryFile(dir=there) as probe:
            probe.write(bytes(ROOM))
    except OSError as error:
        sys.stderr.write(
            f"vrbench: cannot write to the run folder {folder} ({error.strerror}): set "
            "hydra.run.dir, or hydra.sweep.dir for a sweep, to another one\n"
        )
        sys.exit(2)  # Hydra would only warn of any other exception here


class Report(Callback):
    """Sums up a run or a sweep in the process that the user started.

    Args:
        sweep: what its cells call it: those of an earlier sweep may lie in the same folder.
    """

    failures: list[str] = []  # noqa: RUF012 (one process, one command)

    def __init__(self, sweep: str) -> None:
        self.sweep = sweep

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Stop, before anything is computed, if the run's folder cannot be written to."""
        check_writable(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Stop, before anything is computed, if the sweep's folder cannot be written to."""
        from vrbench.cli.preflight import count  # not for --help

        folder = Path(config.hydra.sweep.dir)
        check_writable(folder)
        cells = count(config.hydra.overrides.task, config.hydra.sweeper.get("params") or {})
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SWEEP).write_text(json.dumps({"cells": cells, "began": time.time()}))
        (folder / DONE).write_bytes(b"")

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Say how many cells of a sweep are done, and the time that is left."""
        from vrbench.cli.pace import progress

        folder = Path(config.hydra.sweep.dir)
        if config.hydra.mode is not RunMode.MULTIRUN or not (folder / SWEEP).is_file():
            return
        sweep = json.loads((folder / SWEEP).read_text())
        with open(folder / DONE, "ab") as ended:  # several processes may add to it
            ended.write(b".")
            ended.flush()
            done = ended.tell()
        if done <= sweep["cells"] and sweep["cells"] > 1:
            spent = time.time() - sweep["began"]
            left = spent / done * (sweep["cells"] - done)
            log.info("%s", progress(done, sweep["cells"], left))

    def on_run_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Note whether the run ended with an error."""
        self._collect([Path(config.hydra.run.dir)])

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print one table of the sweep's cells, and what failed."""
        from vrbench.report.leaderboard import sweep_table

        folder = Path(config.hydra.sweep.dir)
        inside = {path.parent for name in (ROWS, PLAN) for path in folder.rglob(name)}
        entries = self._collect(sorted(inside, key=lambda path: (len(str(path)), str(path))))
        if any("rows" in entry for entry in entries):
            log.info("\n%s\n\n%s", sweep_table(entries, output.width()), folder)

    def _collect(self, folders: list[Path]) -> list[dict[str, Any]]:
        """Return what the runs of this command left, and note what failed of it."""
        from vrbench.report.run_records import readable

        found = [folder / name for folder in folders for name in (ROWS, PLAN)]
        told = readable(path for path in found if path.exists())
        entries = [entry for _, entry in told if entry.get("sweep") == self.sweep]
        self.failures.extend(entry["error"] for entry in entries if "error" in entry)
        if entries and all("skipped" in entry for entry in entries):
            self.failures.append("every cell was skipped")
        return entries
