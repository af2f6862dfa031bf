"""The CC0 clothing photos of Alexey Grigorev, with simulated shoppers."""

from __future__ import annotations

import csv
from pathlib import Path

from typing_extensions import Unpack

from vrbench.core.errors import DataError
from vrbench.core.shared_settings import sharing
from vrbench.data.dataset import Dataset
from vrbench.data.images import Fit
from vrbench.data.readers.csv_files import read_columns
from vrbench.data.readers.git_tree import git_tree
from vrbench.data.readers.unpacked import unpacked
from vrbench.data.sources.download import download, unzip
from vrbench.data.sources.folder import SHOPPERS, shoppers
from vrbench.data.sources.shoppers import ShopperSettings

COMMIT = "7ed86a9cc56763b6acb35e41cb35184e43a5d218"  # the last one, of January 2021
TREE = "77635b965e5cd721f0a99b4c19dd2b9bc1c0a995"  # what it holds, as Git hashes it
URL = f"https://github.com/alexeygrigorev/clothing-dataset/archive/{COMMIT}.zip"
LEFT_OUT = ("Not sure", "Other", "Skip")  # labels that are no category


class ClothingSettings(ShopperSettings, total=False):
    """Pictures, and the shoppers who come there; see ``clothing``."""

    size: int
    fit: Fit


@sharing({"size": 64, "fit": "pad", **SHOPPERS})
def clothing(
    *,
    path: str = "data/clothing",
    url: str = URL,
    sha256: str | None = None,
    **shop: Unpack[ClothingSettings],
) -> Dataset:
    """Return the clothing-dataset (CC0 1.0) with simulated shoppers.

    ``path`` may hold a local copy with an ``items.csv``; otherwise the authors' archive is fetched
    there, and what it holds is laid out in ``unpacked``, its ``images.csv`` (image, sender_id,
    label, kids) turned into an ``items.csv``. Photos labelled "Not sure", "Other" or "Skip", and
    children's clothes, are left out.

    Args:
        path: the folder.
        url: the archive. That of the default, one commit, must hold that commit's files, whoever
            packed them.
        sha256: of the archive. None takes the first download of another url as it is and holds
            later uses to it.
        size, fit: of the pictures, see ``folder``.
        num_users, mean_items, skew, focus, seed: of the shoppers, see ``shoppers``.

    Raises:
        MissingDataError: if there is no local copy and none can be fetched.
        DataError: if the archive is damaged, or not the one expected.

    Example:
        >>> from vrbench.core.spec import settings
        >>> from vrbench.datasets import clothing
        >>> settings(clothing)["num_users"].default
        2000
    """
    root = Path(path)
    if not (root / "items.csv").is_file():
        root = fetched(root, url, sha256)
    return shoppers(path=str(root), **shop)


def fetched(root: Path, url: str, sha256: str | None) -> Path:
    """Return the folder with the ``items.csv`` of the archive, fetched and unpacked if needed.

    Raises:
        MissingDataError, DataError: as ``clothing``.
    """
    archive, folder = root / "clothing-dataset.zip", root / "unpacked"
    if (folder / "items.csv").is_file() and not archive.is_file():
        return folder

    def write(draft: Path) -> None:
        download(url, archive, sha256=sha256)
        unzip(archive, draft)
        if url == URL and sha256 is None and git_tree(draft) != TREE:
            raise DataError(
                f"{archive} is not the archive of commit {COMMIT[:7]}: delete it and fetch {URL}"
            )
        convert(draft)

    if not archive.is_file():
        download(url, archive, sha256=sha256)
    unpacked(archive, folder, write)
    return folder


def convert(root: Path) -> None:
    """Write ``items.csv`` from the unpacked archive's ``images.csv``.

    Raises:
        DataError: if the archive has another layout.
    """
    table = root / "images.csv"
    if not table.is_file():
        raise DataError("the archive of clothing-dataset has no images.csv")
    _, columns = read_columns(table, ("image", "label", "kids"))
    kept = [
        (image, f"images/{image}.jpg", label)
        for image, label, kids in zip(*columns.values(), strict=True)
        if label not in LEFT_OUT and kids.lower() != "true"
    ]
    there = [row for row in kept if (root / row[1]).is_file()]
    if not there:
        raise DataError(f"{table}: none of its pictures is in the archive")
    with open(root / "items.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("item_id", "image", "category"))
        writer.writerows(there)
