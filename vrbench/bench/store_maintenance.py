"""What a store holds, what it is for, and what may go."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from vrbench.bench.lock import LOCK, lock_of
from vrbench.bench.seal import SPEC, check
from vrbench.bench.store import DRAFT, MARKER
from vrbench.bench.store_contents import CHECKPOINT, KEY, Kept, is_artifact, kept
from vrbench.core.errors import ConfigError, DataError
from vrbench.core.spec import digest


def check_is_store(root: Path) -> None:
    """Raise unless a folder is a store: marked as one, or an old one that holds nothing else.

    An old store without a mark is one if each folder in it holds artifacts, whose specs have the
    digests that they are named by, and what runs leave beside them.

    Raises:
        ConfigError: naming what speaks against it.
    """
    if (root / MARKER).is_file():
        return
    for stage in sorted(root.iterdir()):
        inside = [stage] if stage.is_symlink() or not stage.is_dir() else sorted(stage.iterdir())
        if strange := [p for p in inside if not _is_own(p)]:
            raise ConfigError(
                f"{root} is not a store of vrbench, or not only one: it holds {strange[0]}. "
                f"Nothing was deleted"
            )


def _is_own(path: Path) -> bool:
    """Return whether an entry of a stage is what runs make, in a store without a mark."""
    if path.is_symlink():
        return False
    key = path.name.removeprefix(DRAFT).removesuffix(LOCK).removesuffix(CHECKPOINT)
    if path.name != key or not path.is_dir():
        return KEY.fullmatch(key) is not None
    try:
        return is_artifact(path) and digest(json.loads((path / SPEC).read_text())) == key
    except ValueError:
        return False


@dataclass(frozen=True)
class Faults:
    """What is wrong with a store.

    Attributes:
        damaged: one line per artifact that is not as it was made.
        unsealed: how many have no checksum, as those of older versions.
        sound: how many are as they were made.
    """

    damaged: list[str]
    unsealed: int
    sound: int


def checked(root: Path) -> Faults:
    """Return which artifacts of a store are sound; every file is read."""
    damaged, unsealed, sound = [], 0, 0
    for artifact in kept(root):
        try:
            told = check(root / artifact.address, again=True)
        except (DataError, OSError) as error:
            damaged.append(f"{artifact.address} ({artifact.what}): {error}")
            continue
        unsealed, sound = unsealed + (not told), sound + bool(told)
    return Faults(damaged, unsealed, sound)


def to_go(
    artifacts: Sequence[Kept],
    *,
    keep: Collection[str] = (),
    stage: str | None = None,
    older_than: float | None = None,
    max_size: int | None = None,
    now: float | None = None,
) -> list[Kept]:
    """Return what may be deleted, least recently used first; every condition narrows it.

    Args:
        artifacts: all of a store.
        keep: addresses that stay.
        stage: of this stage only.
        older_than: not asked for since so many seconds.
        max_size: no more of them than are needed to bring the store to so many bytes.
        now: the time, if not the present.
    """
    now = time.time() if now is None else now
    going = [
        a
        for a in sorted(artifacts, key=lambda a: (a.used, a.address))
        if a.address not in keep
        and stage in (None, a.stage)
        and (older_than is None or now - a.used > older_than)
    ]
    if max_size is None:
        return going
    over, taken = sum(a.size for a in artifacts) - max_size, []
    for artifact in going:
        if over <= 0:
            break
        taken.append(artifact)
        over -= artifact.size
    return taken


def remove(root: Path, address: str) -> bool:
    """Delete one artifact, at once for whoever looks for it; False if a run is making it."""
    folder = root / address
    with _held(folder) as held:
        if held:
            draft = folder.with_name(DRAFT + folder.name)
            with suppress(FileNotFoundError):
                os.replace(folder, draft)
            shutil.rmtree(draft, ignore_errors=True)  # follows no link
        return held


def litter(root: Path) -> list[Path]:
    """Return drafts that no run is writing, and locks of nothing that no run holds."""
    found = []
    for stage in sorted(root.iterdir()):
        if stage.is_symlink() or not stage.is_dir():
            continue
        for path in sorted(stage.iterdir()):
            key = path.name.removeprefix(DRAFT).removesuffix(LOCK)
            if path.name == key or not KEY.fullmatch(key) or path.is_symlink():
                continue
            of_nothing = path.name.startswith(DRAFT) or not path.with_name(key).exists()
            if of_nothing and _idle(path.with_name(key)):
                found.append(path)
    return found


def sweep(root: Path, path: Path) -> bool:
    """Delete a piece of litter; False if a run has taken it up meanwhile."""
    key = path.name.removeprefix(DRAFT).removesuffix(LOCK)
    with _held(path.with_name(key)) as held:
        if held:
            shutil.rmtree(path.with_name(DRAFT + key), ignore_errors=True)
        return held


def _idle(folder: Path) -> bool:
    """Return whether nobody holds the lock of an artifact; leaves no lock that was not there."""
    lock = folder.with_name(folder.name + LOCK)
    if not lock.exists():
        return True
    try:
        with lock_of(folder, timeout=0):
            return True
    except Timeout:
        return False


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold the lock of an artifact and take its file away; False if somebody else holds it."""
    lock = lock_of(folder, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        with suppress(OSError):  # whoever waits for it sees that it is gone, and makes another
            os.unlink(lock.lock_file)
        lock.release()
