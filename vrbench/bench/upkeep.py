"""What a store holds, what it is for, and what may go."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import Timeout

from vrbench.bench.lock import LOCK, lock_of
from vrbench.bench.seal import FILES, SPEC, check
from vrbench.bench.store import DRAFT, MARKER
from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.spec import digest

SIZES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
AGES = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
KEY = re.compile("[0-9a-f]{16}")
CHECKPOINT = ".checkpoint"  # after a key: of a training that was interrupted
TOLD = ("attack", "budget", "objective", "recommender", "extractor", "signal", "visuals")


@dataclass(frozen=True)
class Kept:
    """One artifact.

    Attributes:
        address: ``<stage>/<key>``.
        size: bytes on disk.
        used: when a run last asked for it, in seconds since 1970.
        what: what it is, in words.
    """

    address: str
    size: int
    used: float
    what: str

    @property
    def stage(self) -> str:
        """The kind of artifact."""
        return self.address.partition("/")[0]


def kept(root: Path) -> list[Kept]:
    """Return every artifact of a store, by address.

    Raises:
        MissingDataError: if there is no such folder.
    """
    if not root.is_dir():
        raise MissingDataError(f"no store at {root}: name it by --store, or set VRBENCH_STORE")
    found = []
    for folder in _folders(root):
        if is_artifact(folder):
            with suppress(FileNotFoundError):  # taken away meanwhile
                size = sum(file.lstat().st_size for file in folder.iterdir())
                address = f"{folder.parent.name}/{folder.name}"
                found.append(Kept(address, size, folder.stat().st_mtime, _what(folder / SPEC)))
    return found


def _folders(root: Path) -> Iterator[Path]:
    """Yield what lies in the stages of a store, sorted; no link is followed."""
    for stage in sorted(root.iterdir()):
        if stage.is_dir() and not stage.is_symlink():
            yield from sorted(p for p in stage.iterdir() if p.is_dir() and not p.is_symlink())


def is_artifact(folder: Path) -> bool:
    """Return whether a folder is an artifact's: named by a key, with a spec and nothing strange."""
    if not KEY.fullmatch(folder.name) or not (folder / SPEC).is_file():
        return False
    return all(p.name in FILES and not p.is_symlink() and p.is_file() for p in folder.iterdir())


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


def _what(path: Path) -> str:
    """Return a description of an artifact from its ``spec.json``."""
    try:
        spec = json.loads(path.read_text())
    except ValueError:
        return "damaged"
    if not isinstance(spec, dict):
        return _named(spec)
    words = [_named(spec[key]) for key in TOLD if spec.get(key)]
    items = spec.get("items") or spec.get("targets")
    words += [f"{len(items)} items"] if isinstance(items, list) else []
    words += [f"seed {spec['seed']}"] if "seed" in spec else []
    return ", ".join(words) or _named(list(spec.values()))


def _named(value: Any) -> str:
    if isinstance(value, dict) and "overlay" in value:
        return f"{_named(value['base'])} under {_named(value['overlay'])}"
    if isinstance(value, dict) and "name" in value:
        inside = [_named(v) for v in value.get("of", {}).values()]
        size = [str(value["eps"])] if "eps" in value else []
        return " ".join([str(value["name"]), *size, *(f"({name})" for name in inside)])
    if isinstance(value, list):
        return " ".join(str(v) for v in value if isinstance(v, str | int | float))
    return str(value) if isinstance(value, str | int | float) else ""


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


def in_bytes(told: str) -> int:
    """Return ``10GB`` as a number of bytes.

    Raises:
        ConfigError: if it is no size.
    """
    return int(_amount(told.upper(), SIZES, "a size such as 10GB"))


def in_seconds(told: str) -> float:
    """Return ``30d`` as a number of seconds.

    Raises:
        ConfigError: if it is no age.
    """
    return _amount(told, AGES, "an age such as 30d, 12h or 2w")


def _amount(told: str, units: dict[str, int], expected: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]+)", told)
    if not found or found[2] not in units:
        raise ConfigError(f"expected {expected}, got {told!r}")
    return float(found[1]) * units[found[2]]


def size(count: int) -> str:
    """Return a number of bytes for a reader."""
    unit = next((u for u in reversed(SIZES) if count >= SIZES[u]), "B")
    return f"{count / SIZES[unit]:.3g} {unit}"


def age(seconds: float) -> str:
    """Return a span of time for a reader."""
    unit = next((u for u in ("d", "h") if seconds >= AGES[u]), "m")
    return f"{max(seconds, 0) / AGES[unit]:.0f} {unit}"
