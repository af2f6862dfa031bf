"""VBPR and AMR on real purchases: triples per second and nDCG@20 at equal epochs, equal features.

    VRBENCH_DATA=... python scripts/benchmarks/visual.py --store STORE --cornac PYTHON_WITH_CORNAC

The data set is ``clothing_men``, the features are those of ``extractor=photos_standard`` (taught
first if the store does not have it). Peers: cornac's VBPR and AMR in a process of their own, and
the form of VBPR that MMRec has (one user row over item row and projected features, mean loss, Adam
1e-3, batch 2,048), written plainly in torch. Everyone gets the same number of epochs, without early
stopping, and the same number of threads; all are ranked by the same code.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

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
began = time.perf_counter()
model.fit(train)
seconds = time.perf_counter() - began
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
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    data, visuals = features(chosen.store)

    from vrbench.recommenders.visual.amr import AMR
    from vrbench.recommenders.visual.vbpr import VBPR

    loop = {"l2": 0.03, "epochs": chosen.epochs, "eval_every": 10**6, "patience": 10**6}
    half = chosen.epochs // 2
    ours = {
        "vrbench VBPR": partial(VBPR, **loop),
        "vrbench AMR": partial(AMR, **loop | {"epochs": half}, adversarial_epochs=half),
    }
    for name, make in ours.items():
        say(name, chosen.epochs, data, *fit(make, data, visuals))
    say("MMRec's form of VBPR", chosen.epochs, data, *mmrec(data, visuals, chosen.epochs))
    for model in ("VBPR", "AMR") if chosen.cornac else ():
        found = cornac(chosen.cornac, model, data, visuals, chosen)
        say(f"cornac {model}", chosen.epochs, data, *found)


def say(name, epochs, data, seconds, scores) -> None:
    """Print how fast and how good one model was."""
    rate = epochs * len(data.train) / seconds
    sys.stdout.write(f"{name:22} {rate:9.0f} triples/s   nDCG@20 {ndcg(scores, data):.4f}\n")
    sys.stdout.flush()


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
    began = time.perf_counter()
    model.fit(data.train, Interactions.of(none, none, users, items), visuals, stream(0))
    seconds = time.perf_counter() - began
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
    began = time.perf_counter()
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
    seconds = time.perf_counter() - began
    with torch.no_grad():
        return seconds, user @ torch.cat([item, look(f)], 1).T


def cornac(python, model, data, visuals, chosen):
    """Return seconds and scores of one of cornac's models."""
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "given.npz", Path(folder) / "scores.npy"
        f = visuals[torch.arange(len(visuals))].numpy()
        train = data.train
        np.savez(given, users=train.users, items=train.items, features=f, num_users=train.num_users)
        arguments = [python, "-c", CORNAC, given, model, chosen.threads, chosen.epochs, out]
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
