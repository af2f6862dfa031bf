"""Non-personalised baselines: most popular, and random."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Recommender, Sizes


class _Fixed(Recommender):
    """One score per user and item that no picture changes."""

    signal = None

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return items


class Popular(_Fixed):
    """Ranks by the number of training users of an item, the same for everyone.

    Example:
        >>> from vrbench.recommenders import Popular
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(Popular)) < 0.5
        True
    """

    paper = ""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(sizes.num_items))

    count: Tensor

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        self.count.copy_(train.popularity)
        return History()

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        return self.count[encoded].expand(len(users), -1)


class Random(_Fixed):
    """Ranks every user's items in a random order of its own, fixed by the fit's generator.

    Example:
        >>> from vrbench.recommenders import Random
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(Random)) < 0.5
        True
    """

    paper = ""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.num_items = sizes.num_items
        self.register_buffer("key", torch.zeros(1, dtype=torch.int64))

    key: Tensor

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        self.key.copy_(torch.randint(2**31, (1,), generator=rng))
        return History()

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        # A hash of (key, user, item): no table of users x items is kept.
        pair = users[:, None] * self.num_items + encoded + self.key * 2_654_435_761
        mixed = (pair ^ (pair >> 15)) * 2_246_822_519 % 2**32
        mixed = (mixed ^ (mixed >> 13)) * 3_266_489_917 % 2**32
        return (mixed ^ (mixed >> 16)).double().div(2**32).float()
