"""Temporal split at one fixed timestamp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vrbench.core.errors import DataError
from vrbench.data.readers.ratings import Ratings
from vrbench.data.splits.strategies.base import Strategy, at_least, position


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
        at_least("min_below", self.min_below, 1)
        at_least("min_over", self.min_over, 1)

    def held_out(self, table: Ratings, fold: int) -> Tensor:
        times = table.timed("a split by timestamp")
        moment = self._best(table, times) if self.timestamp == "best" else self.timestamp
        return times >= moment

    def _best(self, table: Ratings, times: Tensor) -> float:
        nth, count = position(table.users, times)
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
