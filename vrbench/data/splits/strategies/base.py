"""Base classes of splitting strategies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError, DataError
from vrbench.data.readers.ratings import Ratings


class Strategy(ABC):
    """A way to hold out ratings; of random ones there are ``folds`` different splits.

    Example:
        >>> import torch
        >>> from vrbench.splits import Strategy
        >>> from vrbench.testing.views import six_ratings
        >>> class Odd(Strategy):
        ...     def held_out(self, table, fold):
        ...         return torch.arange(len(table)) % 2 == 1
        ...
        >>> Odd().held_out(six_ratings(), 0).tolist()
        [False, True, False, True, False, True]
    """

    @property
    def count(self) -> int:
        """How many splits there are."""
        return 1

    @abstractmethod
    def held_out(self, table: Ratings, fold: int) -> Tensor:
        """Return the ``(N,)`` bool mask of the rows that are held out in split ``fold``."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """How ratings are split: ``test`` of all of them, then ``valid`` of what is left, if any.

    Example:
        >>> from vrbench.splits import Split, TemporalLeaveOut
        >>> from vrbench.testing.views import six_ratings
        >>> split = Split(test=TemporalLeaveOut(n=1), valid=TemporalLeaveOut(n=1))
        >>> split.parts(six_ratings()).tolist()
        [0, 0, 0, 1, 2, 2]
    """

    test: Strategy
    valid: Strategy | None = None

    @property
    def counts(self) -> tuple[int, int]:
        """How many splits of the test there are, and in each of the validation."""
        return self.test.count, 1 if self.valid is None else self.valid.count

    def parts(self, table: Ratings, fold: int = 0, valid_fold: int = 0) -> Tensor:
        """Return ``(N,)`` int64: 0 train, 1 validation, 2 test.

        Raises:
            ConfigError: if there is no such fold.
            DataError: if a part that was asked for, or the train, is empty.
        """
        part = torch.zeros(len(table), dtype=torch.int64)
        part[_held_out(self.test, table, fold, "fold")] = 2
        if self.valid is not None:
            rest = part == 0
            inner = torch.zeros_like(part)
            inner[rest] = _held_out(self.valid, table.keep(rest), valid_fold, "valid_fold").long()
            part[inner == 1] = 1
        for which, name in ((0, "train"), (1, "validation"), (2, "test")):
            if not (part == which).any() and (which != 1 or self.valid is not None):
                raise DataError(
                    f"{table.source}: the split leaves nothing for {name} of {len(table)} ratings"
                )
        return part


def _held_out(strategy: Strategy, table: Ratings, fold: int, name: str) -> Tensor:
    if not 0 <= fold < strategy.count:
        raise ConfigError(f"expected {name} in 0..{strategy.count - 1}, got {fold}")
    return strategy.held_out(table, fold)


def at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(f"expected {name} >= {least}, got {value}")


def lot_of(table: Ratings, seed: int, *names: object) -> Tensor:
    """Return ``(N,)`` random int64, no two alike, that do not depend on the order of the rows."""
    order = (table.users * len(table.item_ids) + table.items).argsort()
    lot = torch.empty(len(table), dtype=torch.int64)
    lot[order] = torch.from_numpy(Dice(seed, *names).order(len(table)))
    return lot


def position(users: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``(N,)``: each row's place, from 0, among its user's by ``key``, and their number."""
    order = key.argsort(stable=True)
    order = order[users[order].argsort(stable=True)]
    counts = torch.bincount(users)
    nth = torch.empty_like(order)
    nth[order] = torch.arange(len(users)) - (counts.cumsum(0) - counts)[users[order]]
    return nth, counts[users]
