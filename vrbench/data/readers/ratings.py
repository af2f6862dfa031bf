"""Raw ratings of a file, before filtering and splitting."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vrbench.core.errors import DataError
from vrbench.core.plurals import how_many
from vrbench.data.readers.csv_files import above_zero

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ratings:
    """Rows of user, item, rating, time, in the order of the file, each pair once.

    Attributes:
        users, items: ``(N,)`` int64 indices into the ids.
        ratings: ``(N,)`` float64, or None.
        times: ``(N,)`` int64, or float64 where some have fractions, or None.
        user_ids, item_ids: names, ascending.
        source: the file, for messages.
    """

    users: Tensor
    items: Tensor
    ratings: Tensor | None
    times: Tensor | None
    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    source: str

    def __len__(self) -> int:
        return len(self.users)

    def keep(self, mask: Tensor) -> Ratings:
        """Return the rows where ``mask`` is true; ids keep their numbers."""
        return replace(
            self,
            users=self.users[mask],
            items=self.items[mask],
            ratings=None if self.ratings is None else self.ratings[mask],
            times=None if self.times is None else self.times[mask],
        )

    def compact(self) -> Ratings:
        """Return the same rows, numbered without the users and items that have none left."""
        users, user = self.users.unique(return_inverse=True)
        items, item = self.items.unique(return_inverse=True)
        return replace(
            self,
            users=user,
            items=item,
            user_ids=tuple(self.user_ids[n] for n in users.tolist()),
            item_ids=tuple(self.item_ids[n] for n in items.tolist()),
        )

    def once(self) -> Ratings:
        """Return each pair of user and item once: the row given last; warns of the others."""
        pairs = self.users * max(1, len(self.item_ids)) + self.items
        order = pairs.argsort(stable=True)
        last = torch.ones(len(self), dtype=torch.bool)
        last[:-1] = pairs[order][1:] != pairs[order][:-1]
        if last.all():
            return self
        repeats = how_many(int((~last).sum()), "row repeats", "rows repeat")
        log.warning("%s: %s a user and item: the last is kept", self.source, repeats)
        return self.keep(order[last].sort().values)

    def liked(self) -> Ratings:
        """Return the rows without those rated zero or less, numbered anew; warns of them.

        Raises:
            DataError: if none is left.
        """
        mask = above_zero(self.ratings, self.source)
        if mask is None:
            return self
        if not mask.any():
            raise DataError(f"{self.source}: no rating is above zero, so that nothing is liked")
        return self.keep(mask).compact()

    def starred(self, why: str) -> Tensor:
        """Return the ratings.

        Raises:
            DataError: if there are none; ``why`` they are needed is part of the text.
        """
        if self.ratings is None:
            raise DataError(f"{self.source}: {why}, and there are no ratings: add the column")
        return self.ratings

    def timed(self, why: str) -> Tensor:
        """Return the times.

        Raises:
            DataError: if there are none, or some are unknown (negative).
        """
        if self.times is None:
            raise DataError(
                f"{self.source}: {why} needs timestamps, and there are none: add the column, "
                "of a shop name it (dataset.time_column), or split at random "
                "(split@dataset.split=random)"
            )
        unknown = int((self.times < 0).sum())
        if unknown:
            raise DataError(
                f"{self.source}: {why} needs timestamps, and {unknown} of {len(self)} are unknown "
                "(negative): leave these rows out, or choose a random split"
            )
        return self.times
