"""Draw the validation nDCG@20 of the adversarial recommenders against the epoch.

    python scripts/benchmarks/gan_curves.py images/gan_curves.png

A tenth of MovieLens 100K is held out of the four fifths that are not the test, as for tuning; the
test is never read. Models are kept in the store, so that a second call only draws.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import torch

from vrbench.bench.stages.models import trained
from vrbench.bench.store import Store
from vrbench.bench.validation import Validation
from vrbench.config import Composition

LINES = {"popular": ("Popular", ":"), "ease/ml_100k_8020": ("EASE", "--")}
SMALLER = ("recommender.pretrain_epochs=12", "recommender.pretrain_lr=0.004", "recommender.walks=5")
RUNS = {
    "CFGAN": ("recommender=cfgan/ml_100k_8020",),
    "IRGAN generator": ("recommender=irgan/ml_100k_8020",),
    "IRGAN discriminator": (
        "recommender=irgan/ml_100k_8020",
        "recommender.predictor=discriminator",
    ),
    "GraphGAN generator": ("recommender=graphgan", *SMALLER),
    "GraphGAN discriminator": (
        "recommender=graphgan",
        "recommender.predictor=discriminator",
        *SMALLER,
    ),
}


def measured(overrides: tuple[str, ...]) -> tuple[list[tuple[int, float]], float]:
    """Return epochs and their nDCG, and that of the model that is kept."""
    data = ["dataset=ml_100k_8020", "dataset.valid=0.1"]
    composition = Composition([*data, *overrides], Path(__file__).parents[2] / "conf")
    machine = composition.make("machine")
    store = Store(Path(composition.cfg.store))
    extractor = composition.make("extractor")
    validation = Validation(composition.make("dataset"), extractor, store, machine, seeds=[0])
    factory = composition.make("recommender")
    images = validation.data.catalogue.images
    model, notes = trained(store, validation.data, factory, images, 0, machine.device)
    told = [(n, e["valid_ndcg"]) for n, e in enumerate(notes["epochs"], 1) if "valid_ndcg" in e]
    return told, validation.measured(model, images)


def main() -> None:
    """Write the picture to the path that is told."""
    from matplotlib.figure import Figure

    from vrbench.report.plots.gains import styled
    from vrbench.report.plots.looks import COLOURS, GREY

    torch.set_num_threads(1)
    with styled():
        figure = Figure(figsize=(8, 4.2), layout="constrained", dpi=150)
        axes = figure.subplots()
        for (name, overrides), colour in zip(RUNS.items(), COLOURS, strict=False):
            told, _ = measured(overrides)
            start = next((n for n, (a, b) in enumerate(pairwise(told)) if b[0] <= a[0]), 0)
            x, y = zip(*told[start:], strict=True)
            axes.plot(x, y, marker=".", color=colour, label=name)
        for name, (called, line) in LINES.items():
            _, kept = measured((f"recommender={name}",))
            axes.axhline(kept, color=GREY, linestyle=line, label=called)
        axes.set_xlabel("epoch")
        axes.set_ylabel("validation nDCG@20")
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        title = "What GANs learn, epoch by epoch: MovieLens 100K, seed 0"
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
        figure.legend(loc="outside right upper", fontsize=9)
        figure.savefig(sys.argv[1], facecolor="white")


if __name__ == "__main__":
    main()
