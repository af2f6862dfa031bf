"""VBPR training: triples per second of vrbench and of cornac, at the size of VAR's Amazon Men.

    python scripts/benchmarks/vbpr.py --cornac PYTHON_WITH_CORNAC

24,379 users x 7,371 items x 89,020 interactions x 2,048 features, batch 512, made at random. Both
run with the same number of threads; cornac in a process of its own, on --cornac-triples of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

USERS, ITEMS, COUNT, DIM, BATCH = 24_379, 7_371, 89_020, 2_048, 512
CORNAC = """
import sys, time
import numpy as np
import torch
torch.set_num_threads(int(sys.argv[2]))
from cornac.data import Dataset, ImageModality
from cornac.eval_methods import BaseMethod
from cornac.models import VBPR
count = int(sys.argv[1])
rng = np.random.default_rng(0)
pairs = np.unique(rng.integers(0, [{users}, {items}], (count * 2, 2)), axis=0)
pairs = rng.permutation(pairs)[:count]
rows = [(str(u), str(i), 1.0) for u, i in pairs]
features = rng.random(({items}, {dim}), dtype=np.float32)
modality = ImageModality(features=features, ids=[str(i) for i in range({items})])
method = BaseMethod.from_splits(train_data=rows, test_data=rows[:100], item_image=modality)
def fit(epochs):
    model = VBPR(k=32, k2=32, n_epochs=epochs, batch_size={batch}, verbose=False, seed=0)
    began = time.perf_counter()
    model.fit(method.train_set)
    return time.perf_counter() - began
fit(1)
one, three = fit(1), fit(3)
print(2 * len(rows) / (three - one))
"""


def main() -> None:
    """Print the rate of each and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cornac", help="python of an environment with cornac")
    parser.add_argument("--cornac-triples", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    ours = rate(chosen.threads)
    sys.stdout.write(f"vrbench {ours:9.0f} triples/s\n")
    if chosen.cornac:
        code = CORNAC.format(users=USERS, items=ITEMS, dim=DIM, batch=BATCH)
        arguments = [chosen.cornac, "-c", code, str(chosen.cornac_triples), str(chosen.threads)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
        theirs = float(done.stdout.split()[-1])
        sys.stdout.write(f"cornac  {theirs:9.0f} triples/s\nratio   {ours / theirs:9.1f}\n")


def rate(threads: int) -> float:
    """Return triples per second of an epoch of ours, after one to warm up."""
    import torch

    from vrbench.core.seeds import stream
    from vrbench.core.visuals import Signal, Table
    from vrbench.data.interactions import Interactions
    from vrbench.recommenders.base import Sizes
    from vrbench.recommenders.visual.vbpr import VBPR

    torch.set_num_threads(threads)
    rng = stream(0, "benchmark")
    users = torch.randint(USERS, (COUNT * 2,), generator=rng)
    items = torch.randint(ITEMS, (COUNT * 2,), generator=rng)
    pairs = (users * ITEMS + items).unique()
    pairs = pairs[torch.randperm(len(pairs), generator=rng)[:COUNT]]
    train = Interactions.of(pairs // ITEMS, pairs % ITEMS, USERS, ITEMS)
    none = torch.empty(0, dtype=torch.int64)
    valid = Interactions.of(none, none, USERS, ITEMS)
    visuals = Table(Signal.VECTOR, torch.rand(ITEMS, DIM, generator=rng), None)
    model = VBPR(Sizes(USERS, ITEMS, (DIM,)), epochs=4, batch_size=BATCH)
    began = time.perf_counter()
    history = model.fit(train, valid, visuals, rng)
    sys.stderr.write(f"(4 epochs with preparations: {time.perf_counter() - began:.1f} s)\n")
    return COUNT / min(epoch["seconds"] for epoch in history.epochs)


if __name__ == "__main__":
    main()
