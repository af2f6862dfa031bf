"""What a recommender from outside is asked, and what its answers are worth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch

from vrbench.core.errors import DataError

Gives = Literal["scores", "ranks", "lists"]
Count = Callable[[], None]  # called before each request; raises ConfigError where none is left


class Question(NamedTuple):
    """How do these users like these items, if some of the items looked as shown?"""

    users: tuple[str, ...]
    items: tuple[str, ...]
    pictures: dict[str, np.ndarray]  # (H, W, 3) uint8, by item; others look as they do in the shop

    @property
    def key(self) -> str:
        """The hash of all that is asked: users, items, and the bytes of every picture."""
        shown = {item: picture_hash(picture).hex() for item, picture in self.pictures.items()}
        told = json.dumps([self.users, self.items, shown], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()


class Door(Protocol):
    """Where questions go.

    Attributes:
        who: answers, for messages.
    """

    who: str

    def ask(self, question: Question, count: Count) -> Any:
        """Return the answer as it was given: rows by user, or a list of items for each.

        Args:
            question: what is asked.
            count: called before each request that is sent, one sent again included.

        Raises:
            ConfigError: if no request is left.
            DataError: if there is none, in one line that says what to do.
        """
        ...


def picture_hash(picture: np.ndarray) -> bytes:
    """Return 32 bytes that stand for an array and its shape."""
    found = hashlib.sha256(repr(picture.shape).encode())
    found.update(np.ascontiguousarray(picture).data)
    return found.digest()


def worth(answer: Any, gives: Gives, question: Question, num_items: int, who: str) -> np.ndarray:
    """Return ``(users, items)`` float32, high is good.

    Scores as they are; of a rank ``r`` among ``num_items``, and of a place in a list, the standard
    normal quantile of ``1 - r / (num_items + 1)``. What is in no list stands last, like all others
    that are in none.

    Args:
        answer: as it was given.
        gives: what it is.
        question: what was asked.
        num_items: size of the catalogue.
        who: answered, for messages.

    Raises:
        DataError: if it is no such thing.
    """
    if gives == "lists":
        return _quantile(_places(answer, question, num_items, who), num_items)
    shape = (len(question.users), len(question.items))
    try:
        numbers = np.array(answer, np.float64)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape != shape:
        raise DataError(
            f"{who}: expected {shape[0]} rows of {shape[1]} {gives}, one row a user, got "
            f"{_told(answer)}"
        )
    wrong = ~np.isfinite(numbers) | ((numbers < 1) if gives == "ranks" else False)
    if wrong.any():
        user, item = np.argwhere(wrong)[0].tolist()
        kind = "ranks from 1" if gives == "ranks" else "finite scores"
        raise DataError(
            f"{who}: expected {kind}, got {numbers[user, item]} of user "
            f"{question.users[user]!r} for item {question.items[item]!r}"
        )
    return numbers.astype(np.float32) if gives == "scores" else _quantile(numbers, num_items)


def _places(answer: Any, question: Question, num_items: int, who: str) -> np.ndarray:
    """Return where the items stand in the users' lists, from 1; ``num_items`` where in none."""
    plain = isinstance(answer, list | tuple) and all(isinstance(n, list | tuple) for n in answer)
    if not plain or len(answer) != len(question.users):
        raise DataError(
            f"{who}: expected {len(question.users)} lists of items, one a user, got {_told(answer)}"
        )
    places = np.full((len(question.users), len(question.items)), num_items, np.float64)
    column = {item: n for n, item in enumerate(question.items)}
    for user, listed in enumerate(answer):
        names = [str(item) for item in listed]
        _refuse_twice(names, question.users[user], who)
        for place, name in enumerate(names, start=1):
            if name in column:
                places[user, column[name]] = place
    return places


def _refuse_twice(names: list[str], user: str, who: str) -> None:
    if len(set(names)) < len(names):
        twice = next(name for n, name in enumerate(names) if name in names[:n])
        raise DataError(f"{who}: item {twice!r} stands twice in the list of {user!r}")


def _quantile(ranks: np.ndarray, num_items: int) -> np.ndarray:
    share = 1 - np.minimum(ranks, num_items) / (num_items + 1)
    found: np.ndarray = torch.special.ndtri(torch.from_numpy(share)).float().numpy()
    return found


def _told(answer: Any) -> str:
    try:
        shape = np.shape(answer)
    except ValueError:
        return "rows of unequal length"
    return f"an array of shape {shape}" if shape else f"a {type(answer).__name__}"
