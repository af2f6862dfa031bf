"""Which ratings are held out, for the test and again for validation: Elliot's splits.

Everything is per user unless said otherwise, and every user keeps at least one rating in what is
left (Elliot sends the only rating of a user to the test, where nobody can have learnt of them).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError, DataError
from vrbench.data.ratings import Ratings


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


@dataclass(frozen=True, kw_only=True)
class FixedTimestamp(Strategy):
    """Holds out what happened at ``timestamp`` or later; for everyone the same moment.

    Users may be left with nothing before it, or nothing after it.

    Attributes:
        timestamp: the moment; "best" takes the one with which the most users have ratings on
            both sides (Anelli et al., 2019), the latest of them if there are several.
        min_below, min_over: fewest ratings of such a user before, and from then on.

    Example:
        >>> from vrbench.splits import FixedTimestamp
        >>> from vrbench.testing.views import six_ratings
        >>> FixedTimestamp(timestamp=50).held_out(six_ratings(), 0).tolist()
        [False, False, False, False, True, True]
    """

    timestamp: int | Literal["best"] = "best"
    min_below: int = 1
    min_over: int = 1

    def __post_init__(self) -> None:
        _at_least("min_below", self.min_below, 1)
        _at_least("min_over", self.min_over, 1)

    def held_out(self, table: Ratings, fold: int) -> Tensor:
        times = table.timed("a split by timestamp")
        moment = self._best(table, times) if self.timestamp == "best" else self.timestamp
        return times >= moment

    def _best(self, table: Ratings, times: Tensor) -> float:
        nth, count = _position(table.users, times)
        # A moment t serves a user if (min_below)th time < t <= (min_over)th time from the end.
        after = torch.full((len(table.user_ids),), -1, dtype=times.dtype)
        until = after.clone()
        is_after, is_until = nth == self.min_below - 1, nth == count - self.min_over
        after[table.users[is_after]] = times[is_after]
        until[table.users[is_until]] = times[is_until]
        has = torch.bincount(table.users, minlength=len(after)) >= self.min_below + self.min_over
        able = has & (after < until)
        if not able.any():
            raise DataError(
                f"{table.source}: at no moment has any user {self.min_below} ratings before and "
                f"{self.min_over} after it; lower min_below or min_over"
            )
        moments = times.unique()
        served = torch.searchsorted(after[able].sort().values, moments) - torch.searchsorted(
            until[able].sort().values, moments
        )
        return moments[(served == served.max()).nonzero().max()].item()


class _PerUser(Strategy):
    """Puts each user's ratings in an order and holds out those after the ones to keep."""

    def __post_init__(self) -> None: ...

    @abstractmethod
    def _kept(self, count: Tensor) -> Tensor:
        """Return, of ``count`` ratings of a user, how many stay; for tensors of one shape."""

    @abstractmethod
    def _order(self, table: Ratings, fold: int) -> Tensor:
        """Return the ``(N,)`` numbers that ratings are put in order by."""

    def held_out(self, table: Ratings, fold: int) -> Tensor:
        nth, count = _position(table.users, self._order(table, fold))
        return nth >= self._kept(count)


@dataclass(frozen=True, kw_only=True)
class _ByRatio(_PerUser):
    """Holds out a share: the train keeps ``floor(n (1 - ratio))`` of ``n``, at least one."""

    ratio: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.ratio < 1:
            raise ConfigError(f"expected 0 < ratio < 1, got {self.ratio}")

    def _kept(self, count: Tensor) -> Tensor:
        # 10 * (1 - 0.9) is a little less than 1.
        return (count.double() * (1 - self.ratio) + 1e-9).floor().long().clamp(min=1)


@dataclass(frozen=True, kw_only=True)
class _ByCount(_PerUser):
    """Holds out ``n`` ratings; users with ``n`` or fewer keep them all."""

    n: int = 1

    def __post_init__(self) -> None:
        _at_least("n", self.n, 1)

    def _kept(self, count: Tensor) -> Tensor:
        return torch.where(count > self.n, count - self.n, count)


class _InTime(_PerUser):
    """Keeps what came first."""

    def _order(self, table: Ratings, fold: int) -> Tensor:
        return table.timed("a temporal split")


@dataclass(frozen=True, kw_only=True)
class _AtRandom(_PerUser):
    """Keeps what is drawn first, anew for each of the folds."""

    folds: int = 1
    seed: int = 0
    lot: ClassVar[str]  # names the draws

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least("folds", self.folds, 1)

    @property
    def count(self) -> int:
        return self.folds

    def _order(self, table: Ratings, fold: int) -> Tensor:
        return _lot(table, self.seed, self.lot, fold)


@dataclass(frozen=True, kw_only=True)
class TemporalHoldOut(_InTime, _ByRatio):
    """Holds out each user's last share ``ratio``; equal times keep the order of the file.

    Example:
        >>> from vrbench.splits import TemporalHoldOut
        >>> from vrbench.testing.views import six_ratings
        >>> TemporalHoldOut(ratio=0.5).held_out(six_ratings(), 0).tolist()
        [False, False, False, True, True, True]
    """


@dataclass(frozen=True, kw_only=True)
class TemporalLeaveOut(_InTime, _ByCount):
    """Holds out each user's last ``n``; equal times keep the order of the file.

    Example:
        >>> from vrbench.splits import TemporalLeaveOut
        >>> from vrbench.testing.views import six_ratings
        >>> TemporalLeaveOut(n=1).held_out(six_ratings(), 0).tolist()
        [False, False, False, False, True, True]
    """


@dataclass(frozen=True, kw_only=True)
class RandomHoldOut(_AtRandom, _ByRatio):
    """Holds out a random share ``ratio`` of each user's, drawn anew for each of the folds.

    Example:
        >>> from vrbench.splits import RandomHoldOut
        >>> from vrbench.testing.views import six_ratings
        >>> RandomHoldOut(ratio=0.5).held_out(six_ratings(), 0).sum().item()
        3
    """

    lot = "hold out"


@dataclass(frozen=True, kw_only=True)
class RandomLeaveOut(_AtRandom, _ByCount):
    """Holds out ``n`` random ratings of each user, drawn anew for each of the folds.

    Example:
        >>> from vrbench.splits import RandomLeaveOut
        >>> from vrbench.testing.views import six_ratings
        >>> RandomLeaveOut(n=1).held_out(six_ratings(), 0).sum().item()
        2
    """

    lot = "leave out"


@dataclass(frozen=True, kw_only=True)
class KFold(Strategy):
    """Deals each user's ratings into ``folds`` at random; fold ``f`` is held out.

    Every rating is held out exactly once, and a user's folds differ in size by one at most
    (Elliot deals in the order of the file). Of a user with one rating it is never held out.

    Example:
        >>> from vrbench.splits import KFold
        >>> from vrbench.testing.views import six_ratings
        >>> folds = [KFold(folds=2).held_out(six_ratings(), fold) for fold in (0, 1)]
        >>> (folds[0] ^ folds[1]).all().item()
        True
    """

    folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        _at_least("folds", self.folds, 2)

    @property
    def count(self) -> int:
        return self.folds

    def held_out(self, table: Ratings, fold: int) -> Tensor:
        nth, count = _position(table.users, _lot(table, self.seed, "folds"))
        # Where a user's deal begins is random, or the first folds would be larger.
        drawn = Dice(self.seed, "first fold").integers(self.folds, len(table.user_ids))
        first = torch.from_numpy(drawn)
        return ((nth + first[table.users]) % self.folds == fold) & (count > 1)


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(f"expected {name} >= {least}, got {value}")


def _lot(table: Ratings, seed: int, *names: object) -> Tensor:
    """Return ``(N,)`` random int64, no two alike, that do not depend on the order of the rows."""
    order = (table.users * len(table.item_ids) + table.items).argsort()
    lot = torch.empty(len(table), dtype=torch.int64)
    lot[order] = torch.from_numpy(Dice(seed, *names).order(len(table)))
    return lot


def _position(users: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``(N,)``: each row's place, from 0, among its user's by ``key``, and their number."""
    order = key.argsort(stable=True)
    order = order[users[order].argsort(stable=True)]
    counts = torch.bincount(users)
    nth = torch.empty_like(order)
    nth[order] = torch.arange(len(users)) - (counts.cumsum(0) - counts)[users[order]]
    return nth, counts[users]
