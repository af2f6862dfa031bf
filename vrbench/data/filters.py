"""Prefilters of ratings before the split: thresholds and k-cores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError, DataError
from vrbench.data.readers.ratings import Ratings


class Filter(ABC):
    """A filter of ratings: a pure function of all rows.

    Example:
        >>> from vrbench.filters import Filter
        >>> from vrbench.testing.views import six_ratings
        >>> class FiveStars(Filter):
        ...     def keep(self, table):
        ...         return table.ratings == 5
        ...
        >>> FiveStars().keep(six_ratings()).tolist()
        [True, False, False, False, False, True]
    """

    @abstractmethod
    def keep(self, table: Ratings) -> Tensor:
        """Return the ``(N,)`` bool mask of the rows that stay."""


def filtered(table: Ratings, filters: Mapping[str, Filter] | None) -> Ratings:
    """Return what is left after all ``filters``, in the order given, numbered anew.

    Raises:
        DataError: naming the filter after which nothing is left.
    """
    for name, step in (filters or {}).items():
        before = len(table)
        table = table.keep(step.keep(table))
        if not len(table):
            raise DataError(
                f"{table.source}: filter {name!r} ({step}) leaves none of {before} ratings; "
                "loosen it, or take it out"
            )
    return table.compact()


def _positive(name: str, value: int) -> None:
    if value < 1:
        raise ConfigError(f"expected {name} >= 1, got {value}")


@dataclass(frozen=True, kw_only=True)
class GlobalThreshold(Filter):
    """Keeps ratings of at least ``threshold``: a number, or the "average" of all ratings.

    Example:
        >>> from vrbench.filters import GlobalThreshold
        >>> from vrbench.testing.views import six_ratings
        >>> GlobalThreshold(threshold=4.0).keep(six_ratings()).tolist()
        [True, False, True, False, False, True]
    """

    threshold: float | Literal["average"]

    def keep(self, table: Ratings) -> Tensor:
        ratings = table.starred("a threshold is to be applied")
        least = ratings.mean() if self.threshold == "average" else self.threshold
        return ratings >= least


@dataclass(frozen=True, kw_only=True)
class UserAverage(Filter):
    """Keeps ratings of at least their user's average.

    Example:
        >>> from vrbench.filters import UserAverage
        >>> from vrbench.testing.views import six_ratings
        >>> UserAverage().keep(six_ratings()).tolist()
        [True, False, True, False, False, True]
    """

    def keep(self, table: Ratings) -> Tensor:
        ratings = table.starred("users' averages are to be taken")
        total = torch.zeros(len(table.user_ids), dtype=torch.float64)
        total.index_add_(0, table.users, ratings)
        # Not ratings >= total / count: five ratings of 0.1 do not sum to 0.5.
        count = _count(table.users)
        return ratings - total[table.users] / count[table.users] >= -1e-9


@dataclass(frozen=True, kw_only=True)
class _Core(Filter):
    """A filter by a least number of ratings, ``core``."""

    core: int

    def __post_init__(self) -> None:
        _positive("core", self.core)


@dataclass(frozen=True, kw_only=True)
class UserCore(_Core):
    """Keeps users with at least ``core`` ratings, once.

    Example:
        >>> from vrbench.filters import UserCore
        >>> from vrbench.testing.views import six_ratings
        >>> UserCore(core=3).keep(six_ratings()).tolist()
        [True, True, False, True, False, True]
    """

    def keep(self, table: Ratings) -> Tensor:
        return _count(table.users)[table.users] >= self.core


@dataclass(frozen=True, kw_only=True)
class ItemCore(_Core):
    """Keeps items with at least ``core`` ratings, once.

    Example:
        >>> from vrbench.filters import ItemCore
        >>> from vrbench.testing.views import six_ratings
        >>> ItemCore(core=2).keep(six_ratings()).tolist()
        [True, True, True, False, True, False]
    """

    def keep(self, table: Ratings) -> Tensor:
        return _count(table.items)[table.items] >= self.core


@dataclass(frozen=True, kw_only=True)
class RoundsCore(_Core):
    """Keeps users, then items, with at least ``core`` ratings, ``rounds`` times.

    Example:
        >>> from vrbench.filters import RoundsCore
        >>> from vrbench.testing.views import six_ratings
        >>> RoundsCore(core=2, rounds=1).keep(six_ratings()).tolist()
        [True, True, True, False, True, False]
    """

    rounds: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("rounds", self.rounds)

    def keep(self, table: Ratings) -> Tensor:
        return _core(table, self.core, self.rounds)


@dataclass(frozen=True, kw_only=True)
class IterativeCore(_Core):
    """Keeps the largest part in which every user and item has at least ``core`` ratings.

    Example:
        >>> from vrbench.filters import IterativeCore
        >>> from vrbench.testing.views import six_ratings
        >>> IterativeCore(core=2).keep(six_ratings()).tolist()
        [True, True, True, False, True, False]
    """

    def keep(self, table: Ratings) -> Tensor:
        return _core(table, self.core, None)


@dataclass(frozen=True, kw_only=True)
class ColdUsers(Filter):
    """Keeps users with at most ``most`` ratings: cold users.

    Example:
        >>> from vrbench.filters import ColdUsers
        >>> from vrbench.testing.views import six_ratings
        >>> ColdUsers(most=2).keep(six_ratings()).tolist()
        [False, False, True, False, True, False]
    """

    most: int

    def __post_init__(self) -> None:
        _positive("most", self.most)

    def keep(self, table: Ratings) -> Tensor:
        return _count(table.users)[table.users] <= self.most


def _count(ids: Tensor) -> Tensor:
    return torch.bincount(ids)


def _core(table: Ratings, core: int, rounds: int | None) -> Tensor:
    """Return the rows left after so many rounds; None goes on until nothing changes."""
    rows = torch.arange(len(table))
    done = 0
    while len(rows) and (rounds is None or done < rounds):
        before = len(rows)
        for ids in (table.users, table.items):
            rows = rows[_count(ids[rows])[ids[rows]] >= core]
            if not len(rows):
                break
        done += 1
        if len(rows) == before:
            break
    mask = torch.zeros(len(table), dtype=torch.bool)
    mask[rows] = True
    return mask
