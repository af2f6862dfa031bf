"""The training of a recommender."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vrbench.bench.store import Store
from vrbench.core.seeds import stream
from vrbench.core.spec import digest
from vrbench.core.visuals import Visuals
from vrbench.data.dataset import Dataset
from vrbench.recommenders.base import Recommender, RecommenderFactory, Sizes
from vrbench.recommenders.external.asked import External
from vrbench.recommenders.room import make_recommender


def train(
    store: Store,
    data: Dataset,
    factory: RecommenderFactory,
    visuals: Visuals,
    seed: int,
    device: str,
) -> Recommender:
    """Return the recommender trained on ``visuals``, frozen; notebooks call it."""
    return trained(store, data, factory, visuals, seed, device)[0]


def trained(
    store: Store,
    data: Dataset,
    factory: RecommenderFactory,
    visuals: Visuals,
    seed: int,
    device: str,
) -> tuple[Recommender, dict[str, Any]]:
    """Return the recommender trained on ``visuals``, frozen; and its ``History``, as plain data."""
    sizes = _sizes(data, visuals)
    model = make_recommender(factory, sizes).to(device)
    if isinstance(model, External):
        model.keep_in(store.root, store.sent)

    def make() -> tuple[dict[str, Tensor], dict[str, Any]]:
        history = model.train().fit(data.train, data.valid, visuals, stream(seed, "train"))
        return model.state_dict(), {"epochs": history.epochs, "best_epoch": history.best_epoch}

    inputs = {
        "recommender": model,
        "train": data.train,
        "valid": data.valid,
        "visuals": visuals if model.signal else None,
        "seed": seed,
    }
    if model.reads_categories:
        inputs["categories"] = data.catalogue
    if model.reads_text and data.catalogue.text is not None:
        inputs["text"] = data.catalogue.text
    if model.outside:
        inputs["names"] = digest([data.user_ids, data.item_ids])
    made = store.fetch("models", inputs, make)
    if made.tensors is not None:
        model.load_state_dict(made.tensors)
    model.spec = made.spec
    return model.eval().requires_grad_(False), made.notes


def _sizes(data: Dataset, visuals: Visuals) -> Sizes:
    """Return what a recommender is told of a data set before it is made."""
    catalogue, words = data.catalogue, data.catalogue.text
    return Sizes(
        data.train.num_users,
        data.train.num_items,
        visuals.shape,
        catalogue.categories,
        text=None if words is None else words[torch.arange(len(words))],
        user_ids=data.user_ids,
        item_ids=data.item_ids,
        attributes=catalogue.attributes,
    )
