"""Export of a data set in the layout of a shop: pictures, product list, purchase log."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path

import torch
from PIL import Image

from vrbench.core.errors import ConfigError
from vrbench.core.visuals import BLOCK
from vrbench.data.dataset import Dataset


def write_shop(place: Path, data: Dataset) -> None:
    """Write a new folder that ``shop`` reads: ``items.csv``, ``purchases.csv``, ``photos/``.

    ``items.csv`` is one that ``folder`` and ``shoppers`` read, too. The log holds every purchase,
    whatever part it is in, in the order of their times.

    Args:
        place: the folder; it must not be there, or be empty.
        data: with names of users and items, and times.

    Raises:
        ConfigError: if something is there already, or its pictures may not be passed on.
    """
    if not data.catalogue.redistributable:
        raise ConfigError("the pictures of this data set may not be passed on")
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise ConfigError(f"{place} is there already; name a new folder")
    (place / "photos").mkdir(parents=True, exist_ok=True)
    files = [f"photos/{name.replace(' ', '_')}.png" for name in data.item_ids]
    _write_pictures(place, files, data)
    kinds = [data.catalogue.names[n] for n in data.catalogue.categories.tolist()]
    _write(
        place / "items.csv",
        ("item_id", "image", "category"),
        zip(data.item_ids, files, kinds, strict=True),
    )
    _write(place / "purchases.csv", ("customer", "product", "date"), _purchases(data))


def _write_pictures(place: Path, files: Sequence[str], data: Dataset) -> None:
    for items in torch.arange(len(files)).split(BLOCK):
        levels = (data.catalogue.images[items] * 255).round().byte().permute(0, 2, 3, 1).numpy()
        for item, picture in zip(items.tolist(), levels, strict=True):
            Image.fromarray(picture).save(place / files[item])


def _purchases(data: Dataset) -> list[tuple[str, str, str]]:
    """Return who bought what and when, as in ISO 8601, the earliest first."""
    found = []
    for part in (data.train, data.valid, data.test):
        assert part.timestamps is not None
        rows = zip(part.timestamps.tolist(), part.users.tolist(), part.items.tolist(), strict=True)
        found += [(time, data.user_ids[user], data.item_ids[item]) for time, user, item in rows]
    return [
        (user, item, datetime.fromtimestamp(time, timezone.utc).strftime("%Y-%m-%d %H:%M:%S"))
        for time, user, item in sorted(found)
    ]


def _write(path: Path, head: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *lines])
