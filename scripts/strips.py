"""Pictures of the documentation that show photos, a line each with words beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

CELL, GAP, MARGIN, WORDS = 128, 6, 14, 420
PAPER, INK, FAINT = (252, 252, 250), (30, 30, 34), (95, 95, 100)
LARGE, SMALL = 30, 24  # letters, that can be read where a page is narrow


class Strip(NamedTuple):
    """A line of a picture: its head, at most two lines of words, and photos."""

    name: str
    words: str
    tiles: Sequence[Image.Image]


def tiles(x: Tensor, shown: int) -> list[Image.Image]:
    """Return the first photos of ``(B, 3, H, W)`` in [0, 1], at the size at which they are drawn.

    Args:
        x: the photos.
        shown: how many at most.
    """
    small = [Image.fromarray(pixels) for pixels in levels(x[:shown])]
    return [tile.resize((CELL, CELL), Image.Resampling.LANCZOS) for tile in small]


def levels(x: Tensor) -> Any:
    """Return pictures as ``(B, H, W, 3)`` bytes."""
    return (x * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


def photos_of(path: Path, lines: int) -> list[list[Image.Image]]:
    """Return the photos of a picture that ``drawn`` made, by line.

    Args:
        path: where it lies.
        lines: how many it has.
    """
    with Image.open(path) as file:
        page = file.convert("RGB")
    count = (page.width - 2 * MARGIN - WORDS + GAP) // (CELL + GAP)
    boxes = [[(*corner(n, m), CELL) for m in range(count)] for n in range(lines)]
    return [[page.crop((x, y, x + side, y + side)) for x, y, side in line] for line in boxes]


def corner(n: int, m: int) -> tuple[int, int]:
    """Return where the ``m``-th photo of the ``n``-th line begins, in pixels."""
    return MARGIN + WORDS + m * (CELL + GAP), MARGIN + n * (CELL + GAP)


def drawn(strips: Sequence[Strip]) -> Image.Image:
    """Return the picture."""
    right, low = corner(len(strips), max(len(strip.tiles) for strip in strips))
    page = Image.new("RGB", (right - GAP + MARGIN, low - GAP + MARGIN), PAPER)
    pen = ImageDraw.Draw(page)
    for n, strip in enumerate(strips):
        _, y = corner(n, 0)
        pen.text((MARGIN, y + 8), strip.name, INK, ImageFont.load_default(LARGE))
        font = ImageFont.load_default(SMALL)
        pen.multiline_text((MARGIN, y + 54), strip.words, FAINT, font, spacing=6)
        for m, tile in enumerate(strip.tiles):
            page.paste(tile, corner(n, m))
    return page
