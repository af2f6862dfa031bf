"""Errors that a user, or a component of his own, causes; other trouble fails an ``assert``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VRBenchError(Exception):
    """Base of every error raised on purpose; its text is one line that says what to do.

    Example:
        >>> from vrbench import VRBenchError, choose
        >>> try:
        ...     choose("attack", "pdg")
        ... except VRBenchError as error:
        ...     print(str(error).partition("?")[0])
        ...
        attack: no choice 'pdg'; did you mean 'pgd'
    """


class ConfigError(VRBenchError, ValueError):
    """A setting is unknown, of the wrong type, or out of range.

    Example:
        >>> from vrbench import choose
        >>> choose("attack", "pdg")
        Traceback (most recent call last):
            ...
        vrbench.core.errors.ConfigError: attack: no choice 'pdg'; did you mean 'pgd'? ...
    """


class DataError(VRBenchError, ValueError):
    """A file is there, and what it holds cannot be used.

    Example:
        >>> from vrbench.datasets import ratings
        >>> from vrbench.testing.world import toy_folder
        >>> ratings(path=toy_folder() + "/items.csv")
        Traceback (most recent call last):
            ...
        vrbench.core.errors.DataError: ...items.csv: expected 2 to 4 tab-separated columns, got 1
    """


class MissingDataError(VRBenchError, FileNotFoundError):
    """A file is not there; the text names it, where to put it, and the command that gets it.

    Example:
        >>> from vrbench.datasets import amazon
        >>> amazon(path="nowhere")
        Traceback (most recent call last):
            ...
        vrbench.core.errors.MissingDataError: no file nowhere/train.tsv: put one ...
    """

    def __str__(self) -> str:  # FileNotFoundError would show an errno
        return " ".join(map(str, self.args))


class StorageError(VRBenchError, OSError):
    """An artifact could not be written or read back; what was stored before is intact.

    Example:
        >>> from vrbench import StorageError, VRBenchError
        >>> issubclass(StorageError, VRBenchError)
        True
    """

    def __str__(self) -> str:
        return " ".join(map(str, self.args))


class DivergedError(VRBenchError, ArithmeticError):
    """A training or an attack left the finite numbers; nothing of it was kept.

    Example:
        >>> from functools import partial
        >>> from vrbench.recommenders import BPRMF
        >>> from vrbench.testing.world import taught
        >>> taught(partial(BPRMF, lr=1e30, epochs=2))
        Traceback (most recent call last):
            ...
        vrbench.core.errors.DivergedError: BPRMF: in epoch 2 the loss is no longer a ...
    """


class ContractError(VRBenchError):
    """A component broke what its kind promises: a mistake of whoever wrote it.

    Example:
        >>> from vrbench.attacks import Attack
        >>> from vrbench.attacks.base import Cost
        >>> from vrbench.testing.world import red_removed
        >>> class Wrong(Attack):
        ...     cost = Cost(0, 0)
        ...     def search(self, clean, items, goal, budget, rng):
        ...         return clean[:1]
        ...
        >>> red_removed(Wrong())
        Traceback (most recent call last):
            ...
        vrbench.core.errors.ContractError: Wrong must return 3 x 3 x 16 x 16 float32 ...
    """


class IncompatibleError(VRBenchError):
    """This combination cannot be run; the sweep records the reason and goes on.

    Example:
        >>> from vrbench.attacks import PGD
        >>> from vrbench.budgets import L2
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(PGD(), L2(eps=float("inf")))
        Traceback (most recent call last):
            ...
        vrbench.core.errors.IncompatibleError: PGD needs a budget with a limit, such ...
    """


def nearest(wrong: object, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of ``known``, or an empty string."""
    close = difflib.get_close_matches(str(wrong), list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
