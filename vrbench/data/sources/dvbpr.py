"""The archives of DVBPR, which AIP uses too: feedback and JPEG pictures in one ``.npy`` file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vrbench.core.archives import allowed
from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.progress import progress
from vrbench.data.dataset import Dataset
from vrbench.data.images import Fit
from vrbench.data.readers.object_arrays import load_objects
from vrbench.data.readers.unpacked import unpacked
from vrbench.data.sources.folder import folder
from vrbench.data.splits.assignment import without

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
    is what later calls read, until the archive is replaced by another.

    Args:
        path: the archive.
        cold: a file of item numbers, such as AIP's ``amazon_one_k_cold.npy``: items that are in no
            split and never a negative, to be promoted (``scenario=cold_start``).
        size, fit: of the pictures, see ``Photos``.

    Raises:
        MissingDataError: if the archive is not there.
        DataError: if it is damaged, hostile, or of another layout.

    Example:
        >>> from vrbench.datasets import dvbpr_npy
        >>> dvbpr_npy(path="AmazonFashion6ImgPartitioned.npy")
        Traceback (most recent call last):
            ...
        vrbench.core.errors.MissingDataError: no file ...
    """
    archive = Path(path)
    root = archive.with_suffix("")
    if archive.is_file():
        unpacked(archive, root, lambda draft: unpack(archive, draft))
    elif not (root / "items.csv").is_file():
        raise MissingDataError(
            f"no file {archive}: on a machine with internet run "
            f"`wget {URL}/{archive.name}` and put it there"
        )
    data = folder(path=str(root), size=size, fit=fit)
    if cold is None:
        return data
    number = {name: n for n, name in enumerate(data.item_ids)}
    try:
        new = [number[_name(i)] for i in load_objects(Path(cold)).reshape(-1).tolist()]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{cold}: {error.args[0]!r} is no item of {archive.name}") from None
    return without(data, torch.tensor(sorted(set(new))), ["cold", sorted(set(new))])


def unpack(archive: Path, folder: Path) -> None:
    """Lay ``archive`` out in ``folder``.

    Raises:
        DataError: as ``dvbpr_npy``.
    """
    held = load_objects(archive)
    if held.shape != (6,) or not isinstance(held[5], int | np.integer):
        raise DataError(
            f"{archive}: expected [user_train, user_validation, user_test, Item, usernum, "
            f"itemnum], got an array of shape {held.shape}"
        )
    count, most = int(held[5]), allowed(archive.stat().st_size)
    (folder / "images").mkdir()
    for name, part in zip(("train", "validation", "test"), held[:3], strict=True):
        with open(folder / f"{name}.tsv", "w", encoding="utf-8") as out:
            for user, item in _rows(archive, name, part, count):
                out.write(f"{user}\t{_name(item)}\n")
                if out.tell() > most:
                    raise DataError(f"{archive}, user_{name}: more feedback than the file can hold")
    with open(folder / "items.csv", "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(("item_id", "image", "category"))
        for i in progress(range(count), f"unpacking {archive.name}"):
            picture, kind = _item(archive, held[3], i)
            most -= len(picture)
            if most < 0:
                raise DataError(f"{archive}, Item {i}: more pictures than the file can hold")
            (folder / "images" / f"{i}.jpg").write_bytes(picture)
            writer.writerow((_name(i), f"images/{i}.jpg", kind))


def _name(item: int) -> str:
    """Return a name that sorts as the number does."""
    return f"{int(item):07d}"


def _rows(archive: Path, name: str, part: Any, count: int) -> Iterator[tuple[int, int]]:
    if not isinstance(part, dict | list | np.ndarray):
        raise DataError(f"{archive}, user_{name}: expected feedback by user, got {_told(part)}")
    users = part.items() if isinstance(part, dict) else enumerate(part)
    for user, entries in users:
        whole = isinstance(user, int | np.integer)
        if not whole or not isinstance(entries, list | tuple | np.ndarray):
            raise DataError(
                f"{archive}, user_{name}: expected lists by number, got {_told(entries)} of "
                f"{_told(user)}"
            )
        for n, entry in enumerate(entries):
            item = _of(entry, "productid")
            if not isinstance(item, int | np.integer) or not 0 <= item < count:
                raise DataError(
                    f"{archive}, user_{name}, user {user}, entry {n}: expected a productid in "
                    f"0..{count - 1}, got {_told(item)}"
                )
            yield int(user), int(item)


def _item(archive: Path, items: Any, i: int) -> tuple[bytes, str]:
    try:
        entry = items[i]
    except (KeyError, IndexError, TypeError):
        entry = None
    picture, one_hot = _of(entry, "imgs"), _of(entry, "c")
    if not isinstance(picture, bytes) or not picture:
        raise DataError(f"{archive}, Item {i}: no picture under imgs")
    if one_hot is None:
        return picture, UNKNOWN
    kind = np.asarray(one_hot) if _flat(one_hot) else np.empty(0)
    if kind.dtype.kind not in "biuf" or kind.ndim != 1 or not len(kind):
        raise DataError(f"{archive}, Item {i}: expected a category as ones and zeros under c")
    return picture, f"category {int(kind.argmax())}"


def _flat(held: Any) -> bool:
    """Return whether these are numbers in a row, which NumPy may be handed."""
    if isinstance(held, list | tuple):
        return all(isinstance(x, int | float | np.number) for x in held)
    return isinstance(held, np.ndarray)


def _told(value: Any) -> str:
    """Return a number, or what kind of thing it is: of a forged file nothing is spelled out."""
    plain = value is None or isinstance(value, int | float | np.number)
    return repr(value)[:50] if plain else f"a {type(value).__name__}"


def _of(entry: Any, key: str) -> Any:
    """Return what an entry has under a key, which Python 2 wrote as bytes; None if nothing."""
    if not isinstance(entry, dict):
        return None
    return entry.get(key.encode(), entry.get(key))
