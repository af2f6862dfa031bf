"""ACF: seconds per step at batch 512, 50 history items, 49 regions; and memory at 50,000 items.

    python scripts/benchmarks/acf.py                  # speed, 2,000 items
    python scripts/benchmarks/acf.py --items 50000 --history 10 --folder FOLDER_WITH_10_GB

Maps of 49 x 2,048 numbers are written to a file, float16, and memory-mapped, as the store does it.
Then a few steps are trained and all users are ranked once, as validation does, while the anonymous
memory of the process (RssAnon, Linux) is watched.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

CELLS, CHANNELS, BATCH = 49, 2048, 512


def main() -> None:
    """Print seconds per step, pairs per second, and the largest anonymous memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=2_000)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--history", type=int, default=50)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        measure(chosen, Path(folder) / "maps.npy")


def measure(chosen: argparse.Namespace, path: Path) -> None:
    """Write the maps, train, rank."""
    from vrbench.core.seeds import stream
    from vrbench.core.visuals import Signal, Table
    from vrbench.data.interactions import Interactions
    from vrbench.recommenders.base import Sizes
    from vrbench.recommenders.ranking import rank
    from vrbench.recommenders.visual.acf import ACF

    shape = (chosen.items, CELLS, CHANNELS)
    rows = np.lib.format.open_memmap(path, "w+", np.float16, shape)
    noise = np.random.default_rng(0)
    for start in range(0, chosen.items, 500):
        block = noise.random((min(500, chosen.items - start), CELLS, CHANNELS), dtype=np.float32)
        rows[start : start + 500] = block
    rows.flush()
    del rows
    maps = torch.from_numpy(np.load(path, mmap_mode="c"))
    visuals = Table(Signal.MAPS, maps, None, resident=False)
    rng = stream(0, "benchmark")
    count = chosen.users * (chosen.history + 1)
    users = torch.arange(chosen.users).repeat_interleave(chosen.history + 1)
    items = torch.randint(chosen.items, (count,), generator=rng)
    train = Interactions.of(users, items, chosen.users, chosen.items)
    model = ACF(Sizes(chosen.users, chosen.items, shape[1:]), history=chosen.history, scale="none")
    watch = Watch()
    model.begin(visuals, rng)
    model.remember(train)
    optimisers = model._optimisers()
    model.train()
    seconds = []
    for _ in range(chosen.steps + 1):
        picked = torch.randint(len(train), (BATCH,), generator=rng)
        other = torch.randint(chosen.items, (BATCH,), generator=rng)
        began = time.perf_counter()
        loss = model.loss(train.users[picked], train.items[picked], other, visuals)
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
        seconds.append(time.perf_counter() - began)
    step = min(seconds[1:])
    began = time.perf_counter()
    none = torch.empty(0, dtype=torch.int64)
    test = Interactions.of(
        torch.arange(chosen.users),
        torch.randint(chosen.items, (chosen.users,), generator=rng),
        chosen.users,
        chosen.items,
    )
    rank(model.eval(), visuals, train, test, none, 20)
    ranked = time.perf_counter() - began
    sys.stdout.write(
        f"{chosen.items} items, {chosen.history} history items, {CELLS} x {CHANNELS} maps "
        f"({maps.numel() * 2 / 2**30:.1f} GiB)\n"
        f"step of {BATCH} triples   {step:7.2f} s   {BATCH * chosen.history / step:9.0f} "
        f"attended pairs/s\nranking {chosen.users} users {ranked:7.2f} s\n"
        f"anonymous memory at most {watch.most() / 2**30:.2f} GiB\n"
    )


class Watch:
    """Notes the largest anonymous memory of this process."""

    def __init__(self) -> None:
        self._most = 0
        self._done = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while not self._done.wait(0.02):
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon"):
                    self._most = max(self._most, int(line.split()[1]) * 1024)

    def most(self) -> int:
        """Return it, in bytes, and stop watching."""
        self._done.set()
        return self._most


if __name__ == "__main__":
    main()
