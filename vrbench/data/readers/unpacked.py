"""Atomic unpacking of downloads, safe among several processes."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vrbench.core.errors import DataError, StorageError, VRBenchError
from vrbench.core.files import sha256

log = logging.getLogger(__name__)
SOURCE = ".source.json"  # in a folder: what it was made of


def unpacked(archive: Path, folder: Path, write: Callable[[Path], None]) -> None:
    """Have ``folder`` hold what ``write`` makes of ``archive``, as the archive is now.

    One process makes it, in a draft beside it that takes the folder's place when it is whole;
    others wait. A folder made of the same content stays; one made of another archive is replaced.

    Args:
        archive: the file.
        folder: where its content shall be.
        write: fills the new folder that it is given.

    Raises:
        DataError: if the folder holds what was never in an archive; and what ``write`` raises.
        StorageError: if it cannot be written.
    """
    if _is_of(folder, archive):
        return
    with alone(folder) as draft:
        if _is_of(folder, archive):
            return
        source = {"sha256": sha256(archive), "seen": _seen(archive)}
        draft.mkdir()
        write(draft)
        if _seen(archive) != source["seen"]:
            raise DataError(f"{archive} was changed while it was unpacked: run it again")
        (draft / SOURCE).write_text(json.dumps(source))
        _replace(folder, draft)
        log.info("unpacked %s into %s", archive, folder)


@contextmanager
def alone(target: Path) -> Iterator[Path]:
    """Yield the name of a draft of ``target``, which no other process has; others wait.

    The operating system frees the lock of a process that died, and the next one removes its draft.

    Raises:
        StorageError: if the folder cannot be written to, or its disk is full.
    """
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            log.info("waiting for another process that is making %s", target)
            lock.acquire()
        try:
            _remove_drafts(target)
            yield Path(tempfile.mkdtemp(prefix=_prefix(target), dir=target.parent)) / target.name
        finally:
            _remove_drafts(target)
            # Whoever waits for this file finds the work done, or fails as it failed here: two that
            # work at once after that have drafts of their own.
            with suppress(OSError):
                Path(lock.lock_file).unlink()
            lock.release()
    except VRBenchError:
        raise
    except OSError as error:
        if error.errno is None:
            raise
        raise StorageError(
            f"cannot write {target} ({error.strerror}): make room, or copy what it is made of to a "
            "folder of your own"
        ) from error


def _prefix(target: Path) -> str:
    return f".{target.name}.draft."


def _remove_drafts(target: Path) -> None:
    for left in target.parent.glob(f"{_prefix(target)}*"):
        shutil.rmtree(left, ignore_errors=True)


def _replace(folder: Path, draft: Path) -> None:
    """Put ``draft`` in the place of ``folder``, if that holds nothing but what an archive held."""
    if folder.is_dir():
        made = {p.name for p in draft.iterdir()}
        own = sorted(p.name for p in folder.iterdir() if p.name not in made)
        if own:
            raise DataError(
                f"{folder} holds {own[0]!r}, which is not from its archive: move the folder away, "
                "and it is made anew"
            )
        os.replace(folder, draft.with_name("old"))  # removed with the drafts
    os.replace(draft, folder)


def _is_of(folder: Path, archive: Path) -> bool:
    """Return whether a folder was made of what an archive holds now; hashed if it was touched."""
    try:
        source: Any = json.loads((folder / SOURCE).read_text())
        noted, seen = source["sha256"], source["seen"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if seen == _seen(archive):
        return True
    if noted != sha256(archive):
        return False
    with suppress(OSError):  # a folder of data may be read-only
        draft = folder / f"{SOURCE}.{os.getpid()}"
        draft.write_text(json.dumps({"sha256": noted, "seen": _seen(archive)}))
        os.replace(draft, folder / SOURCE)
    return True


def _seen(archive: Path) -> list[int]:
    """Return what tells a file that was replaced or rewritten, without reading it."""
    found = archive.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
