"""The stage in which fake users are made."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.attacks.profile.base import ProfileAttack
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.bench.store import Artifact, Store
from vrbench.core.dice import Dice
from vrbench.core.spec import digest
from vrbench.core.visuals import Visuals
from vrbench.data.dataset import Dataset
from vrbench.recommenders.base import Recommender
from vrbench.threats.registered import known


def register(
    store: Store,
    data: Dataset,
    items: Tensor,
    attack: ProfileAttack,
    budget: FakeUsers,
    seed: int,
    model: Recommender,
    visuals: Visuals,
    ranking: Tensor | None,
    features: Visuals | None,
) -> Artifact:
    """Return ``indptr``, ``items`` and, where stars are given, ``stars`` of the fake users.

    Args:
        store: where they are kept.
        data: what the adversary knows the training feedback of.
        items: ``(n,)`` items to push or nuke.
        attack: how profiles are filled.
        budget: how many, how long.
        seed: of the draws.
        model: the shop's recommender; its lists are part of the key where they are looked at.
        visuals: what it is shown.
        ranking: ``(num_users, k)`` everyone's lists, where the attack asks for them.
        features: what the adversary's network makes of the items, where the attack asks.
    """

    def make() -> dict[str, Tensor]:
        shop = known(data, budget, ranking, features)
        made = attack(shop, items.numpy(), budget, Dice(seed, "profiles"))
        found = {"indptr": torch.from_numpy(made.indptr), "items": torch.from_numpy(made.items)}
        if made.stars is not None:
            found["stars"] = torch.from_numpy(made.stars).float()
        return found

    inputs = {
        "attack": attack,
        "budget": budget,
        "train": data.train,
        "items": items.tolist(),
        "seed": seed,
    }
    if attack.asks_lists:
        inputs |= {"recommender": model, "visuals": visuals if model.signal else None}
        inputs["seen"] = data.seen
    if attack.asks_features:
        inputs["features"] = features
    if attack.reads_categories:
        inputs["categories"] = data.catalogue
    if attack.reads_names:
        inputs["names"] = digest(data.item_ids)
    return store.fetch("profiles", inputs, make)
