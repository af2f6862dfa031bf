"""Per-user hold-out: a ratio or a number of ratings, temporal or random."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError
from vrbench.data.readers.ratings import Ratings
from vrbench.data.splits.strategies.base import Strategy, at_least, lot_of, position


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
        nth, count = position(table.users, self._order(table, fold))
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
        at_least("n", self.n, 1)

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
        at_least("folds", self.folds, 1)

    @property
    def count(self) -> int:
        return self.folds

    def _order(self, table: Ratings, fold: int) -> Tensor:
        return lot_of(table, self.seed, self.lot, fold)


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
