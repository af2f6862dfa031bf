"""The pictures of a run as files that other programs read."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from torch import Tensor


def export(
    pixels: Tensor, items: Tensor, names: Sequence[str], folder: str | os.PathLike[str]
) -> None:
    """Write ``POSITION.png`` for every picture, and an ``items.csv`` that names them.

    The attack ``imported`` reads such a folder back, with these pictures or others.

    Args:
        pixels: ``(n, 3, H, W)`` in [0, 1]; rounded to 8 bits.
        items: ``(n,)`` positions in the catalogue.
        names: the id of every item of the catalogue; or empty, then positions stand for them.
        folder: made when needed.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    values = (pixels * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    with open(folder / "items.csv", "w", newline="", encoding="utf-8") as file:
        write = csv.writer(file, lineterminator="\n")
        write.writerow(["position", "item_id", "file"])
        for position, picture in zip(items.tolist(), values, strict=True):
            Image.fromarray(picture).save(folder / f"{position}.png")
            name = names[position] if names else position
            write.writerow([position, name, f"{position}.png"])
