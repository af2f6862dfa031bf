"""Output files of commands, checked for writability before the work."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from vrbench.core.errors import StorageError


def check(*paths: Path | None) -> None:
    """Check that files can be written, before what goes into them is computed.

    Args:
        paths: where to; None for what was not asked for. Missing folders are made.

    Raises:
        StorageError: names the first that cannot be.
    """
    for path in paths:
        if path is None:
            continue
        try:
            if path.exists():
                _check_there(path)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=path.parent):
                    pass
        except (OSError, ValueError) as error:
            raise _cannot(path, error) from None


def _check_there(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(0, "a folder is there")
    if not os.access(path, os.W_OK):
        raise PermissionError(0, "no permission")


def write(path: Path, told: str | bytes) -> None:
    """Write a file that was asked for.

    Raises:
        StorageError: if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(told.encode() if isinstance(told, str) else told)
    except (OSError, ValueError) as error:
        raise _cannot(path, error) from None


def _cannot(path: Path, error: Exception) -> StorageError:
    return StorageError(f"cannot write {path} ({getattr(error, 'strerror', None) or error})")
