"""Draw the validation nDCG@20 of the adversarial recommenders against the epoch.

    python scripts/benchmarks/gan_curves.py            # minutes of a processor
    python scripts/benchmarks/gan_curves.py --again    # from the table alone

A tenth of MovieLens 100K is held out of the four fifths that are not the test, as for tuning; the
test is never read. In the table, what does not learn by epochs has one line, without an epoch.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vrbench.bench.stages.models import trained
from vrbench.bench.store import Store
from vrbench.bench.validation import Validation
from vrbench.config import Composition
from vrbench.report.plots.looks import COLOURS, GREY, MARKERS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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


def rows() -> Iterator[tuple[str, str, float]]:
    """Yield model, epoch and nDCG."""
    for name, overrides in RUNS.items():
        told, _ = measured(overrides)
        yield from ((name, str(epoch), value) for epoch, value in told)
    for name, (called, _) in LINES.items():
        yield called, "", measured((f"recommender={name}",))[1]


def write(path: Path) -> None:
    """Write the table."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("model", "epoch", "validation nDCG@20"))
        table.writerows((name, epoch, f"{value:.4f}") for name, epoch, value in rows())


def read(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Return epochs and nDCG by model; the epoch is 0 where there is none."""
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    with open(path, newline="", encoding="utf-8") as file:
        for name, epoch, value in list(csv.reader(file))[1:]:
            found[name].append((int(epoch or 0), float(value)))
    return found


def figure_of(found: dict[str, list[tuple[int, float]]]) -> Figure:
    """Return the figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained", dpi=150)
    axes = figure.subplots()
    for name, colour, marker in zip(RUNS, COLOURS, MARKERS, strict=False):
        told = found[name]
        start = next((n for n, (a, b) in enumerate(pairwise(told)) if b[0] <= a[0]), 0)
        x, y = zip(*told[start:], strict=True)
        axes.plot(x, y, marker=marker, markersize=4, color=colour, label=name)
    for called, line in LINES.values():
        ((_, kept),) = found[called]
        axes.axhline(kept, color=GREY, linestyle=line, label=called)
    axes.set_xlabel("epoch")
    axes.set_ylabel("validation nDCG@20 (0 to 1)")
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    title = "What GANs learn, epoch by epoch: MovieLens 100K, seed 0"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def main() -> None:
    """Write the table and the picture."""
    from vrbench.report.plots.curves import save
    from vrbench.report.plots.gains import styled

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=Path("results/gan_curves.csv"))
    parser.add_argument("--out", type=Path, default=Path("images/gan_curves.png"))
    parser.add_argument("--again", action="store_true", help="from --table, no runs")
    chosen = parser.parse_args()
    if not chosen.again:
        torch.set_num_threads(1)
        write(chosen.table)
    with styled():
        save(lambda: figure_of(read(chosen.table)), chosen.out)


if __name__ == "__main__":
    main()
