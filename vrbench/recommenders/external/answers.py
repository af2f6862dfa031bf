"""Answers of a recommender from outside, kept so that nothing is asked twice."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from vrbench.core.errors import StorageError
from vrbench.core.spec import describe, digest

STAGE, FILE, SPEC = "answers", "answers.sqlite", "spec.json"
WAIT = 60.0  # seconds that a writer waits for another one
EVERY = 1.0  # seconds after which answers are written down


class Answers:
    """Arrays by key: in memory, or in a store, one file for each release that was named.

    What came within a second is written at once; that much is lost if the process is killed.

    Args:
        spec: whose they are; the file's address is made of it.
        store: folder of the store; None: memory, and they are gone with the process.

    Raises:
        StorageError: if the file cannot be used.
    """

    def __init__(self, spec: Any, store: Path | None = None) -> None:
        self._spec, self._held = spec, dict[str, np.ndarray]()
        self._folder = None if store is None else store / STAGE / digest(spec)
        self._file: sqlite3.Connection | None = None
        self._written = 0.0

    def get(self, key: str) -> np.ndarray | None:
        """Return an answer, float32; None if there is none."""
        if self._folder is None or key in self._held or not (self._folder / FILE).exists():
            return self._held.get(key)
        with self._opened() as file:
            row = file.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        try:
            found: np.ndarray = np.load(io.BytesIO(row[0]), allow_pickle=False)
        except (ValueError, EOFError, OSError, TypeError) as error:
            raise self._trouble(error) from error
        return found

    def put(self, key: str, answer: np.ndarray) -> None:
        """Keep an answer."""
        self._held[key] = answer
        if time.monotonic() - self._written > EVERY:
            self.write()

    def write(self) -> None:
        """Write down what is not yet, where there is a store."""
        if self._folder is None or not self._held:
            return
        with self._opened() as file:
            _write(file, self._held)
        self._written = time.monotonic()
        with suppress(OSError):
            os.utime(self._folder)  # when it was last of use: `store gc` goes by it

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._file is None:
                self._file = self._made()
            yield self._file
        except (sqlite3.Error, OSError) as error:
            raise self._trouble(error) from error

    def _made(self) -> sqlite3.Connection:
        assert self._folder is not None
        self._folder.mkdir(parents=True, exist_ok=True)
        if not (self._folder / SPEC).exists():
            told = json.dumps(describe(self._spec), indent=1, sort_keys=True)
            (self._folder / SPEC).write_text(told)
        file = sqlite3.connect(self._folder / FILE, timeout=WAIT, check_same_thread=False)
        with file:
            file.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer)")
        weakref.finalize(self, _close, file, self._held)
        return file

    def _trouble(self, error: Exception) -> StorageError:
        return StorageError(
            f"cannot use the answers in {self._folder} ({error}): delete that folder, or set "
            "store=FOLDER"
        )


def _write(file: sqlite3.Connection, held: dict[str, np.ndarray]) -> None:
    """Move what is held into a file."""
    rows = []
    for key, answer in held.items():
        packed = io.BytesIO()
        np.save(packed, answer, allow_pickle=False)
        rows.append((key, packed.getvalue()))
    with file:
        file.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", rows)
    held.clear()


def _close(file: sqlite3.Connection, held: dict[str, np.ndarray]) -> None:
    """Write down the last answers of a process, if it can still be done."""
    with suppress(sqlite3.Error):
        _write(file, held)
    file.close()
