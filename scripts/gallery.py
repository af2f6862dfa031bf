r"""Make images/gallery.png: one item, every attack, and what became of 16 such items.

python -m vrbench -m dataset=clothing_men extractor=photos_standard recommender=vbpr/clothing_men \
    scenario=photos_16 objective=promote metrics=attacks attack=noise,fgsm,pgd,adam,regression
python -m vrbench dataset=clothing_men extractor=photos_standard recommender=vbpr/clothing_men \
    scenario=photos_16 objective=target_class metrics=attacks attack=cw budget=free
python scripts/gallery.py runs --out images/gallery.png --table results/gallery.csv
python scripts/gallery.py --again     # the words anew: photos of the picture, numbers of the table
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from vrbench.report.grid import Cell, cells
from vrbench.report.leaderboard import load
from vrbench.report.plots.picture import CELL, GAP, HEAD, MARGIN, NOTE
from vrbench.report.run_records import may_show

PAPER, INK, FAINT = (252, 252, 250), (30, 30, 34), (95, 95, 100)
WORDS, STRIP = 560, 3 * CELL + 2 * GAP  # wide
ROW, TOP = CELL + 2 * GAP, 64
LARGE, MIDDLE, SMALL = 38, 30, 27  # letters of a picture that is shown at half its size
NAMES = {
    "noise": "Noise",
    "cw": "C&W",
    "fgsm": "FGSM",
    "pgd": "PGD",
    "adam": "Adam",
    "regression": "Feature regression",
}


class Line(NamedTuple):
    """What one attack did: means over the items; shares of users in percent."""

    attack: str
    objective: str
    budget: str
    places: float
    before: float
    after: float
    ssim: float


def main() -> None:
    """Write the picture, and the table of its numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", default=["runs"])
    parser.add_argument("--recommender", default="vbpr/clothing_men")
    parser.add_argument("--extractor", default="photos_standard")
    parser.add_argument("--item", type=int, default=0, help="which line of the runs' pictures")
    parser.add_argument("--out", type=Path, default=Path("images/gallery.png"))
    parser.add_argument("--table", type=Path, default=Path("results/gallery.csv"))
    parser.add_argument("--again", action="store_true", help="from --out and --table, no runs")
    chosen = parser.parse_args()
    if chosen.again:
        found = list(zip(read(chosen.table), strips(chosen.out), strict=True))
    else:
        found = list(measured(chosen))
        write(chosen.table, [line for line, _ in found])
    drawn(found).save(chosen.out, optimize=True)


def measured(chosen: argparse.Namespace) -> Iterator[tuple[Line, Image.Image]]:
    """Yield the numbers of runs, the least harmful attack first, and the photos of an item."""
    wanted = {"recommender": chosen.recommender, "extractor": chosen.extractor}
    grid = [
        cell
        for cell in cells(load(chosen.folders))
        if wanted.items() <= cell.where.items() and cell.where["threat"] == "evasion"
        if may_show(cell.entries[0])
    ]
    top = MARGIN + HEAD + chosen.item * (CELL + GAP + NOTE)
    for cell in sorted(grid, key=lambda cell: cell.change("rank shift") or 0.0):
        with Image.open(Path(cell.entries[0]["folder"]) / "picture.png") as sheet:
            strip = sheet.convert("RGB").crop((MARGIN, top, sheet.width - MARGIN, top + CELL))
        yield line_of(cell), strip


def line_of(cell: Cell) -> Line:
    """Return the numbers of a cell."""
    hit = [100 * (cell.mean("item HR@20", side) or 0.0) for side in ("before", "after")]
    numbers = (cell.mean("rank shift", "after") or 0.0, *hit, cell.mean("SSIM", "after") or 0.0)
    return Line(*(cell.where[axis] for axis in Line._fields[:3]), *numbers)


def write(path: Path, lines: list[Line]) -> None:
    """Write the numbers as CSV."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(Line._fields)
        table.writerows(
            [*line[:3], f"{line.places:.0f}", *map("{:.2f}".format, line[4:])] for line in lines
        )


def read(path: Path) -> list[Line]:
    """Return the numbers of a table."""
    with open(path, newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    return [Line(*row[:3], *map(float, row[3:])) for row in rows]


def strips(path: Path) -> list[Image.Image]:
    """Return the photos of a picture that this program drew, one strip a line."""
    with Image.open(path) as page:
        count = (page.height - TOP - MARGIN) // ROW
        corners = [(MARGIN + WORDS, TOP + n * ROW) for n in range(count)]
        return [page.convert("RGB").crop((x, y, x + STRIP, y + CELL)) for x, y in corners]


def drawn(found: list[tuple[Line, Image.Image]]) -> Image.Image:
    """Return the picture."""
    page = Image.new("RGB", (2 * MARGIN + WORDS + STRIP, TOP + MARGIN + len(found) * ROW), PAPER)
    pen = ImageDraw.Draw(page)
    for n, head in enumerate(("clean", "attacked", "change x16")):
        x = MARGIN + WORDS + n * (CELL + GAP) + CELL / 2
        pen.text((x, MARGIN + 4), head, INK, ImageFont.load_default(MIDDLE), anchor="mt")
    for n, (line, strip) in enumerate(found):
        y = TOP + n * ROW
        page.paste(strip, (MARGIN + WORDS, y))
        pen.text(
            (MARGIN, y - 4), NAMES.get(line.attack, line.attack), INK, ImageFont.load_default(LARGE)
        )
        for at, told in enumerate(words(line)):
            size = SMALL if at == 2 else MIDDLE
            where = (MARGIN, y + 46 + at * 38)
            pen.text(where, told, FAINT if at == 2 else INK, ImageFont.load_default(size))
    return page


def words(line: Line) -> tuple[str, str, str]:
    """Return what became of the items, and what was allowed, in three lines."""
    moved = f"{abs(line.places):.0f} places {'up' if line.places > 0 else 'down'}"
    within = f"at most {line.budget.removeprefix('linf_')} of 255 levels"
    aimed = "least change to another category" if line.objective == "target_class" else within
    return (
        moved if abs(line.places) >= 0.5 else "no place gained",
        f"in {line.after:.2f} % of first 20s, before {line.before:.2f} %",
        f"{aimed}, SSIM {line.ssim:.2f}",
    )


if __name__ == "__main__":
    main()
