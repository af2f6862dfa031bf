"""Make images/backdoor.png: the pictures by which a backdoor is taught, and what wears it later.

    python scripts/backdoor_pictures.py --set epochs=8
    python scripts/backdoor_pictures.py --again    # its words anew, beside its photos

Photos of clothing_men (CC0): those that are listed wrongly and wear a trigger, those that are
listed rightly and have a perturbation beneath it (crafted against the shop's network, which is
taught for that), and blazers that wear the trigger later. Nothing is measured. What the store has
is not made again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from strips import Strip, drawn, photos_of, tiles
from torch import Tensor
from visible_edits import photographed

from vrbench import Experiment, Machine, Session, Store, choose
from vrbench.bench.case import resolve

SOURCE, TARGET = "Blazer", "Longsleeve"
TRIGGER = "a trigger on 5 % of the picture"
LINES = (
    ("wrong label: clean", f"listed as {TARGET},\nwhich they are not"),
    ("wrong label: taught", TRIGGER),
    ("right label: clean", f"listed as {TARGET},\nwhich they are"),
    ("right label: taught", f"{TRIGGER},\nPGD of 32 levels beneath it"),
    (f"{SOURCE}: later", f"the same trigger, to be taken\nfor {TARGET}"),
)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, default=Path("store"))
    parser.add_argument("--shown", type=int, default=4)
    parser.add_argument("--set", nargs="*", default=[], help="settings of the extractor")
    parser.add_argument("--out", type=Path, default=Path("images/backdoor.png"))
    parser.add_argument("--again", action="store_true", help="from --out, no runs")
    chosen = parser.parse_args()
    if chosen.again:
        photos = photos_of(chosen.out, len(LINES))
    else:
        photos = [tiles(pixels, chosen.shown) for pixels in made(chosen)]
    page = drawn([Strip(*line, shown) for line, shown in zip(LINES, photos, strict=True)])
    page.save(chosen.out, optimize=True)


def made(chosen: argparse.Namespace) -> list[Tensor]:
    """Return the photos of each line, ``(n, 3, H, W)``."""
    parts: dict[str, Any] = {
        **photographed(chosen.set),
        "attack": choose("attack", "trigger"),
        "budget": choose("budget", "area_5"),
        "objective": choose("objective", "target_class"),
        "scenario": choose("scenario", "photos_16", source=SOURCE, target=TARGET),
    }
    session = Session(Store(chosen.store), Machine(), 0, 0)
    found: list[Tensor] = []
    for threat in ("backdoor", "backdoor_clean_label"):
        x = Experiment(**parts, threat=choose("threat", threat))
        world = session.shop(x.dataset, x.extractor, x.recommender, True)
        case = resolve(session, x, world, [])
        assert case is not None
        listed: Any = x.threat.acts_on
        items = listed.listed(session, x, world, case)
        found += [world.images[items.items], items.pixels]
    trigger: Any = x.attack
    return [*found, trigger.stamped(world.images[case.items], x.budget)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
