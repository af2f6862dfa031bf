"""Clean and attacked pictures of an audit, at original size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vrbench.report.exposure import percent
from vrbench.report.pages.audit_findings import source_of
from vrbench.report.pages.page import Picture, embedded
from vrbench.report.plots.picture import magnified
from vrbench.report.run_records import Entry, may_show

GAIN = 16  # factor on the difference of two pictures
SHOWN = 12  # items
Item = dict[str, Any]


@dataclass(frozen=True)
class Attacked:
    """One item: its picture before and after, their difference, and what it gained."""

    pictures: Sequence[Picture]
    caption: str


def ranked(runs: Sequence[Entry]) -> list[tuple[Entry, Item]]:
    """Return every attacked item, the most exposed first; those that everybody has are left out."""
    found = [(e, m) for e in runs for m in e.get("items", []) if m["rank_before"] is not None]
    return sorted(found, key=lambda pair: (-gained(pair[1]), str(pair[1]["item"])))


def gained(item: Item) -> float:
    """Return the exposure of one item."""
    return float(item["top_after"] - item["top_before"])


def gallery(runs: Sequence[Entry]) -> list[Attacked]:
    """Return the most exposed items that may be shown; without a picture one is left out."""
    shown = []
    further = [pair for pair in ranked([r for r in runs if may_show(r)]) if gained(pair[1]) > 0]
    for entry, item in further[:SHOWN]:
        folder = Path(entry["folder"]) / "pictures"
        files = [folder / side / f"{item['position']}.png" for side in ("clean", "attacked")]
        if all(file.is_file() for file in files):
            told = (
                f"{item['item']} ({source_of(entry)}): in the top 20 of "
                f"{percent(item['top_before'])} of users, then of {percent(item['top_after'])}"
            )
            shown.append(Attacked(_side_by_side(files, str(item["item"])), told))
    return shown


def _side_by_side(files: Sequence[Path], name: str) -> list[Picture]:
    """Return clean, attacked, and their difference around mid-grey, pixel by pixel."""
    clean, attacked = (np.asarray(Image.open(f).convert("RGB"), np.float32) / 255 for f in files)
    told: dict[str, Any] = {"clean": clean, "attacked": attacked}
    told[f"difference x{GAIN}"] = magnified(clean, attacked, GAIN)
    return [
        embedded(_image(pixels), f"{name}: {what}", what, exact=True)
        for what, pixels in told.items()
    ]


def _image(pixels: Any) -> Image.Image:
    return Image.fromarray((pixels * 255).round().astype(np.uint8))
