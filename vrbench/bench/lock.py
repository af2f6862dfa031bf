"""One process makes an artifact; others wait, and are told for whom."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)
LOCK = ".lock"  # after a key: who makes or takes it away
SOON, PATIENCE = 0.2, 60.0  # seconds until a wait is said, and said again


def lock_of(folder: Path, timeout: float = -1) -> FileLock:
    """Return the lock of an artifact's folder, for whoever may write beside it."""
    mode = (folder.parent.stat().st_mode & 0o666) | 0o600  # as the folder's: the umask was there
    return FileLock(folder.with_name(folder.name + LOCK), timeout=timeout, mode=mode)


@contextmanager
def locked(folder: Path, draft: Path) -> Iterator[None]:
    """Hold the lock of an artifact while it is made.

    The operating system frees the lock of a process that died, so it is taken over at once.

    Args:
        folder: of the artifact; its parent is there.
        draft: where the holder says who it is.
    """
    lock, wait = lock_of(folder), SOON
    while True:
        try:
            lock.acquire(timeout=wait)
            break
        except Timeout:
            log.info("waiting for another run that is making %s%s", folder, holder(draft))
            wait = PATIENCE
    try:
        yield
    finally:
        lock.release()


def sign(path: Path) -> None:
    """Write down who this process is."""
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    told = {"host": socket.gethostname(), "process": os.getpid(), "since": now}
    path.write_text(json.dumps(told))


def holder(path: Path) -> str:
    """Return who signed, in words; nothing where nobody did."""
    try:
        told = json.loads(path.read_text())
        return f" (process {told['process']} on {told['host']}, since {told['since']})"
    except (OSError, ValueError, KeyError, TypeError):  # it may come and go
        return ""
