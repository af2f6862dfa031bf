"""How long the rows of items are that an attack made, and who would list them by cosine.

    python scripts/row_lengths.py experiment=multimodal_hm threat=evasion recommender=slmrec seed=0

Of a recommender that scores by the product of a row of a user and one of an item (SLMRec, MMGCN,
LATTICE, FREEDOM): attacked items in a mean list of 20, by product and by cosine, before and after
the attack; what users have stays in their lists here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch.nn.functional import normalize

from vrbench import Store, run
from vrbench.cli import conf_dir
from vrbench.cli.axes import PARTS
from vrbench.cli.composition import Composition

PLACES = 20


def main(overrides: list[str]) -> None:
    """Print a line for the shop before and after the attack."""
    composed = Composition(["attack=pgd", *overrides], conf_dir())
    parts = {part: composed.make(part) for part in PARTS}
    metrics = list(composed.make("metrics").values())
    seed, store = int(composed.cfg.seed), Store(Path(composed.cfg.store))
    machine = composed.make("machine")
    found = run(**parts, metrics=metrics, store=store, machine=machine, seed=seed)
    every = torch.arange(parts["dataset"].train.num_items)
    for side in ("before", "after"):
        with torch.no_grad():
            user, item = found.models[side].encode(every, found.shown[side])
        length, attacked = item.norm(dim=1), found.case.items
        scores = {"product": user @ item.T, "cosine": normalize(user) @ normalize(item).T}
        listed = {
            by: torch.isin(score.topk(PLACES).indices, attacked).sum(1).double().mean()
            for by, score in scores.items()
        }
        sys.stdout.write(
            f"{side:6} mean length {length.mean():.3g}, of attacked items "
            f"{length[attacked].mean():.3g}; in a list by product {listed['product']:.3g}, "
            f"by cosine {listed['cosine']:.3g}\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
