"""Full ranking with every accuracy metric, beside the bare product, mask and top 50.

    python scripts/benchmarks/lists.py --device cuda [--quick]

Both sides in turns within one process; ``ranking.py`` has the other libraries.
"""

from __future__ import annotations

from argparse import Namespace

import torch
from ranking import bare_of, vrbench_of, world
from turns import arguments, ceiling, in_turns, row, worked

MEN, MANY = (24_379, 7_371), (100_000, 200_000)  # users and items
SIZES = {"cpu": [MEN, (10_000, 1_000_000)], "cuda": [MEN, MANY]}
QUICK = {"cpu": [(4_096, 7_371), (132, 1_000_000)], "cuda": [MEN, MANY]}


def main() -> None:
    chosen = arguments(__doc__ or "")
    most = ceiling(chosen.device, torch.float32)
    for users, items in (QUICK if chosen.quick else SIZES)[chosen.device]:
        size = Namespace(users=users, items=items, factors=64, k=50)
        made = world(size)
        ways = {
            "bare": bare_of(size, *made, device=chosen.device),
            "vrbench": vrbench_of(size, *made, device=chosen.device),
        }
        found = in_turns(ways, chosen.device, chosen.turns)
        work = 2 * users * items * size.factors
        for name, taken in found.items():
            what = f"ranking {users:,} x {items:,}"
            row(what, name, taken, "s", ratio=taken / found["bare"], base="bare")
            worked(what, name, work, taken, most)
        del ways, made
        if chosen.device == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
