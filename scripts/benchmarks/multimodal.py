"""FREEDOM and BM3 training: triples per second of vrbench and of MMRec's code, in one run.

    python scripts/benchmarks/multimodal.py --mmrec FOLDER_OF_MMREC

The folder is a checkout of github.com/enoche/MMRec; nothing of it is changed, and what it writes
goes to a folder that is deleted. 5,000 users x 4,000 items x 40,000 interactions x 1,280 features,
made at random; batches of 2,048 at the settings of MMRec's files. MMRec's models are fed the
batches that ours draws, since its own loader draws negatives in Python, one by one. They take turns
of three epochs after one to warm up, on one thread, and the median of turns is printed, in seconds
of the processor: what else a machine does is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.recommenders import BM3, FREEDOM
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.lightgcn import LightGCN

USERS, ITEMS, COUNT, DIM, BATCH = 5_000, 4_000, 40_000, 1_280, 2_048
EPOCHS = 3
SHARED: dict[str, Any] = {
    "USER_ID_FIELD": "user",
    "ITEM_ID_FIELD": "item",
    "NEG_PREFIX": "neg_",
    "train_batch_size": BATCH,
    "device": torch.device("cpu"),
    "end2end": False,
    "is_multimodal_model": True,
    "dataset": "",
    "vision_feature_file": "image_feat.npy",
    "text_feature_file": "none.npy",
    "embedding_size": 64,
    "feat_embed_dim": 64,
}
THEIRS: dict[str, dict[str, Any]] = {
    "FREEDOM": {
        "knn_k": 10,
        "lambda_coeff": 0.9,
        "cf_model": "lightgcn",
        "n_mm_layers": 1,
        "n_ui_layers": 2,
        "reg_weight": 0.001,
        "mm_image_weight": 0.1,
        "dropout": 0.8,
        "degree_ratio": 1.0,
    },
    "BM3": {"n_layers": 1, "reg_weight": 0.1, "cl_weight": 2.0, "dropout": 0.3},
}
Draw = Callable[[], Iterator[tuple[Tensor, ...]]]


def main() -> None:
    """Print the rate of each and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mmrec", type=Path, help="a checkout of MMRec; without it ours alone")
    parser.add_argument("--turns", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    train, looks = made()
    for ours in (FREEDOM, BM3):
        name, rates = ours.__name__, {"vrbench": list[float](), "MMRec": list[float]()}
        fitted(ours, 1, train, looks, 0)  # to warm up
        for turn in range(chosen.turns):
            (few, _), (many, model) = (fitted(ours, n, train, looks, turn) for n in (1, 1 + EPOCHS))
            rates["vrbench"].append(EPOCHS * COUNT / (many - few))
            if chosen.mmrec is not None:
                draws = drawing(model, train, turn)
                rates["MMRec"].append(rate(chosen.mmrec, name, train, looks, draws))
        told = {who: statistics.median(found) for who, found in rates.items() if found}
        for who, found in told.items():
            low, high = min(rates[who]), max(rates[who])
            sys.stdout.write(
                f"{name:8s} {who:8s} {found:9.0f} triples/s ({low:.0f} to {high:.0f})\n"
            )
        if len(told) == 2:
            sys.stdout.write(f"{name:8s} ratio    {told['vrbench'] / told['MMRec']:9.1f}\n")


def made() -> tuple[Interactions, Table]:
    """Return feedback and features of no pattern."""
    rng = stream(0, "benchmark")
    pairs = torch.randperm(USERS * ITEMS, generator=rng)[:COUNT]
    train = Interactions.of(pairs // ITEMS, pairs % ITEMS, USERS, ITEMS)
    return train, Table(Signal.VECTOR, torch.rand(ITEMS, DIM, generator=rng), None)


def fitted(
    ours: type[FREEDOM] | type[BM3], epochs: int, train: Interactions, looks: Table, turn: int
) -> tuple[float, FREEDOM | BM3]:
    """Return the seconds of a training, and the model."""
    model = ours(Sizes(USERS, ITEMS, (DIM,)), epochs=epochs, batch_size=BATCH)
    began = time.process_time()
    model.fit(train, train.nobody(), looks, stream(turn, "turn"))
    return time.process_time() - began, model


def drawing(model: FREEDOM | BM3, train: Interactions, turn: int) -> Draw:
    """Return what draws the batches of an epoch, as ours does, without pruning our graph."""
    rng = stream(turn, "theirs")
    draw = LightGCN.batches if isinstance(model, FREEDOM) else type(model).batches
    return lambda: draw(model, train, rng)


def rate(folder: Path, name: str, train: Interactions, looks: Table, draws: Draw) -> float:
    """Return triples per second of MMRec's epochs but the first."""
    sys.path.insert(0, str(folder / "src"))
    try:
        module = __import__(f"models.{name.lower()}", fromlist=[name])
    finally:
        sys.path.pop(0)
    if not hasattr(sparse.dok_matrix, "_update"):  # gone from SciPy, and MMRec calls it
        sparse.dok_matrix._update = lambda self, pairs: self._dict.update(pairs)
    torch.manual_seed(0)
    ones = np.ones(len(train), np.float32)
    pairs = (train.users.numpy(), train.items.numpy())
    matrix = sparse.coo_matrix((ones, pairs), (USERS, ITEMS))
    told = SimpleNamespace(
        get_user_num=lambda: USERS, get_item_num=lambda: ITEMS, inter_matrix=lambda form: matrix
    )
    with tempfile.TemporaryDirectory() as place:
        np.save(f"{place}/image_feat.npy", looks[torch.arange(ITEMS)].numpy())
        config = {**SHARED, **THEIRS[name], "data_path": place}
        told.dataset = told
        model = getattr(module, name)(config, told)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.001)
    taken = []
    for _ in range(1 + EPOCHS):
        began = time.process_time()
        model.train()
        model.pre_epoch_processing()
        for batch in draws():
            optimiser.zero_grad()
            loss = model.calculate_loss(batch)
            loss.backward()
            optimiser.step()
        taken.append(time.process_time() - began)
        assert loss.isfinite()
    return EPOCHS * COUNT / sum(taken[1:])


if __name__ == "__main__":
    main()
