"""Control of visual signal: feedback under shuffled pictures."""

from __future__ import annotations

from dataclasses import replace

import torch

from vrbench.core.dice import Dice
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions


def shuffled(dataset: Dataset, *, seed: int = 0) -> Dataset:
    """Return ``dataset`` with every item's feedback under another item's picture.

    One random permutation of the items, for all splits: who likes what together stays, and what
    it looks like says nothing any more. Pictures keep their categories, so an extractor and its
    features are those of ``dataset``; what a visual model is worth beyond this is what it sees.

    Args:
        dataset: what is shuffled.
        seed: of the permutation.

    Example:
        >>> from vrbench.datasets import shuffled
        >>> from vrbench.testing.world import toy_world
        >>> shop, other = toy_world(), shuffled(toy_world())
        >>> len(other.train) == len(shop.train), other.train.items.equal(shop.train.items)
        (True, False)
    """
    count = len(dataset.catalogue)
    place = torch.from_numpy(Dice(seed, "shuffled pictures").order(count))

    def moved(part: Interactions) -> Interactions:
        spec = ["shuffled pictures", seed, part.spec]
        items = place[part.items]
        return Interactions.of(
            part.users, items, part.num_users, count, spec, part.ratings, part.timestamps
        )

    return replace(
        dataset,
        train=moved(dataset.train),
        valid=moved(dataset.valid),
        test=moved(dataset.test),
        cold=None if dataset.cold is None else place[dataset.cold].sort().values,
    )
