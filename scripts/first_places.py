"""Write how far rows of NeuMF must move before another item is first, by C&W (a Markdown table).

    python scripts/first_places.py --store store --table results/first_places.md

Models are those of `experiment=parameters/phases` on the same data set and with the same settings:
what its store has is not trained again. Beside
the smallest change of each row stands its control, the share of first places that a change of the
same length in a random direction takes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vrbench import Machine, Session, Store, choose
from vrbench.core.seeds import stream
from vrbench.threats.first_place import FirstPlace, SmallestChanges, smallest_changes

TABLES = {
    "user": ("user.weight", "user_deep.weight"),
    "item": ("item.weight", "item_deep.weight"),
}
MODELS = {  # in words: the choice, and what is set
    "NeuMF": ("neumf", {}),
    "second phase without a perturbation": ("neumf/adversarial", {"eps": 1e-6}),
    "adversarial phase": ("neumf/adversarial", {}),
    "distilled": ("neumf/distilled", {}),
}


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, default=Path("store"))
    parser.add_argument("--dataset", default="ml_100k")
    parser.add_argument("--tuned", default="", help="of a choice's name: /ml_100k")
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--set", nargs="*", default=[], help="settings of all: epochs=20")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--users", type=int, default=100, help="drawn anew for each seed")
    parser.add_argument("--table", type=Path, default=Path("results/first_places.md"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    lines = [
        "| model | rows of | seeds | lost by C&W | smallest change | lost by noise as long |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    shared = {name: int(n) for name, n in (word.split("=") for word in chosen.set)}
    for name in chosen.models:
        choice, settings = MODELS[name]
        for side in TABLES:
            model = choose("recommender", choice + chosen.tuned, **settings, **shared)
            found = [measured(chosen, model, side, seed) for seed in chosen.seeds]
            told = [spread(torch.tensor(column)) for column in zip(*found, strict=True)]
            lines.append(f"| {name} | {side}s | {len(found)} | {' | '.join(told)} |")
            chosen.table.write_text("\n".join(lines) + "\n", encoding="utf-8")


def measured(
    chosen: argparse.Namespace, recommender: Any, side: Any, seed: int
) -> tuple[float, float, float]:
    """Return the share of first places lost, the median change of them, and noise's share."""
    session = Session(Store(chosen.store), Machine(threads=1), seed, 0)
    data, network = choose("dataset", chosen.dataset), choose("extractor", "standard")
    world = session.shop(data, network, recommender, False)
    model, train = session.fit(world).served, world.data.train
    users = torch.randperm(train.num_users, generator=stream(seed, "whose lists"))[: chosen.users]
    goal = FirstPlace(model, train, world.visuals, users, side=side, tables=TABLES[side])
    seen = smallest_changes(goal)
    lost = seen.length.isfinite()
    noisy = by_noise(goal, seen, seed)
    share = float(seen.share[lost].median()) if lost.any() else float("inf")
    return float(lost.float().mean()), share, noisy


def by_noise(goal: FirstPlace, seen: SmallestChanges, seed: int) -> float:
    """Return the share of first places lost to changes of these lengths in random directions."""
    drawn = torch.randn(goal.rows.shape, generator=stream(seed, "directions"))
    away: Tensor = drawn / drawn.norm(dim=1, keepdim=True)
    pair = torch.arange(len(goal.rows))
    length = seen.length.nan_to_num(posinf=0.0)[:, None]
    with torch.no_grad():
        margin = goal.judge(goal.rows + length * away, pair).margin
    return float((margin < 0).float().mean())


def spread(values: Tensor) -> str:
    """Return a mean over seeds and its deviation."""
    alone = f"{values.mean():.3f}"
    return alone if len(values) == 1 else f"{alone} ± {values.std():.3f}"


if __name__ == "__main__":
    main()
