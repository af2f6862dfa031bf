"""The archives of DVBPR, which AIP uses too: feedback and JPEG pictures in one ``.npy`` file."""

from __future__ import annotations

import csv
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.progress import progress
from vrbench.data.dataset import Dataset
from vrbench.data.folder import folder
from vrbench.data.images import Fit
from vrbench.data.object_arrays import load_objects
from vrbench.data.splits import without

log = logging.getLogger(__name__)
URL = "http://cseweb.ucsd.edu/~wckang/DVBPR"
UNKNOWN = "item"  # the category where the archive has none


def dvbpr_npy(
    *, path: str, cold: str | None = None, size: int = 224, fit: Fit = "stretch"
) -> Dataset:
    """Return a data set of DVBPR (Kang et al., ICDM 2017), as AIP reads it too.

    The archive is an object array ``[user_train, user_validation, user_test, Item, usernum,
    itemnum]``; every feedback has a ``productid``, every item its JPEG picture under ``imgs`` and,
    in AmazonFashion, one of six categories under ``c``. It is read once, by a reader that
    executes nothing, and laid out as a folder beside it (``items.csv``, ``train.tsv``, ...), which
    is what later calls read.

    Args:
        path: the archive.
        cold: a file of item numbers, such as AIP's ``amazon_one_k_cold.npy``: items that are in no
            split and never a negative, to be promoted (``scenario=cold_start``).
        size, fit: of the pictures, see ``Photos``.

    Raises:
        MissingDataError: if the archive is not there.
        DataError: if it is damaged, hostile, or of another layout.
    """
    archive = Path(path)
    root = archive.with_suffix("")
    if not (root / "items.csv").is_file():
        if not archive.is_file():
            raise MissingDataError(
                f"no file {archive}: on a machine with internet run "
                f"`wget {URL}/{archive.name}` and put it there"
            )
        unpack(archive, root)
    data = folder(path=str(root), size=size, fit=fit)
    if cold is None:
        return data
    number = {name: n for n, name in enumerate(data.item_ids)}
    try:
        new = [number[_name(i)] for i in load_objects(Path(cold)).reshape(-1).tolist()]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{cold}: {error.args[0]!r} is no item of {archive.name}") from None
    return without(data, torch.tensor(sorted(set(new))), ["cold", sorted(set(new))])


def unpack(archive: Path, root: Path) -> None:
    """Lay ``archive`` out as a folder, whole or not at all.

    Raises:
        DataError: as ``dvbpr_npy``.
    """
    held = load_objects(archive)
    if held.shape != (6,):
        raise DataError(
            f"{archive}: expected [user_train, user_validation, user_test, Item, usernum, "
            f"itemnum], got an array of shape {held.shape}"
        )
    count = int(held[5])
    draft = root.with_name(root.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    (draft / "images").mkdir(parents=True)
    for name, part in zip(("train", "validation", "test"), held[:3], strict=True):
        with open(draft / f"{name}.tsv", "w", encoding="utf-8") as out:
            out.writelines(f"{u}\t{_name(i)}\n" for u, i in _rows(archive, name, part, count))
    with open(draft / "items.csv", "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(("item_id", "image", "category"))
        for i in progress(range(count), f"unpacking {archive.name}"):
            picture, kind = _item(archive, held[3], i)
            (draft / "images" / f"{i}.jpg").write_bytes(picture)
            writer.writerow((_name(i), f"images/{i}.jpg", kind))
    os.replace(draft, root)
    log.info("unpacked %d items of %s into %s", count, archive, root)


def _name(item: int) -> str:
    """Return a name that sorts as the number does."""
    return f"{int(item):07d}"


def _rows(archive: Path, name: str, part: Any, count: int) -> Iterator[tuple[int, int]]:
    users = part.items() if isinstance(part, dict) else enumerate(part)
    for user, entries in users:
        for n, entry in enumerate(entries):
            item = _of(entry, "productid")
            if not isinstance(item, int | np.integer) or not 0 <= item < count:
                raise DataError(
                    f"{archive}, user_{name}, user {user}, entry {n}: expected a productid in "
                    f"0..{count - 1}, got {item!r}"
                )
            yield int(user), int(item)


def _item(archive: Path, items: Any, i: int) -> tuple[bytes, str]:
    try:
        picture = _of(items[i], "imgs")
    except (KeyError, IndexError, TypeError):
        picture = None
    if not isinstance(picture, bytes) or not picture:
        raise DataError(f"{archive}, Item {i}: no picture under imgs")
    one_hot = _of(items[i], "c")
    kind = UNKNOWN if one_hot is None else f"category {int(np.argmax(np.asarray(one_hot)))}"
    return picture, kind


def _of(entry: Any, key: str) -> Any:
    """Return what an entry has under a key, which Python 2 wrote as bytes; None if nothing."""
    if not isinstance(entry, dict):
        return None
    return entry.get(key.encode(), entry.get(key))
