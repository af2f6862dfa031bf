"""Errors that a user, or a component of his own, causes; other trouble fails an ``assert``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, TypeVar, get_args

Word = TypeVar("Word", bound=str)
FEW = 40  # names that a refusal tells one by one
ENDLESS = re.compile(r"\S{400,}")  # no path that a system takes for short is one


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

    def __init__(self, *told: object) -> None:
        """Keep what is told, without the middle of a word that fills a screen."""
        super().__init__(*(ENDLESS.sub(_ends, t) if isinstance(t, str) else t for t in told))


class ConfigError(VRBenchError, ValueError):
    """A setting is unknown, of the wrong type, or out of range.

    Example:
        >>> from vrbench import choose
        >>> choose("attack", "pdg")
        Traceback (most recent call last):
            ...
        vrbench.core.errors.ConfigError: attack: no choice 'pdg'; did you mean 'pgd'?
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
        >>> from vrbench.recommenders import BPRMF
        >>> from vrbench.testing.world import taught
        >>> taught(BPRMF, lr=1e30, epochs=2)
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


def one_of(setting: str, word: Word, known: Any) -> Word:
    """Return the value of a setting that is one of a few words.

    Args:
        setting: its name, as a refusal says it.
        word: what is given.
        known: a ``Literal`` of what may be.

    Raises:
        ConfigError: if it is none of these.
    """
    *first, last = get_args(known)
    if word not in (*first, last):
        raise ConfigError(f"{setting}: expected {', '.join(first)} or {last}, got {word!r}")
    return word


def nearest(wrong: object, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of ``known``; "" where none is near.

    Near is another case, a beginning of four letters (of a longer name, of three), or a slip of a
    key for every three letters.

    Example:
        >>> nearest("PGD", ["pgd", "noise"]), nearest("nope", ["noise"])
        ("; did you mean 'pgd'?", '')
    """
    word = str(wrong).lower()
    lower = {name.lower(): name for name in known}
    close = [word] if word in lower else difflib.get_close_matches(word, lower, n=3)
    close += sorted((name for name in lower if len(word) > 2 and name.startswith(word)), key=len)
    meant = [name for name in close if _alike(word, name)]
    if not meant:
        return ""
    best = min(meant, key=lambda name: (_slips(word, name), abs(len(name) - len(word))))
    return f"; did you mean {lower[best]!r}?"


def offered(wrong: object, known: Iterable[str], more: str = "") -> str:
    """Return what to write instead: the nearest of ``known``; where none is near, all of them.

    Args:
        wrong: what was written.
        known: what there is, in the order in which it is told.
        more: the command that shows them, told in place of more than fit a few lines.

    Example:
        >>> offered("PGD", ["pgd", "noise"]), offered("x", ["pgd", "noise"])
        ("; did you mean 'pgd'?", ' (there is: pgd, noise)')
    """
    names = list(known)
    if near := nearest(wrong, names):
        return near
    if more and len(names) > FEW:
        return f" (`{more}` shows the {len(names)} there are)"
    return f" (there is: {', '.join(names)})"


def _alike(word: str, name: str) -> bool:
    """Return whether one may have been written for the other."""
    begins = name.startswith(word) or (len(word) >= 4 and name.startswith(word[:4]))
    return begins or _slips(word, name) <= max(1, len(word) // 3)


def _slips(one: str, other: str) -> int:
    """Return the letters that were left out, put in, changed or swapped (Damerau, 1964)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        line = [i]
        for j, wanted in enumerate(other, start=1):
            cost = min(last[j] + 1, line[j - 1] + 1, last[j - 1] + (letter != wanted))
            if before and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, before[j - 2] + 1)
            line.append(cost)
        before, last = last, line
    return last[-1]


def _ends(word: re.Match[str]) -> str:
    return f"{word[0][:60]}...{word[0][-20:]}"
