"""How a data set is tested: which ratings are relevant, and among which items they are ranked."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import torch

from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError, DataError
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions

log = logging.getLogger(__name__)
UNRATED = 1.0  # what feedback without a rating counts as


def relevant(dataset: Dataset, *, threshold: float = 4.0) -> Dataset:
    """Return ``dataset`` with only those test items relevant that are rated ``threshold`` or more.

    Apart from any filter: training and validation keep every rating. A test item below it stays
    among those that are ranked, and counts as none of the user's. Feedback without ratings is as if
    rated 1: up to that threshold all of it is relevant.

    Args:
        dataset: with ratings, where the threshold is above 1.
        threshold: the least rating of a relevant item.

    Raises:
        DataError: if the test has no ratings, and the threshold is above 1.
        ConfigError: if no test item is left.

    Example:
        >>> from vrbench.datasets import amazon, relevant
        >>> from vrbench.testing.world import toy_folder
        >>> shop = amazon(path=toy_folder())
        >>> shop.test.ratings.tolist(), relevant(shop, threshold=4).test.ratings.tolist()
        ([3.0, 5.0], [5.0])
    """
    if dataset.test.ratings is None and threshold <= UNRATED:
        return dataset
    if dataset.test.ratings is None:
        raise DataError("dataset.threshold: the test has no ratings")
    test = dataset.test
    kept = test.keep(dataset.test.ratings >= threshold, ["relevant", threshold, test.spec])
    if not len(kept):
        raise ConfigError(f"dataset.threshold: no test item is rated {threshold:g} or more")
    return replace(dataset, test=kept)


def sampled_candidates(dataset: Dataset, *, negatives: int = 100, seed: int = 0) -> Dataset:
    """Return ``dataset`` in which each user's test items are ranked among few others only.

    Not a cheaper full ranking but another number: ranks among a sample do not say which of two
    models ranks better (Krichene and Rendle, KDD 2020), which a warning repeats. It is here for
    published protocols. Validation, which chooses epochs and settings, ranks everything.

    Args:
        dataset: what is ranked.
        negatives: items drawn for each user, without replacement, from those that are in none of
            their train, validation and test; all of them where there are fewer.
        seed: of the draw, the same on every machine.

    Raises:
        ConfigError: if ``negatives`` is below 1.

    Example:
        >>> from vrbench.datasets import sampled_candidates
        >>> from vrbench.testing.world import toy_world
        >>> shop = sampled_candidates(toy_world(), negatives=5)
        >>> (shop.offered.counts - shop.test.counts).unique().tolist()
        [5]
    """
    if negatives < 1:
        raise ConfigError(f"dataset.negatives: expected 1 or more, got {negatives}")
    log.warning(
        "ranked among %d sampled items a user: such numbers are biased, and can order models "
        "otherwise than a full ranking does (Krichene and Rendle, KDD 2020)",
        negatives,
    )
    known, test = dataset.seen | dataset.test, dataset.test
    dice, drawn = Dice(seed, "sampled candidates", negatives), []
    for user in range(test.num_users):
        own = known.items[known.indptr[user] : known.indptr[user + 1]].numpy()
        drawn.append(_others(own, test.num_items, negatives, dice))
    users = torch.arange(test.num_users).repeat_interleave(torch.tensor([len(d) for d in drawn]))
    offered = Interactions.of(
        torch.cat([test.users, users]),
        torch.cat([test.items, torch.from_numpy(np.concatenate(drawn))]),
        test.num_users,
        test.num_items,
        ["sampled candidates", negatives, seed, known.spec, test.spec],
    )
    return replace(dataset, offered=offered)


def _others(
    own: np.ndarray[tuple[int], np.dtype[np.int64]], count: int, wanted: int, dice: Dice
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return ``wanted`` of ``0 .. count - 1`` that are not in ``own``; fewer if there are not."""
    if 2 * (len(own) + wanted) > count:
        free = np.setdiff1d(np.arange(count), own)
        return free[dice.order(len(free))[:wanted]]
    found = np.zeros(0, dtype=np.int64)
    while len(found) < wanted:
        more = np.concatenate([found, dice.integers(count, 2 * wanted)])
        first = np.sort(np.unique(more, return_index=True)[1])
        found = more[first][~np.isin(more[first], own)]
    return found[:wanted]
