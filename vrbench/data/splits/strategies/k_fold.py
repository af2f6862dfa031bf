"""K-fold cross-validation per user."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vrbench.core.dice import Dice
from vrbench.data.readers.ratings import Ratings
from vrbench.data.splits.strategies.base import Strategy, at_least, lot_of, position


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
        at_least("folds", self.folds, 2)

    @property
    def count(self) -> int:
        return self.folds

    def held_out(self, table: Ratings, fold: int) -> Tensor:
        nth, count = position(table.users, lot_of(table, self.seed, "folds"))
        # Where a user's deal begins is random, or the first folds would be larger.
        drawn = Dice(self.seed, "first fold").integers(self.folds, len(table.user_ids))
        first = torch.from_numpy(drawn)
        return ((nth + first[table.users]) % self.folds == fold) & (count > 1)
