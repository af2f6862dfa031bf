r"""Make images/gallery.png from runs: one item, every attack, and what became of it.

python -m vrbench -m dataset=clothing_men extractor=photos_standard recommender=vbpr/clothing_men \
    scenario=photos_16 objective=promote metrics=attacks attack=noise,fgsm,pgd,adam,regression
python -m vrbench dataset=clothing_men extractor=photos_standard recommender=vbpr/clothing_men \
    scenario=photos_16 objective=target_class metrics=attacks attack=cw budget=free
python scripts/gallery.py runs --out images/gallery.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from vrbench.report.grid import Cell, cells
from vrbench.report.leaderboard import load
from vrbench.report.plots.picture import CELL, GAP, HEAD, MARGIN, NOTE
from vrbench.report.run_records import may_show

PAPER, INK, FAINT, WORDS = (252, 252, 250), (30, 30, 34), (110, 110, 116), 330
AIMS = {"promote": "a better place", "target_class": "another category"}
NAMES = {
    "noise": "Noise",
    "cw": "C&W",
    "fgsm": "FGSM",
    "pgd": "PGD",
    "adam": "Adam",
    "regression": "Feature regression",
}


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", default=["runs"])
    parser.add_argument("--recommender", default="vbpr/clothing_men")
    parser.add_argument("--extractor", default="photos_standard")
    parser.add_argument("--item", type=int, default=0, help="which line of the runs' pictures")
    parser.add_argument("--out", type=Path, default=Path("images/gallery.png"))
    chosen = parser.parse_args()
    wanted = {"recommender": chosen.recommender, "extractor": chosen.extractor}
    grid = [
        cell
        for cell in cells(load(chosen.folders))
        if wanted.items() <= cell.where.items() and cell.where["threat"] == "evasion"
        if may_show(cell.entries[0])
    ]
    grid.sort(key=lambda cell: cell.change("rank shift") or 0.0)
    size = (2 * MARGIN + WORDS + 3 * (CELL + GAP), 2 * MARGIN + HEAD + len(grid) * (CELL + GAP))
    page = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(page)
    for n, head in enumerate(("clean", "attacked", "difference x16")):
        x = MARGIN + WORDS + n * (CELL + GAP) + CELL / 2
        pen.text((x, MARGIN + 6), head, INK, ImageFont.load_default(15), anchor="mt")
    top = MARGIN + HEAD + chosen.item * (CELL + GAP + NOTE)
    for n, cell in enumerate(grid):
        with Image.open(Path(cell.entries[0]["folder"]) / "picture.png") as sheet:
            strip = sheet.convert("RGB").crop((MARGIN, top, sheet.width - MARGIN, top + CELL))
        y = MARGIN + HEAD + n * (CELL + GAP)
        page.paste(strip, (MARGIN + WORDS, y))
        name = NAMES.get(cell.where["attack"], cell.where["attack"])
        pen.text((MARGIN, y + 26), name, INK, ImageFont.load_default(20))
        pen.multiline_text((MARGIN, y + 56), told(cell), FAINT, ImageFont.load_default(13))
    page.save(chosen.out, optimize=True)


def told(cell: Cell) -> str:
    """Return the cell's aim, budget and numbers in words, one per line."""
    hr = [100 * cell.mean("item HR@20", side) for side in ("before", "after")]
    where = cell.where
    budget = where["budget"].removeprefix("linf_")
    within = "as little as it takes" if budget == "free" else f"at most {budget} of 255 levels"
    places = cell.mean("rank shift", "after")
    moved = f"{abs(places):.0f} places {'up' if places > 0 else 'down'} everyone's list"
    moved = moved if abs(places) >= 0.5 else "no place gained"
    return "\n".join(
        [
            f"aim: {AIMS[where['objective']]}",
            within,
            moved,
            f"in the first 20 of {hr[1]:.2f} % of users, before {hr[0]:.2f} %",
            f"likeness to the clean picture (SSIM) {cell.mean('SSIM', 'after'):.2f}",
        ]
    )


if __name__ == "__main__":
    main()
