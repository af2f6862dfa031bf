"""Files that a user or a list names: where they lie, what they are, what they hold."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

from vrbench.core.errors import DataError, MissingDataError

BLOCK = 1 << 22
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def sha256(path: str | Path) -> str:
    """Return the hash of a file as hexadecimal digits, read in blocks."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def read_yaml(path: Path) -> Any:
    """Return what a YAML file says, as plain data; nothing of it is executed.

    Raises:
        DataError: if it is no YAML.
    """
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, OSError) as error:
        raise DataError(f"{path} is no YAML: {' '.join(str(error).split())}") from error


def regular(path: Path, missing: str = "") -> Path:
    """Return ``path`` if it is a file, links followed.

    Whoever opens a device or a pipe may wait or read for ever.

    Args:
        path: what is to be opened.
        missing: what is said if it is not there; empty says that there is no such file.

    Raises:
        MissingDataError: if it is not there.
        DataError: if it is a folder, a device, a pipe or a socket, or may not be looked at.
    """
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        raise MissingDataError(missing or f"no file {path}") from None
    except (OSError, ValueError) as error:  # ValueError: a zero in the name
        raise DataError(f"cannot read {path}: {getattr(error, 'strerror', error)}") from error
    if kind != stat.S_IFREG:
        raise DataError(f"{path} is {KINDS.get(kind, 'no file')}, not a file")
    return path


class Confined:
    """The files of a list that somebody wrote, none of which lies outside of a folder.

    Args:
        folder: what names are relative to.
        others: folders that they may lie in, too.
        absolute: whether a name may be an absolute path.
    """

    def __init__(self, folder: Path, *others: Path, absolute: bool = False) -> None:
        self.folder, self.absolute = folder, absolute
        self.allowed = [os.path.realpath(place) for place in (folder, *others)]
        self._parents: dict[Path, str] = {}

    def path(self, name: str) -> Path:
        """Return where ``name`` lies.

        Raises:
            DataError: if it is absolute, or it or a link leads out of the folder.
        """
        path = self.folder / name
        if (self.absolute or not Path(name).is_absolute()) and self._is_inside(path):
            return path
        raise DataError(f"{name!r} leads out of the folder {self.folder}")

    def _is_inside(self, path: Path) -> bool:
        if path.parent not in self._parents:
            self._parents[path.parent] = os.path.realpath(path.parent)
        real = os.path.join(self._parents[path.parent], path.name)
        if path.name == ".." or os.path.islink(real):
            real = os.path.realpath(real)
        return any(os.path.commonpath([place, real]) == place for place in self.allowed)
