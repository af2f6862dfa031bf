"""Errors that a user, or a component of his own, causes; other trouble fails an ``assert``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VRBenchError(Exception):
    """Base of every error raised on purpose; its text is one line that says what to do."""


class ConfigError(VRBenchError, ValueError):
    """A setting is unknown, of the wrong type, or out of range."""


class DataError(VRBenchError, ValueError):
    """A file is there, and what it holds cannot be used."""


class MissingDataError(VRBenchError, FileNotFoundError):
    """A file is not there; the text names it, where to put it, and the command that gets it."""

    def __str__(self) -> str:  # FileNotFoundError would show an errno
        return " ".join(map(str, self.args))


class StorageError(VRBenchError, OSError):
    """An artifact could not be written or read back; what was stored before is intact."""

    def __str__(self) -> str:
        return " ".join(map(str, self.args))


class DivergedError(VRBenchError, ArithmeticError):
    """A training or an attack left the finite numbers; nothing of it was kept."""


class ContractError(VRBenchError):
    """A component broke what its kind promises: a mistake of whoever wrote it."""


class IncompatibleError(VRBenchError):
    """This combination cannot be run; the sweep records the reason and goes on."""


def nearest(wrong: object, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of ``known``, or an empty string."""
    close = difflib.get_close_matches(str(wrong), list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
