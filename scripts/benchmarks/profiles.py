"""Seconds to make fake users, by attack, for a shop of any size; feedback is synthetic.

    python scripts/benchmarks/profiles.py                    # 1,000,000 users, 50,000 fakes
    python scripts/benchmarks/profiles.py --eps 1            # as many fakes as users

Every user has ten items of 100,000, the ``n``-th most popular in proportion to ``1 / (n + 10)``;
what the shop recommends (``probe`` looks) costs nothing here.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np

from vrbench import attacks
from vrbench.attacks.profile.base import ProfileAttack
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.draft import Draft, weighted
from vrbench.attacks.profile.shop import Shop
from vrbench.core.dice import Dice

OWNED, SHOWN, CATEGORIES = 10, 20, 100
KINDS: dict[str, ProfileAttack] = {
    "random": attacks.RandomProfiles(),
    "average": attacks.AverageProfiles(),
    "bandwagon": attacks.BandwagonProfiles(),
    "bandwagon, average": attacks.BandwagonProfiles(fillers="average"),
    "popular": attacks.PopularProfiles(),
    "power user": attacks.PowerUser(),
    "probe": attacks.ProbeProfiles(),
    "segment": attacks.SegmentProfiles(),
    "semantic": attacks.SemanticProfiles(),
    "love-hate": attacks.LoveHate(),
    "reverse bandwagon": attacks.ReverseBandwagon(),
}


def main() -> None:
    """Print a line per attack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--eps", type=float, default=0.05)
    parser.add_argument("--length", type=int, default=20)
    chosen = parser.parse_args()
    shop = bazaar(chosen.users, chosen.items)
    targets = np.sort(shop.by_popularity[chosen.items // 2 :][:5])
    budget = FakeUsers(eps=chosen.eps, length=chosen.length)
    for name, attack in KINDS.items():
        began = time.perf_counter()
        made = attack(shop, targets, budget, Dice(0, "profiles"))
        seconds = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        sys.stdout.write(
            f"{name:20} {len(made.lengths):9,} fakes {len(made.items):12,} items "
            f"{seconds:6.1f} s, at most {used:.1f} GiB so far\n"
        )


def bazaar(users: int, items: int) -> Shop:
    """Return a shop in which everybody has ten items, and is recommended the most popular ones."""
    counts = (1e6 / (np.arange(items) + 10)).astype(np.int64) + 1
    draft = Draft(users, items, np.empty(0, dtype=np.int64))
    row, item = draft.fill(np.full(users, OWNED), weighted(counts), Dice(0, "bazaar"))
    order = np.argsort(row * items + item)
    shown = np.argsort(-counts, kind="stable")[:SHOWN]
    return Shop(
        np.arange(users + 1) * OWNED,
        item[order],
        items,
        categories=np.arange(items) % CATEGORIES,
        names=tuple(map(str, range(CATEGORIES))),
        lists=lambda chosen: np.tile(shown, (len(chosen), 1)),
    )


if __name__ == "__main__":
    main()
