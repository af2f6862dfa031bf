"""Clean | attacked | difference, as one picture."""

from __future__ import annotations

import os
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

Pixels = TypeVar("Pixels", Tensor, NDArray[np.floating[Any]])
CELL, GAP, HEAD, MARGIN, NOTE = 160, 12, 34, 16, 14
PAPER, INK, FAINT = (252, 252, 250), (30, 30, 34), (120, 120, 126)


def sheet(
    clean: Tensor,
    attacked: Tensor,
    path: str | os.PathLike[str],
    *,
    rows: int = 6,
    gain: int = 16,
) -> None:
    """Write a PNG with one line per item: clean, attacked, and their difference times ``gain``.

    Mid-grey in the difference is no change. The items shown are spread evenly over those given.

    Args:
        clean, attacked: ``(n, 3, H, W)`` in [0, 1].
        path: the file to write.
        rows: most items to show.
        gain: factor on the difference.
    """
    shown = np.linspace(0, len(clean) - 1, min(rows, len(clean))).round().astype(int).tolist()
    width = 2 * MARGIN + 3 * CELL + 2 * GAP
    height = height_of(len(shown)) + MARGIN
    page = Image.new("RGB", (width, height), PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(15)
    small = ImageFont.load_default(11)
    for n, head in enumerate(("clean", "attacked", f"difference x{gain}")):
        x = MARGIN + n * (CELL + GAP) + CELL / 2
        pen.text((x, MARGIN + 6), head, INK, font, anchor="mt")
    for line, item in enumerate(shown):
        top = MARGIN + HEAD + line * (CELL + GAP + NOTE)
        before, after = clean[item], attacked[item]
        difference = magnified(before, after, gain)
        for n, pixels in enumerate((before, after, difference)):
            page.paste(_tile(pixels), (MARGIN + n * (CELL + GAP), top))
        most = float((after - before).abs().max() * 255)
        length = float((after - before).square().mean().sqrt() * 255)
        note = f"at most {most:.0f} of 255 grey levels, {length:.1f} on average (root mean square)"
        pen.text((MARGIN, top + CELL + 4), note, FAINT, small)
    page.save(path)


def height_of(rows: int) -> int:
    """Return how many pixels of a sheet, from above, show ``rows`` lines."""
    return MARGIN + HEAD + rows * (CELL + GAP + NOTE)


def magnified(before: Pixels, after: Pixels, gain: int) -> Pixels:
    """Return ``after - before``, in [0, 1], times ``gain``, as a picture; mid-grey is no change."""
    return ((after - before) * gain / 2 + 0.5).clip(0, 1)


def _tile(pixels: Tensor) -> Image.Image:
    values = (pixels * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    large = Image.fromarray(values)
    whole = max(1, CELL // max(large.size))  # whole factors keep pixels square
    if max(large.size) <= CELL:
        large = large.resize((large.width * whole, large.height * whole), Image.Resampling.NEAREST)
        return large.resize((CELL, CELL), Image.Resampling.BICUBIC)
    return large.resize((CELL, CELL), Image.Resampling.LANCZOS)
