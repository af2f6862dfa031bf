"""Ratings as a file gives them, before anything is left out or split."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vrbench.core.errors import DataError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ratings:
    """Rows of user, item, rating, time, in the order of the file, each pair once.

    Attributes:
        users, items: ``(N,)`` int64 indices into the ids.
        ratings: ``(N,)`` float64, or None.
        times: ``(N,)`` int64, or None.
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
        log.warning(
            "%s: of %d rows that repeat a user and item the last is kept",
            self.source,
            int((~last).sum()),
        )
        return self.keep(order[last].sort().values)

    def checked(self, lowest: float | None, highest: float | None) -> Ratings:
        """Return the same, sure that ratings are on their scale.

        Raises:
            DataError: naming the first rating out of scale, or if there are no ratings to check.
        """
        if lowest is None and highest is None:
            return self
        ratings = self.starred("a scale is to be checked")
        low = -float("inf") if lowest is None else lowest
        high = float("inf") if highest is None else highest
        bad = ((ratings < low) | (ratings > high)).nonzero().squeeze(1)
        if len(bad):
            user, item = self.user_ids[self.users[bad[0]]], self.item_ids[self.items[bad[0]]]
            raise DataError(
                f"{self.source}: {len(bad)} ratings out of {low:g}..{high:g}, the first is "
                f"{float(ratings[bad[0]]):g} of user {user!r} for item {item!r}"
            )
        return self

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
                f"{self.source}: {why} needs timestamps, and there are none: add the column, or "
                "choose a random split"
            )
        unknown = int((self.times < 0).sum())
        if unknown:
            raise DataError(
                f"{self.source}: {why} needs timestamps, and {unknown} of {len(self)} are unknown "
                "(negative): leave these rows out, or choose a random split"
            )
        return self.times
