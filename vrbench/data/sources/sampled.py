"""Subsamples of a data set that differ in size, shape and density."""

from __future__ import annotations

import math

import numpy as np
import torch

from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.data.sources.interactions_only import unpictured


def sampled(
    dataset: Dataset, *, draw: int = 0, least_users: int = 100, least_items: int = 100
) -> Dataset:
    """Return some users and some items of ``dataset``, and their feedback; no pictures.

    How many of each is drawn first, uniformly between the logarithms of the least and of all; then
    which. Users and items without training feedback in the part are left out of it.

    Args:
        dataset: the whole.
        draw: which part; each is another, the same on every machine.
        least_users, least_items: how few there may be, before those without feedback go.

    Raises:
        ConfigError: if the whole has fewer, or the part no feedback at all.

    Example:
        >>> from vrbench.datasets import sampled
        >>> from vrbench.testing.world import toy_world
        >>> part = sampled(toy_world(), least_users=10, least_items=10)
        >>> 0 < part.train.num_users <= 30, 0 < len(part.catalogue) <= 36
        (True, True)
    """
    train, dice = dataset.train, Dice(draw, "sampled")
    users = _some(train.num_users, least_users, "users", dice)
    items = _some(train.num_items, least_items, "items", dice)
    within = users[train.users] & items[train.items]
    if not bool(within.any()):
        raise ConfigError(f"dataset.draw={draw}: no feedback is left of so few users and items")
    users = torch.bincount(train.users[within], minlength=len(users)) > 0
    items = torch.bincount(train.items[within], minlength=len(items)) > 0
    spec = ["sampled", draw, least_users, least_items]

    def part(of: Interactions) -> Interactions:
        kept = users[of.users] & items[of.items]
        return Interactions.of(
            (users.cumsum(0) - 1)[of.users[kept]],
            (items.cumsum(0) - 1)[of.items[kept]],
            int(users.sum()),
            int(items.sum()),
            [*spec, train.spec, of.spec],
            None if of.ratings is None else of.ratings[kept],
            None if of.timestamps is None else of.timestamps[kept],
        )

    return Dataset(
        unpictured(int(items.sum())),
        part(train),
        part(dataset.valid),
        part(dataset.test),
        _names(dataset.user_ids, users),
        _names(dataset.item_ids, items),
        fold=dataset.fold,
    )


def _some(count: int, least: int, what: str, dice: Dice) -> torch.Tensor:
    """Return ``(count,)`` bool, true for a random number of random ones.

    Raises:
        ConfigError: if there are fewer than the least, or the least is none.
    """
    if not 1 <= least <= count:
        raise ConfigError(f"dataset.least_{what}: expected 1 to {count}, got {least}")
    number = round(math.exp(dice.between(math.log(least), math.log(count))))
    found = np.zeros(count, dtype=bool)
    found[dice.order(count)[:number]] = True
    return torch.from_numpy(found)


def _names(names: tuple[str, ...], kept: torch.Tensor) -> tuple[str, ...]:
    return tuple(names[n] for n in torch.nonzero(kept).flatten().tolist()) if names else ()
