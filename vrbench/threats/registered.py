"""Fake users on their way: from what a shop's feedback tells to feedback of their own."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.shop import Floats, Ints, Shop
from vrbench.core.errors import ConfigError
from vrbench.core.visuals import Visuals
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions

BLOCK = 4096  # entries of a table read at once


def known(
    data: Dataset,
    budget: FakeUsers,
    ranking: Tensor | None = None,
    features: Visuals | None = None,
) -> Shop:
    """Return what an adversary may know of a shop.

    Args:
        data: the shop's; only the training feedback is told.
        budget: says whether stars are.
        ranking: ``(num_users, k)`` lists of all users, where they may be asked for.
        features: what items look like, where that may be asked for.

    Raises:
        ConfigError: if stars are to be given, and the shop has none.
    """
    train = data.train
    if budget.feedback == "rated" and train.ratings is None:
        raise ConfigError(
            "budget.feedback=rated: this data set has no ratings; take budget.feedback=implicit"
        )
    rated = budget.feedback == "rated" and train.ratings is not None

    def lists(users: Ints) -> Ints:
        assert ranking is not None
        return ranking[torch.from_numpy(users)].numpy()

    def looks() -> Floats:
        assert features is not None
        blocks = torch.arange(len(features)).split(BLOCK)
        return np.concatenate([features[b].double().cpu().numpy() for b in blocks])

    return Shop(
        train.indptr.numpy(),
        train.items.numpy(),
        train.num_items,
        train.ratings.double().numpy() if rated and train.ratings is not None else None,
        data.catalogue.categories.numpy(),
        data.catalogue.names,
        data.item_ids,
        None if ranking is None else lists,
        None if features is None else looks,
    )


def accepted(made: dict[str, Tensor], train: Interactions, spec: object) -> Interactions:
    """Return the feedback of fake users as a shop reads it.

    Args:
        made: ``indptr`` and ``items`` of the profiles, and ``stars`` where they give any; those
            below all that the shop has kept of its real users are left out, as theirs were.
        train: of the real users.
        spec: the address of the profiles.
    """
    indptr, items, stars = made["indptr"], made["items"], made.get("stars")
    fakes = Interactions(indptr, items, len(indptr) - 1, train.num_items, spec, stars)
    if stars is None or train.ratings is None:
        return fakes
    return fakes.keep(stars >= train.ratings.min(), spec)
