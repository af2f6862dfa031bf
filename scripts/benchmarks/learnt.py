"""What recommenders learn on a device and on the processor, from the same draws at equal epochs.

    python scripts/benchmarks/learnt.py --device cuda [--quick]

nDCG@20 on the test purchases of the embedded shop, every seed on both sides; the difference is the
mean over seeds, with its standard error. Nobody is stopped early. What items look like are their
photos at 8 x 8 pixels.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from turns import arguments, row

from vrbench.bench.views import view_of
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.data.sources.boutique import boutique
from vrbench.metrics import NDCG
from vrbench.metrics.view import Counted
from vrbench.recommenders.base import Recommender, Sizes
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.ranking import rank
from vrbench.recommenders.visual.amr import AMR
from vrbench.recommenders.visual.deepstyle import DeepStyle
from vrbench.recommenders.visual.fm import FM
from vrbench.recommenders.visual.vbpr import VBPR

K = 20
LOOP: Any = {"epochs": 40, "batch_size": 128}  # some thousand steps
MODELS: dict[str, Callable[[Sizes], Recommender]] = {
    "VBPR": partial(VBPR, **LOOP),
    "AMR": partial(AMR, **LOOP, adversarial_epochs=10),
    "BPR-MF": partial(BPRMF, **LOOP),
    "DeepStyle": partial(DeepStyle, **LOOP),
    "FM": partial(FM, **LOOP),
}


def main() -> None:
    chosen = arguments(__doc__ or "")
    seeds = range(6 if chosen.quick else 20)
    shop = boutique()
    images = shop.catalogue.images
    blocks = torch.arange(len(shop.catalogue.categories)).split(256)
    small = torch.cat([F.adaptive_avg_pool2d(images[some], 8).flatten(1) for some in blocks])
    visuals = Table(Signal.VECTOR, small, None)
    sides = dict.fromkeys(("cpu", chosen.device))
    for name, make in MODELS.items():
        found = {
            side: [learnt(make, shop, visuals, side, seed) for seed in seeds] for side in sides
        }
        for side, values in found.items():
            row(f"{name}, nDCG@{K}", side, statistics.mean(values), "")
        if len(found) > 1:
            apart = [there - here for here, there in zip(*found.values(), strict=True)]
            error = statistics.stdev(apart) / len(apart) ** 0.5
            what = f"{name}, {chosen.device} minus cpu, {len(apart)} seeds"
            row(what, "mean", statistics.mean(apart), "")
            row(what, "standard error", error, "")


def learnt(
    make: Callable[[Sizes], Recommender], shop: Dataset, visuals: Table, device: str, seed: int
) -> float:
    """Return the mean nDCG of the test after a training on a device."""
    train, labels = shop.train, shop.catalogue.categories
    looks = visuals.to(device)
    model = make(Sizes(train.num_users, train.num_items, visuals.shape, labels)).to(device)
    none = torch.empty(0, dtype=torch.int64)
    nobody = Interactions.of(none, none, train.num_users, train.num_items)
    model.fit(train, nobody, looks, stream(seed, "train"))
    ranked = rank(model.eval(), looks, shop.seen, shop.test, none, 1)
    view = view_of(ranked, none, Counted(labels=labels, source=0, target=0))
    return float(NDCG(k=K).measure(view, shop).double().nanmean())


if __name__ == "__main__":
    main()
