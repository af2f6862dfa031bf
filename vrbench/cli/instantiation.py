"""Instantiation of checked configuration nodes."""

from __future__ import annotations

from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from vrbench.cli.effort import without_effort
from vrbench.cli.trouble import ended
from vrbench.core.errors import DataError


def make(cfg: Any) -> Any:
    """Return the object of a checked node; its errors are raised unchanged.

    Raises:
        VRBenchError: as the constructor says; if what it looks for cannot be looked at, too.
        RuntimeError: if it tried to end the process.
    """
    try:
        return instantiate(without_effort(cfg), _convert_="all")
    except InstantiationException as error:
        if error.__cause__ is None:
            raise
        raise _plain(error.__cause__) from None
    except SystemExit as error:
        raise ended(error) from None


def _plain(error: BaseException) -> BaseException:
    """Return a file's trouble, such as a name that is too long, as one line; else ``error``."""
    if not isinstance(error, OSError) or error.filename is None or error.strerror is None:
        return error
    return DataError(f"cannot read {error.filename}: {error.strerror}")
