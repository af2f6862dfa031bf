"""Files that somebody else packed, opened with their sizes checked and their faults named."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath

from vrbench.core.errors import DataError, VRBenchError
from vrbench.core.files import regular

BLOCK = 1 << 20
SMALL = 256 << 20  # bytes that any archive may unpack to
EXPANSION = 20  # how many times its own size a larger one may unpack to
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ForgedError(DataError):
    """A file is not what it says it is, or asks for too much; whoever opened it adds its name."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a damaged or forged file makes a reader stumble over into one line.

    Raises:
        MissingDataError: if it is not there.
        DataError: for any error but our own, which say more, naming the file; and if it is a
            folder, a device or a pipe, which a reader might wait for, or read, for ever.
    """
    regular(path)
    try:
        yield
    except ForgedError as error:
        raise DataError(f"{path} is refused: {error}") from None
    except VRBenchError:
        raise
    except zipfile.BadZipFile as error:
        told = _cut(error)
        raise DataError(f"{path} is damaged ({told}): delete it and fetch it again") from error
    except Exception as error:
        raise DataError(f"cannot read {path}: {_cut(error)}") from error


def _cut(error: Exception) -> str:
    """Return the beginning of what a reader says, which may be as long as the file."""
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__


def allowed(packed: int) -> int:
    """Return the bytes that an archive of ``packed`` bytes may unpack to."""
    return max(SMALL, EXPANSION * packed)


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive whose names stay inside and whose sizes are what they can be.

    Raises:
        DataError: if it is damaged, a name leads out of it, stands twice or is a link, or it would
            unpack to more than ``allowed``.
    """
    with reading(path), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        if total > allowed(path.stat().st_size):
            raise ForgedError(f"its {path.stat().st_size:,} bytes would unpack to {total:,}")
        names = [member.filename for member in members]
        for member in members:
            _checked(member)
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ForgedError(f"{twice!r} stands twice in it")
        yield archive


def _checked(member: zipfile.ZipInfo) -> None:
    name = member.filename
    parts = PureWindowsPath(name)  # which knows both slashes, and drives
    if parts.anchor or ".." in parts.parts:
        raise ForgedError(f"the name {name!r} leads out of the archive")
    kind = member.external_attr >> 28  # the file type of Unix; 0 where it was not noted
    if kind not in (0, 0o04, 0o10):
        raise ForgedError(f"{name!r} is neither a file nor a folder")
    if member.flag_bits & 1:
        raise ForgedError(f"{name!r} is encrypted")
    if member.compress_type not in PACKED:
        raise ForgedError(f"{name!r} is packed in a way not read here")


def member_of(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return what a file of the archive holds, unpacked block by block to its stated size.

    Raises:
        ForgedError: if there is no such file.
    """
    try:
        opened = archive.open(name)
    except KeyError:
        raise ForgedError(f"it holds no {name!r}") from None
    with opened as file:
        return b"".join(iter(lambda: file.read(BLOCK), b""))
