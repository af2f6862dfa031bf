"""Provenance of an artifact: checksums, versions, device."""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

from vrbench.core.errors import DataError
from vrbench.core.files import sha256
from vrbench.core.spec import digest

log = logging.getLogger(__name__)
SPEC, NOTES, MADE = "spec.json", "notes.json", "made.json"
TENSORS, ROWS = "tensors.safetensors", "rows.npy"
HOLDER = "holder.json"  # in a draft only
ANSWERS = "answers.sqlite"  # of a recommender from outside; grows, and has no checksum
FILES = (SPEC, NOTES, MADE, TENSORS, ROWS, HOLDER, ANSWERS)  # all that is ever in its folder
PACKAGES = ("vrbench", "torch", "numpy", "scipy", "torchvision", "timm", "pillow")

_checked: set[tuple[str, int, int, int]] = set()  # files of this process; each is read once
_told: set[tuple[str, ...]] = set()  # mismatches that were said


def seal(draft: Path, device: str) -> None:
    """Write ``made.json``: size and sha256 of every file of a draft, versions, and the device.

    All files are on the disk, not only in its cache, when this returns.
    """
    files = {p.name: {"size": p.stat().st_size, "sha256": sha256(p)} for p in _own(draft)}
    told = {"files": files, "versions": versions(), "device": device}
    sealed = told | {"digest": digest(told)}
    (draft / MADE).write_text(json.dumps(sealed, indent=1, sort_keys=True))
    for path in _own(draft):
        flush(path)
    flush(draft)


def _own(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.name in FILES and p.name != HOLDER)


def flush(path: Path) -> None:
    """Have the operating system write a file or a folder to the disk."""
    if os.name == "nt":  # it opens no folder, and writes at once only what is open for writing
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # of file systems that write folders by themselves
            raise
    finally:
        os.close(fd)


def check(folder: Path, *, again: bool = False) -> dict[str, Any]:
    """Return what ``made.json`` says of a sound artifact; nothing where it has none.

    A file is read once per process and compared with its checksum (1.5 GB/s where the processor
    has SHA instructions, .5 elsewhere). Artifacts of older versions have no checksums: only their
    key is compared.

    Args:
        folder: of the artifact.
        again: read files even if this process did before.

    Raises:
        DataError: if anything is not as it was made; the text says what.
        OSError: if a file cannot be read.
    """
    try:
        inputs = json.loads((folder / SPEC).read_text())
    except (ValueError, FileNotFoundError) as error:
        raise DataError(f"{SPEC}: {error}") from error
    if digest(inputs) != folder.name:
        raise DataError(f"{SPEC} is of the key {digest(inputs)}")
    if not (folder / MADE).exists():
        return {}
    try:
        told: dict[str, Any] = json.loads((folder / MADE).read_text())
        if told.pop("digest") != digest(told):
            raise DataError(f"{MADE} is not what it was when it was made")
        files = {str(n): (int(f["size"]), str(f["sha256"])) for n, f in told["files"].items()}
    except DataError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{MADE} cannot be read: {error}") from error
    for name, known in files.items():
        _compare(folder / name, *known, again=again)
    if strange := sorted({p.name for p in _own(folder)} - files.keys() - {MADE}):
        raise DataError(f"{strange[0]} was put there later")
    return told


def _compare(path: Path, size: int, known: str, *, again: bool) -> None:
    """Raise unless a file has the size and the hash that were noted."""
    if path.name not in FILES:
        raise DataError(f"{MADE} names {path.name!r}")
    found = path.stat()
    if found.st_size != size:
        raise DataError(f"{path.name} has {found.st_size} bytes, and had {size} when it was made")
    seen = (str(path), found.st_size, found.st_mtime_ns, found.st_ino)
    if again or seen not in _checked:
        if sha256(path) != known:
            raise DataError(
                f"{path.name} is not what it was when it was made: its checksum differs"
            )
        _checked.add(seen)


@cache
def versions() -> dict[str, str]:
    """Return the versions of what makes numbers here."""
    return dict(_versions())


def _versions() -> Iterator[tuple[str, str]]:
    yield "python", python_version()
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue


def tell_other_versions(address: str, made: dict[str, Any]) -> None:
    """Log, once per process and difference, that other versions made an artifact."""
    own, other = versions(), made.get("versions")
    if not isinstance(other, dict):
        return
    differ = [f"{n} {v}, here {own[n]}" for n, v in sorted(other.items()) if own.get(n, v) != v]
    if differ and tuple(differ) not in _told:
        _told.add(tuple(differ))
        log.info("the store holds artifacts (such as %s) made by %s", address, "; ".join(differ))
