"""Make images/visible_edits.png and its table: photos under edits that may be seen.

    python scripts/visible_edits.py --set epochs=8
    python scripts/visible_edits.py --again    # its words anew: the picture's photos, the table

Photos of clothing_men (CC0), pushed in VBPR's lists by each edit. Beside what an edit gains stands
what is left of it when the shop crops the upload, makes it smaller and saves it as JPEG, by Pillow.
What the store has is not made again.
"""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from strips import Strip, drawn, levels, photos_of, tiles
from torch import Tensor

from vrbench import Experiment, Machine, Session, Store, Threat, choose, measure
from vrbench.bench.case import resolve
from vrbench.metrics import SSIM, ItemHR, RankShift
from vrbench.threats.knowledge import knowledge

EDITS = (  # in words, attack, budget
    ("noise", "noise", "linf_16"),
    ("one change for all", "universal", "linf_16"),
    ("patch", "patch", "area_5"),
    ("patch, EOT", "patch_eot", "area_5"),
    ("tone curves", "colour_curve", "free"),
    ("background", "background", "free"),
)
PLACE = ("places", "place")
Cells = tuple[str, ...]
KEPT = ((1, 48, 60), (0, 56, 75), (3, 64, 50), (2, 40, 85))  # cut off a side, size, JPEG quality
HEAD = "| edit | budget | score gained | left after re-encoding | places gained | HR@20 | SSIM |"


def main() -> None:
    """Measure, and write the picture and the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, default=Path("store"))
    parser.add_argument("--items", type=int, default=8)
    parser.add_argument("--shown", type=int, default=4)
    parser.add_argument("--set", nargs="*", default=[], help="settings of the extractor")
    parser.add_argument("--out", type=Path, default=Path("images/visible_edits.png"))
    parser.add_argument("--table", type=Path, default=Path("results/visible_edits.md"))
    parser.add_argument("--again", action="store_true", help="from --out and --table, no runs")
    chosen = parser.parse_args()
    if not chosen.again:
        found = measured(chosen)
        table = [HEAD, "|---|---|---|---|---|---|---|", *(f"| {' | '.join(c)} |" for c, _ in found)]
        chosen.table.write_text("\n".join(table) + "\n", encoding="utf-8")
        every = [found[0][1].clean, *(pixels.attacked for _, pixels in found)]
        photos = [tiles(pixels, chosen.shown) for pixels in every]
    else:
        photos = photos_of(chosen.out, 1 + len(EDITS))
    lines = [("clean", ""), *map(words, read(chosen.table))]
    page = drawn([Strip(*line, shown) for line, shown in zip(lines, photos, strict=True)])
    page.save(chosen.out, optimize=True)


def measured(chosen: argparse.Namespace) -> list[tuple[Cells, Any]]:
    """Return the line of each edit in the table, and its pictures."""
    parts: dict[str, Any] = {
        **photographed(chosen.set),
        "objective": choose("objective", "promote"),
        "scenario": choose("scenario", "photos", max_items=chosen.items),
        "threat": Threat(timing="evasion"),
    }
    session = Session(Store(chosen.store), Machine(), 0, 0)
    return [told_of(parts, session, *edit) for edit in EDITS]


def photographed(words: list[str]) -> dict[str, Any]:
    """Return photos, their network, set as ``epochs=8`` says, and VBPR upon it."""
    told = {name: int(n) for name, n in (word.split("=") for word in words)}
    return {
        "dataset": choose("dataset", "clothing_men"),
        "extractor": choose("extractor", "photos_standard", **told),
        "recommender": choose("recommender", "vbpr/clothing_men"),
    }


def told_of(
    parts: dict[str, Any], session: Session, name: str, attack: str, budget: str
) -> tuple[Cells, Any]:
    """Return an edit's line of the table, and its pictures."""
    made = {"attack": choose("attack", attack), "budget": choose("budget", budget)}
    x = Experiment(**parts, **made)
    metrics = [ItemHR(k=20), RankShift(), SSIM()]
    found = measure(x, session, metrics)
    assert found is not None
    assert found.crafted is not None
    clean, edited, items = found.crafted.clean, found.crafted.attacked, found.case.items
    score = scorer(x, session, metrics)
    before = score(clean, items)
    gained = float((score(edited, items) - before).mean())
    left = float(
        torch.stack(
            [score(kept(edited, *way), items) - score(kept(clean, *way), items) for way in KEPT]
        ).mean()
    )
    rows = {row.metric: row for row in found.rows}
    hits, places = rows["item HR@20"], rows["rank shift"].after
    like = rows["SSIM"].after
    assert None not in (hits.before, hits.after, places, like)
    share = f"{100 * hits.before:.2f} → {100 * hits.after:.2f} %"
    moved = signed(places, 0)
    cells = (name, budget, signed(gained, 3), signed(left, 3), moved, share, f"{like:.2f}")
    return cells, found.crafted


def read(path: Path) -> list[Cells]:
    """Return the lines of the table."""
    told = path.read_text(encoding="utf-8").splitlines()
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in told[2:]]


def words(cells: Cells) -> tuple[str, str]:
    """Return what an edit is called, and in two lines what it did."""
    name, _, gained, left, places, _, like = cells
    count, way = re.sub(r"^[+-]", "", places), "down" if places.startswith("-") else "up"
    moved = "no place gained" if count == "0" else f"{count} {PLACE[count == '1']} {way}"
    return name, f"{moved}, SSIM {like}\nscore {gained}, re-encoded {left}"


def signed(value: float, digits: int) -> str:
    """Return a number with its sign; what is nothing when rounded has none."""
    told = f"{value:+.{digits}f}"
    return told if float(told) else told[1:]


def scorer(x: Experiment, session: Session, metrics: list[Any]) -> Any:
    """Return what tells the mean score over users of pictures of items."""
    world = session.shop(x.dataset, x.extractor, x.recommender, True)
    case = resolve(session, x, world, metrics)
    assert case is not None
    world = session.fit(world)
    knows, _ = knowledge(session, x, world, case)
    goal: Any = x.objective(**knows)

    @torch.no_grad()
    def score(pixels: Tensor, items: Tensor) -> Tensor:
        return -goal.judge(pixels, items).loss

    return score


def kept(x: Tensor, cut: int, size: int, quality: int) -> Tensor:
    """Return pictures as a shop might keep them, by Pillow, at the size that they came in."""
    rows = []
    for pixels in levels(x):
        side, file = pixels.shape[0], io.BytesIO()
        whole = Image.fromarray(pixels).crop((cut, cut, side - cut, side - cut))
        whole.resize((size, size), Image.Resampling.BILINEAR).save(file, "JPEG", quality=quality)
        with Image.open(file) as again:
            rows.append(np.asarray(again.resize((side, side), Image.Resampling.BILINEAR)))
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).float() / 255


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
