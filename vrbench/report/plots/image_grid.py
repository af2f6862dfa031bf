"""Groups of pictures in lines, each group under a caption."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from vrbench.report.plots.picture import FAINT, INK, MARGIN, PAPER

DRAWN = "vrbench"  # a PNG's Software
GAP, APART, BELOW = 4, 20, 12
Group = tuple[str, Tensor, Sequence[str]]  # caption, (n, 3, H, W) in [0, 1], a note per picture


def strips(
    lines: Sequence[tuple[str, Sequence[Group]]],
    path: str | os.PathLike[str],
    *,
    cell: int = 64,
    letters: int = 11,
) -> None:
    """Write a PNG with one line per entry: a title, then its groups beside each other.

    Args:
        lines: title and groups. A group is a caption, its pictures, and a short note under each
            (or no notes at all).
        path: the file to write.
        cell: side of a picture on the page, in pixels.
        letters: height of captions and notes, in pixels; titles are larger.
    """
    captioned = any(caption for _, groups in lines for caption, _, _ in groups)
    head = round(1.6 * letters)  # high, of a line of text
    down = head * (1 + captioned)  # from a title to its pictures
    high = down + cell + head + BELOW
    title, small = ImageFont.load_default(1.2 * letters), ImageFont.load_default(letters)
    width = max(_width(groups, cell, letters) for _, groups in lines)
    page = Image.new("RGB", (2 * MARGIN + width, 2 * MARGIN + len(lines) * high), PAPER)
    pen = ImageDraw.Draw(page)
    for n, (name, groups) in enumerate(lines):
        top, left = MARGIN + n * high, MARGIN
        pen.text((left, top), name, INK, title)
        for caption, pictures, notes in groups:
            pen.text((left, top + head), caption, FAINT, small)
            for at, pixels in enumerate(pictures):
                x, y = left + at * (cell + GAP), top + down
                page.paste(_tile(pixels, cell), (x, y))
                if notes:
                    pen.text((x + cell / 2, y + cell + 2), notes[at], FAINT, small, anchor="mt")
            left += _width([(caption, pictures, notes)], cell, letters) + APART
    page.save(path, optimize=True, pnginfo=_signed())


def _signed() -> PngInfo:
    """Return a note in a PNG of who drew it, by which ``drawn_here`` knows it."""
    made = PngInfo()
    made.add_text("Software", DRAWN)
    return made


def drawn_here(path: Path) -> bool:
    """Whether a file is a PNG that ``strips`` wrote."""
    try:
        with Image.open(path) as picture:
            return picture.info.get("Software") == DRAWN
    except (OSError, ValueError):
        return False


def _width(groups: Sequence[Group], cell: int, letters: int) -> int:
    font = ImageFont.load_default(letters)
    each = [
        max(len(x) * (cell + GAP) - GAP, int(font.getlength(caption))) for caption, x, _ in groups
    ]
    return sum(each) + APART * (len(each) - 1)


def _tile(pixels: Tensor, cell: int) -> Image.Image:
    values = (pixels * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(values).resize((cell, cell), Image.Resampling.BICUBIC)
