"""Assignment of feedback to train, validation and test; hold-out of cold and new items."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError, DataError
from vrbench.core.plurals import how_many
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions

log = logging.getLogger(__name__)


def apart(
    train: Interactions, valid: Interactions, test: Interactions, names: tuple[str, str, str]
) -> tuple[Interactions, Interactions]:
    """Return validation and test without the pairs that an earlier part holds; warns of them.

    Whatever a user has in train or validation is masked when the test is ranked, so such a pair
    could only be missed, by every model.

    Args:
        train, valid, test: the parts.
        names: what they are called in messages.

    Raises:
        DataError: if nothing is left to test.
    """
    kept_valid = _without(valid, train, names[1], names[0])
    kept = _without(test, train, names[2], names[0])
    kept = _without(kept, kept_valid, names[2], names[1])
    if len(test) and not len(kept):
        raise DataError(f"{names[2]}: every pair stands in {names[0]} or {names[1]} too")
    return kept_valid, kept


def _without(part: Interactions, other: Interactions, name: str, beside: str) -> Interactions:
    both = other.contains(part.users, part.items)
    if not both.any():
        return part
    pairs = how_many(len(part), "pair")
    log.warning("%s: left out: %d of %s, in %s too", name, int(both.sum()), pairs, beside)
    return part.keep(~both, ["apart", part.spec, other.spec])


def leave_one_out(users: Tensor, times: Tensor) -> Tensor:
    """Return ``(N,)`` int64: 0 train, 1 validation, 2 test.

    The last item of a user by time is for the test, the one before for validation; users with
    fewer than three items have all of them in train. Equal times keep the order given.
    """
    order = times.argsort(stable=True)
    order = order[users[order].argsort(stable=True)]
    ordered = users[order]
    counts = torch.bincount(users, minlength=int(users.max()) + 1 if len(users) else 0)
    ends = counts.cumsum(0)[ordered] - 1
    from_end = ends - torch.arange(len(ordered))
    part = torch.zeros(len(users), dtype=torch.int64)
    enough = counts[ordered] >= 3
    part[order[enough & (from_end == 0)]] = 2
    part[order[enough & (from_end == 1)]] = 1
    return part


def last_two_out(
    users: Tensor, items: Tensor, times: Tensor, num_users: int, num_items: int, spec: list[Any]
) -> tuple[Interactions, Interactions, Interactions]:
    """Return train, validation and test of a leave-one-out split, see ``leave_one_out``."""
    part = leave_one_out(users, times)

    def feedback(which: int, name: str) -> Interactions:
        kept = part == which
        return Interactions.of(
            users[kept],
            items[kept],
            num_users,
            num_items,
            [*spec, name],
            timestamps=times[kept],
        )

    return feedback(0, "train"), feedback(1, "valid"), feedback(2, "test")


def ratio(users: Tensor, shares: tuple[float, float], dice: Dice) -> Tensor:
    """Return ``(N,)`` int64: 0 train, 1 validation, 2 test, at random per user.

    Args:
        users: ``(N,)`` int64.
        shares: of validation and of test; each user's counts are rounded to nearest.
        dice: the only source of randomness.
    """
    valid, test = shares
    if valid < 0 or test < 0 or valid + test >= 1:
        raise ConfigError(f"expected shares >= 0 with a sum below 1, got {shares}")
    order = torch.from_numpy(dice.order(len(users)))
    order = order[users[order].argsort(stable=True)]
    counts = torch.bincount(users)
    nth = torch.arange(len(users)) - (counts.cumsum(0) - counts)[users[order]]
    count = counts[users[order]].double()
    num_test, num_valid = (count * test).round(), (count * valid).round()
    part = torch.zeros(len(users), dtype=torch.int64)
    part[order[nth < num_test]] = 2
    part[order[(nth >= num_test) & (nth < num_test + num_valid)]] = 1
    return part


def hold_out(dataset: Dataset, *, share: float = 0.1, seed: int = 0) -> Dataset:
    """Return ``dataset`` with a random share of its items cold: without training feedback.

    All feedback on a cold item, from every split, becomes test feedback, and the test holds
    nothing else: it asks how a model ranks what it knows by picture only. Ratings and times go
    with their pairs.

    Args:
        dataset: what is split again.
        share: of the items that have feedback, in (0, 1).
        seed: of the choice.

    Raises:
        ConfigError: if ``share`` is out of range.
        DataError: if nothing is left to train on, or to test.

    Example:
        >>> from vrbench.datasets import hold_out
        >>> from vrbench.testing.world import toy_world
        >>> shop = hold_out(toy_world(), share=0.25)
        >>> len(shop.cold), shop.train.popularity[shop.cold].sum().item()
        (9, 0)
    """
    bought = torch.nonzero(dataset.train.popularity + dataset.test.popularity).squeeze(1)
    cold = _some_of(bought, share, Dice(seed, "cold items"))
    is_cold = torch.zeros(dataset.train.num_items, dtype=torch.bool)
    is_cold[cold] = True
    spec = ["hold_out", share, seed]

    parts = (dataset.train, dataset.valid, dataset.test)
    gone = [part.keep(is_cold[part.items], part.spec) for part in parts]
    left = sum(map(len, gone))
    if not left or left == sum(map(len, parts)):
        raise DataError(f"a hold-out of {share:g} of the items leaves nothing to train on or test")
    return replace(
        dataset,
        train=_known(dataset.train, is_cold, [*spec, "train"]),
        valid=_known(dataset.valid, is_cold, [*spec, "valid"]),
        test=_together(gone, [*spec, "test", [part.spec for part in parts]]),
        cold=cold,
    )


def inject(dataset: Dataset, *, share: float = 0.1, seed: int = 0) -> Dataset:
    """Return ``dataset`` with a random share of its items new: nobody has any feedback on them.

    What feedback there was is dropped from every split, and the rest stays where it is: the test
    asks for items that are known, and new ones can be tried among them (as the cold items of Liu
    and Larson, WWW 2021, 1000 items that are in no split). Users whose test item became new have
    no test. ``hold_out`` tests new items instead.

    Args:
        dataset: what is split again.
        share: of all items, in (0, 1).
        seed: of the choice.

    Raises:
        ConfigError: if ``share`` is out of range.
        DataError: if no item becomes new, or nothing is left to train on, or to test.

    Example:
        >>> from vrbench.datasets import inject
        >>> from vrbench.testing.world import toy_world
        >>> shop = inject(toy_world(), share=0.25)
        >>> len(shop.cold), shop.seen.popularity[shop.cold].sum().item()
        (9, 0)
    """
    everything = torch.arange(dataset.train.num_items)
    cold = _some_of(everything, share, Dice(seed, "new items"))
    return without(dataset, cold, ["inject", share, seed])


def _some_of(items: Tensor, share: float, dice: Dice) -> Tensor:
    """Return a random share of ``items``, ascending.

    Raises:
        ConfigError: if it is all of them, or none.
    """
    if not 0 < share < 1:
        raise ConfigError(f"expected 0 < share < 1, got {share}")
    order = torch.from_numpy(dice.order(len(items)))
    return items[order[: round(share * len(items))]].sort().values


def without(dataset: Dataset, cold: Tensor, spec: list[Any]) -> Dataset:
    """Return ``dataset`` with the items ``cold`` new, as ``inject`` does with items of its choice.

    Args:
        dataset: what is split again.
        cold: ``(n,)`` int64, ascending.
        spec: how they were chosen.

    Raises:
        DataError: if no item becomes new, or nothing is left to train on, or to test.
    """
    is_cold = torch.zeros(dataset.train.num_items, dtype=torch.bool)
    is_cold[cold] = True

    train = _known(dataset.train, is_cold, [*spec, "train"])
    valid = _known(dataset.valid, is_cold, [*spec, "valid"])
    test = _known(dataset.test, is_cold, [*spec, "test"])
    if not len(cold) or not len(train) or not len(test):
        raise DataError(
            f"{len(cold)} of {dataset.train.num_items} items as new ones leaves nothing to train "
            "on, test or inject"
        )
    return replace(dataset, train=train, valid=valid, test=test, cold=cold)


def _known(part: Interactions, is_cold: Tensor, spec: list[Any]) -> Interactions:
    """Return the feedback on items that are not cold, with its ratings and times."""
    return part.keep(~is_cold[part.items], _addressed([*spec, part.spec], part))


def _together(parts: Sequence[Interactions], spec: list[Any]) -> Interactions:
    """Return all feedback as one, with ratings and times where every part has them."""
    ratings = [part.ratings for part in parts if part.ratings is not None]
    times = [part.timestamps for part in parts if part.timestamps is not None]
    return Interactions.of(
        torch.cat([part.users for part in parts]),
        torch.cat([part.items for part in parts]),
        parts[-1].num_users,
        parts[-1].num_items,
        _addressed(spec, parts[-1]),
        torch.cat(ratings) if len(ratings) == len(parts) else None,
        torch.cat(times) if len(times) == len(parts) else None,
    )


def _addressed(spec: list[Any], part: Interactions) -> list[Any]:
    """Return ``spec``; another one if there are ratings, which were once left behind under it."""
    return spec if part.ratings is None else [*spec, "rated"]
