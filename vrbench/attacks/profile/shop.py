"""What an adversary may know of a shop's feedback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vrbench.core.errors import IncompatibleError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shop:
    """Feedback in compressed sparse rows, and what else may be asked of a shop.

    Attributes:
        indptr: ``(num_users + 1,)``; user ``u`` has positions ``indptr[u]:indptr[u + 1]``.
        items: ``(N,)`` items, ascending within a user.
        num_items: size of the catalogue.
        stars: ``(N,)`` ratings; None where feedback is implicit, or is to be treated so.
        categories: ``(num_items,)`` category of each item.
        names: of the categories.
        item_ids: the names that items have outside; or empty, then positions are their names.
        lists: from ``(m,)`` users to ``(m, k)``: what the shop recommends to them, -1 past the end.
        features: returns ``(num_items, D)``: what items look like to an extractor.
    """

    indptr: Ints
    items: Ints
    num_items: int
    stars: Floats | None = None
    categories: Ints | None = None
    names: tuple[str, ...] = ()
    item_ids: tuple[str, ...] = ()
    lists: Callable[[Ints], Ints] | None = None
    features: Callable[[], Floats] | None = None

    @property
    def num_users(self) -> int:
        """How many users there are."""
        return len(self.indptr) - 1

    @cached_property
    def users(self) -> Ints:
        """The ``(N,)`` user of each interaction."""
        return np.repeat(np.arange(self.num_users), self.lengths)

    @cached_property
    def lengths(self) -> Ints:
        """The ``(num_users,)`` number of items of each user."""
        return np.diff(self.indptr)

    @cached_property
    def popularity(self) -> Ints:
        """The ``(num_items,)`` number of users of each item."""
        return np.bincount(self.items, minlength=self.num_items)

    @cached_property
    def by_popularity(self) -> Ints:
        """All items, the most popular first; of equals the one with the lower position."""
        return np.argsort(-self.popularity, kind="stable")

    @cached_property
    def levels(self) -> Floats:
        """The stars there are, ascending."""
        return np.unique(self._stars)

    @cached_property
    def overall(self) -> tuple[float, float]:
        """Mean and standard deviation of all stars."""
        return float(self._stars.mean()), float(self._stars.std())

    @cached_property
    def of_items(self) -> tuple[Floats, Floats]:
        """Means and standard deviations of the stars of each item; the overall ones of none."""
        count = self.popularity
        total = np.bincount(self.items, self._stars, self.num_items)
        squares = np.bincount(self.items, self._stars**2, self.num_items)
        some = np.maximum(count, 1)
        mean = np.where(count > 0, total / some, self.overall[0])
        spread = np.sqrt(np.maximum(squares / some - (total / some) ** 2, 0))
        return mean, np.where(count > 0, spread, self.overall[1])

    @property
    def _stars(self) -> Floats:
        assert self.stars is not None, "this feedback is implicit"
        return self.stars

    def category_of(self, items: Ints) -> Ints:
        """Return the category of each item.

        Raises:
            IncompatibleError: if the catalogue has one category, or none.
        """
        if self.categories is None or len(self.names) < 2:
            raise IncompatibleError("this catalogue has no categories to choose fillers by")
        return self.categories[items]
