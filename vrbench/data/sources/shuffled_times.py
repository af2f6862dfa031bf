"""Control of order: each user's times in another order."""

from __future__ import annotations

from dataclasses import replace

import torch

from vrbench.core.dice import Dice
from vrbench.core.errors import IncompatibleError
from vrbench.data.dataset import Dataset


def shuffled_times(dataset: Dataset, *, seed: int = 0) -> Dataset:
    """Return ``dataset`` with the timestamps of each user's train items dealt out at random.

    Who likes what stays, and so do validation and test; in what order each user came to it says
    nothing any more. What a sequential model is worth beyond this is what the order tells it, and
    not its loss or its size.

    Args:
        dataset: whose train feedback has timestamps.
        seed: of the shuffling.

    Raises:
        IncompatibleError: if it has none.

    Example:
        >>> from dataclasses import replace
        >>> import torch
        >>> from vrbench.datasets import shuffled_times
        >>> from vrbench.testing.world import toy_world
        >>> shop = toy_world()
        >>> dated = replace(shop.train, timestamps=torch.arange(len(shop.train)))
        >>> times = shuffled_times(replace(shop, train=dated)).train.timestamps
        >>> times.equal(dated.timestamps), times.sort().values.equal(dated.timestamps)
        (False, True)
    """
    train = dataset.train
    if train.timestamps is None:
        raise IncompatibleError(
            "the train feedback has no timestamps: choose a data set and a split that keep them"
        )
    drawn = torch.from_numpy(Dice(seed, "shuffled times").order(len(train)))
    dealt = drawn[train.users[drawn].argsort(stable=True)]  # each user's own positions, at random
    spec = ["shuffled times", seed, train.spec]
    moved = replace(train, timestamps=train.timestamps[dealt], spec=spec, _cache={})
    return replace(dataset, train=moved)
