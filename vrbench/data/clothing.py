"""The CC0 clothing photos of Alexey Grigorev, with simulated shoppers."""

from __future__ import annotations

import csv
from pathlib import Path

from vrbench.core.errors import DataError
from vrbench.data.dataset import Dataset
from vrbench.data.download import download, unzip
from vrbench.data.folder import shoppers
from vrbench.data.images import Fit

URL = "https://github.com/alexeygrigorev/clothing-dataset/archive/refs/heads/master.zip"
LEFT_OUT = ("Not sure", "Other", "Skip")  # labels that are no category


def clothing(
    *,
    path: str = "data/clothing",
    url: str = URL,
    sha256: str | None = None,
    size: int = 64,
    fit: Fit = "pad",
    num_users: int = 2000,
    mean_items: float = 9.0,
    skew: float = 0.6,
    focus: float = 1.0,
    seed: int = 0,
) -> Dataset:
    """Return the clothing-dataset (CC0 1.0) with simulated shoppers.

    ``path`` may hold a local copy with an ``items.csv``; otherwise the authors' archive is fetched
    there and its ``images.csv`` (image, sender_id, label, kids) is turned into one. Photos
    labelled "Not sure", "Other" or "Skip", and children's clothes, are left out.

    Args:
        path: the folder.
        url: the archive.
        sha256: of the archive. None takes the first download as it is and holds later uses to it.
        size, fit: of the pictures, see ``folder``.
        num_users, mean_items, skew, focus, seed: of the shoppers, see ``shoppers``.

    Raises:
        MissingDataError: if there is no local copy and none can be fetched.
        DataError: if the archive is damaged, or not the one expected.
    """
    root = Path(path)
    if not (root / "items.csv").is_file():
        archive = root / "clothing-dataset.zip"
        download(url, archive, sha256=sha256)
        unzip(archive, root / "unpacked")
        convert(root)
    return shoppers(
        path=path,
        size=size,
        fit=fit,
        num_users=num_users,
        mean_items=mean_items,
        skew=skew,
        focus=focus,
        seed=seed,
    )


def convert(root: Path) -> None:
    """Write ``items.csv`` from the unpacked archive's ``images.csv``.

    Raises:
        DataError: if the archive has another layout.
    """
    tables = sorted((root / "unpacked").rglob("images.csv"))
    if not tables:
        raise DataError(f"{root / 'unpacked'}: no images.csv in the archive")
    with open(tables[0], newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"image", "label", "kids"} <= set(rows[0]):
        raise DataError(f"{tables[0]}: expected columns image, sender_id, label, kids")
    base = tables[0].parent.relative_to(root)
    kept = [
        (row["image"], (base / "images" / f"{row['image']}.jpg").as_posix(), row["label"])
        for row in rows
        if row["label"] not in LEFT_OUT and row["kids"].strip().lower() != "true"
    ]
    there = [row for row in kept if (root / row[1]).is_file()]
    if not there:
        raise DataError(f"{tables[0]}: none of its pictures is in the archive")
    draft = root / "items.csv.part"
    with open(draft, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("item_id", "image", "category"))
        writer.writerows(there)
    draft.replace(root / "items.csv")
