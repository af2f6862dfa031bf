"""VBPR and AMR on real purchases: triples per second and nDCG@20 at equal epochs, equal features.

    VRBENCH_DATA=... python scripts/benchmarks/visual.py --store STORE --cornac PYTHON_WITH_CORNAC
    ... --epochs 2 5 10 20 40 80 --table POINTS.csv --picture CURVES.png
    python scripts/benchmarks/visual.py --drawn POINTS.csv --picture CURVES.png

The data set is ``clothing_men``, the features are those of ``extractor=photos_standard`` (taught
first if the store does not have it). Peers: cornac's VBPR and AMR in a process of their own, and
the form of VBPR that MMRec has (one user row over item row and projected features, mean loss, Adam
1e-3, batch 2,048), written plainly in torch. Everyone gets the same number of epochs, without early
stopping, and the same number of threads; all are ranked by the same code. Seconds are a
processor's, of all threads together, so that what else runs hardly counts. For several numbers of
epochs each is trained from the start, and ``--picture`` draws nDCG@20 against those seconds;
``--drawn`` draws what was measured before.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

NDCG = "nDCG@20"
MODELS = ("VBPR", "AMR")  # colours
LIBRARIES = {"vrbench": ("-", "o"), "MMRec": ("--", "s"), "cornac": (":", "^")}
CORNAC = """
import sys, time
import numpy as np
import torch
torch.set_num_threads(int(sys.argv[3]))
from cornac.data import ImageModality
from cornac.eval_methods import BaseMethod
from cornac import models
given = np.load(sys.argv[1])
users, items, features = given["users"], given["items"], given["features"]
rows = [(int(u), int(i), 1.0) for u, i in zip(users, items)]
modality = ImageModality(features=features, ids=list(range(len(features))))
method = BaseMethod.from_splits(train_data=rows, test_data=rows[:100], item_image=modality)
train = method.train_set
settings = dict(n_epochs=int(sys.argv[4]), batch_size=512, verbose=False, seed=0)
model = getattr(models, sys.argv[2])(k=32, k2=32, **settings)
began = time.process_time()
model.fit(train)
seconds = time.process_time() - began
scores = np.full((int(given["num_users"]), len(features)), -1e9, dtype=np.float32)
order = np.array([train.iid_map[i] if i in train.iid_map else -1 for i in range(len(features))])
known = order >= 0
for user, inner in train.uid_map.items():
    scores[user, known] = np.asarray(model.score(inner))[order[known]]
np.save(sys.argv[5], scores)
print(seconds)
"""


def main() -> None:
    """Print one line per model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", default="store")
    parser.add_argument("--cornac", help="python of an environment with cornac")
    parser.add_argument("--epochs", type=int, nargs="+", default=[20])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--table", help="write what was measured into this CSV file")
    parser.add_argument("--picture", help="draw nDCG@20 against seconds into this file")
    parser.add_argument("--drawn", help="measure nothing, draw this CSV file")
    chosen = parser.parse_args()
    if chosen.drawn:
        draw(read(chosen.drawn), chosen.picture)
        return
    torch.set_num_threads(chosen.threads)
    data, visuals = features(chosen.store)

    from vrbench.recommenders.visual.vbpr import VBPR

    fit(partial(VBPR, epochs=1), data, visuals)  # what is slow once is over then
    found = []
    for epochs in chosen.epochs:
        for name, seconds, scores in trained(epochs, data, visuals, chosen):
            found.append(Point(name, epochs, seconds, len(data.train), ndcg(scores, data)))
            found[-1].say()
    if chosen.table:
        write(found, chosen.table)
    if chosen.picture:
        draw(found, chosen.picture)


class Point(NamedTuple):
    """What one model reached after some epochs."""

    name: str
    epochs: int
    seconds: float
    triples: int
    ndcg: float

    def say(self) -> None:
        """Print how fast and how good it was."""
        rate = self.epochs * self.triples / self.seconds
        sys.stdout.write(
            f"{self.name:22} {self.epochs:4} epochs {self.seconds:7.1f} s {rate:9.0f} triples/s   "
            f"nDCG@20 {self.ndcg:.4f}\n"
        )
        sys.stdout.flush()


def trained(epochs, data, visuals, chosen):
    """Yield the name, seconds and scores of every model after ``epochs``."""
    from vrbench.recommenders.visual.amr import AMR
    from vrbench.recommenders.visual.vbpr import VBPR

    loop = {"l2": 0.03, "epochs": epochs, "eval_every": 10**6, "patience": 10**6}
    half = max(epochs // 2, 1)
    ours = {
        "vrbench VBPR": partial(VBPR, **loop),
        "vrbench AMR": partial(AMR, **loop | {"epochs": half}, adversarial_epochs=half),
    }
    for name, make in ours.items():
        yield name, *fit(make, data, visuals)
    yield "MMRec's form of VBPR", *mmrec(data, visuals, epochs)
    for model in ("VBPR", "AMR") if chosen.cornac else ():
        yield (
            f"cornac {model}",
            *cornac(chosen.cornac, model, data, visuals, epochs, chosen.threads),
        )


def write(points, file) -> None:
    """Write what was measured into a CSV file."""
    with open(file, "w", newline="", encoding="utf-8") as out:
        lines = csv.writer(out, lineterminator="\n")
        lines.writerow(("model", "epochs", "seconds", NDCG))
        lines.writerows((p.name, p.epochs, f"{p.seconds:.1f}", f"{p.ndcg:.3f}") for p in points)


def read(file):
    """Return what was measured before, of a CSV file."""
    with open(file, newline="", encoding="utf-8") as lines:
        return [
            Point(line["model"], int(line["epochs"]), float(line["seconds"]), 0, float(line[NDCG]))
            for line in csv.DictReader(lines)
        ]


def draw(points, file) -> None:
    """Draw nDCG@20 against seconds of training: the colour is the model, the line the library."""
    from matplotlib.figure import Figure

    from vrbench.report.plots.gains import styled
    from vrbench.report.plots.looks import COLOURS

    with styled():
        figure = Figure(figsize=(6.8, 4.4), layout="constrained", dpi=150)
        axes = figure.subplots()
        for name in dict.fromkeys(point.name for point in points):
            of = [point for point in points if point.name == name]
            line, marker = next(look for word, look in LIBRARIES.items() if name.startswith(word))
            colour = COLOURS[next(n for n, model in enumerate(MODELS) if name.endswith(model))]
            across, up = [p.seconds for p in of], [p.ndcg for p in of]
            axes.plot(across, up, line, color=colour, marker=marker, label=name)
        axes.set_xscale("log")
        axes.set_xticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.set_xlabel("training: seconds of one processor, on a logarithmic scale")
        axes.set_ylabel(NDCG)
        axes.spines[["top", "right"]].set_visible(False)
        title = "What a second of training is worth: clothing_men"
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        figure.legend(loc="outside lower center", ncols=3, fontsize=9)
        figure.savefig(file, facecolor="white")


def features(store):
    """Return the data set and the vectors of its pictures."""
    from hydra import compose, initialize_config_dir

    from vrbench.bench import stages
    from vrbench.bench.machine import Machine
    from vrbench.bench.store import Store
    from vrbench.cli import conf_dir
    from vrbench.config import make
    from vrbench.core.visuals import Signal

    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        cfg = compose("run", overrides=["dataset=clothing_men", "extractor=photos_standard"])
    data, extractor, store = make(cfg.dataset), make(cfg.extractor), Store(Path(store))
    images = stages.decode_images(store, Machine(), data.catalogue.images)
    served, _ = stages.teach(store, extractor, data.catalogue, images, 0, "cpu")
    return data, stages.extract_features(store, Machine(), images, served, Signal.VECTOR)


def fit(make, data, visuals):
    """Return seconds of training, and all scores, of one of ours."""
    from vrbench.core.seeds import stream
    from vrbench.data.interactions import Interactions
    from vrbench.recommenders.base import Sizes

    none = torch.empty(0, dtype=torch.int64)
    users, items = data.train.num_users, data.train.num_items
    model = make(Sizes(users, items, visuals.shape)).train()
    began = time.process_time()
    model.fit(data.train, Interactions.of(none, none, users, items), visuals, stream(0))
    seconds = time.process_time() - began
    with torch.no_grad():
        encoded = model.eval().encode(torch.arange(items), visuals)
        return seconds, model.score(torch.arange(users), encoded)


def mmrec(data, visuals, epochs):
    """Return seconds and scores of VBPR in MMRec's form, as a plain loop."""
    from vrbench.core.seeds import stream
    from vrbench.recommenders.training.negative_sampling import negatives

    rng, count = stream(0), (data.train.num_users, data.train.num_items)
    f = visuals[torch.arange(count[1])]
    user = torch.nn.Parameter(torch.randn(count[0], 128, generator=rng) * (2 / sum(count)) ** 0.5)
    item = torch.nn.Parameter(torch.randn(count[1], 64, generator=rng) * (2 / sum(count)) ** 0.5)
    look = torch.nn.Linear(f.shape[1], 64)
    optimiser = torch.optim.Adam([user, item, *look.parameters()], lr=1e-3)
    began = time.process_time()
    for _ in range(epochs):
        order = torch.randperm(len(data.train), generator=rng)
        users, liked = data.train.users[order], data.train.items[order]
        other = negatives(data.train, users, rng)
        for u, i, j in zip(users.split(2048), liked.split(2048), other.split(2048), strict=True):
            rows = torch.cat([item, look(f)], 1)
            loss = -F.logsigmoid((user[u] * (rows[i] - rows[j])).sum(1)).mean()
            norms = user[u].norm() + rows[i].norm() + rows[j].norm()
            optimiser.zero_grad()
            (loss + 1e-3 * norms / len(u)).backward()
            optimiser.step()
    seconds = time.process_time() - began
    with torch.no_grad():
        return seconds, user @ torch.cat([item, look(f)], 1).T


def cornac(python, model, data, visuals, epochs, threads):
    """Return seconds and scores of one of cornac's models."""
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "given.npz", Path(folder) / "scores.npy"
        f = visuals[torch.arange(len(visuals))].numpy()
        train = data.train
        np.savez(given, users=train.users, items=train.items, features=f, num_users=train.num_users)
        arguments = [python, "-c", CORNAC, given, model, threads, epochs, out]
        done = subprocess.run([*map(str, arguments)], capture_output=True, text=True, check=True)
        return float(done.stdout.split()[-1]), torch.from_numpy(np.load(out))


def ndcg(scores, data) -> float:
    """Return nDCG@20 of test purchases, train and validation masked."""
    scores = scores.masked_fill(data.seen.matrix(), -torch.inf)
    top = scores.topk(20, dim=1).indices
    hit = data.test.matrix().gather(1, top).double()
    discount = 1 / torch.log2(torch.arange(20, dtype=torch.float64) + 2)
    counts = data.test.counts
    ideal = discount.cumsum(0)[counts.clamp(1, 20) - 1]
    return float((hit @ discount / ideal)[counts > 0].mean())


if __name__ == "__main__":
    main()
