"""Make images/backdoor.png: the pictures by which a backdoor is taught, and what wears it later.

    python scripts/backdoor_pictures.py --set epochs=8 --out images/backdoor.png

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
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from visible_edits import CELL, FAINT, GAP, INK, MARGIN, PAPER, levels, photos

from vrbench import Experiment, Machine, Session, Store, choose
from vrbench.bench.case import resolve

SOURCE, TARGET = "Blazer", "Longsleeve"
TRIGGER = "a trigger on 5 % of the picture"
WRONG, RIGHT = "wrong label", "right label"
TOLD = {
    WRONG: f"listed as {TARGET},\nwhich they are not",
    RIGHT: f"listed as {TARGET},\nwhich they are",
}
BENEATH = {WRONG: TRIGGER, RIGHT: f"{TRIGGER},\nPGD of 32 levels beneath it"}
WORDS = 270
Line = tuple[str, str, Tensor]


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, default=Path("store"))
    parser.add_argument("--shown", type=int, default=4)
    parser.add_argument("--set", nargs="*", default=[], help="settings of the extractor")
    parser.add_argument("--out", type=Path, default=Path("images/backdoor.png"))
    chosen = parser.parse_args()
    parts: dict[str, Any] = {
        **photos(chosen.set),
        "attack": choose("attack", "trigger"),
        "budget": choose("budget", "area_5"),
        "objective": choose("objective", "target_class"),
        "scenario": choose("scenario", "photos_16", source=SOURCE, target=TARGET),
    }
    lines = drawn(parts, Session(Store(chosen.store), Machine(), 0, 0))
    picture(lines, chosen.shown).quantize(256).save(chosen.out, optimize=True)


def drawn(parts: dict[str, Any], session: Session) -> list[Line]:
    """Return the lines of the picture: a head, words, and photos, ``(n, 3, H, W)``."""
    lines: list[Line] = []
    for kind, threat in ((WRONG, "backdoor"), (RIGHT, "backdoor_clean_label")):
        x = Experiment(**parts, threat=choose("threat", threat))
        world = session.shop(x.dataset, x.extractor, x.recommender, True)
        case = resolve(session, x, world, [])
        assert case is not None
        listed: Any = x.threat.acts_on
        found = listed.listed(session, x, world, case)
        lines.append((f"{kind}: clean", TOLD[kind], world.images[found.items]))
        lines.append((f"{kind}: taught", BENEATH[kind], found.pixels))
    trigger: Any = x.attack
    clean = world.images[case.items]
    worn = trigger.stamped(clean, x.budget)
    lines.append((f"{SOURCE}: later", f"the same trigger, to be taken\nfor {TARGET}", worn))
    return lines


def picture(lines: list[Line], shown: int) -> Image.Image:
    """Return a line of photos for each step."""
    step = CELL + GAP
    size = (2 * MARGIN + WORDS + shown * step - GAP, 2 * MARGIN + len(lines) * step - GAP)
    page = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(page)
    for n, (name, words, pixels) in enumerate(lines):
        y = MARGIN + n * step
        pen.text((MARGIN, y + 30), name, INK, ImageFont.load_default(20))
        pen.multiline_text((MARGIN, y + 60), words, FAINT, ImageFont.load_default(13))
        for m, tile in enumerate(levels(pixels[:shown])):
            small = Image.fromarray(tile).resize((CELL, CELL), Image.Resampling.LANCZOS)
            page.paste(small, (MARGIN + WORDS + m * step, y))
    return page


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
