"""Data sets of purchases or ratings alone, for recommenders that see no pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from vrbench.core.dice import Dice
from vrbench.core.errors import DataError, MissingDataError
from vrbench.data.catalogue import Catalogue
from vrbench.data.dataset import Dataset
from vrbench.data.download import checked
from vrbench.data.images import NoImages
from vrbench.data.interactions import Interactions
from vrbench.data.splits import ratio
from vrbench.data.tables import index_of, read_feedback


def amazon(*, path: str) -> Dataset:
    """Return purchases in the four-column layout of VAR and Elliot, split as released.

    ``train.tsv``, ``validation.tsv`` and ``test.tsv`` hold user, item, rating, timestamp. Ids may
    have gaps: they are names. The catalogue is every item that occurs in any split.

    Args:
        path: the folder.

    Raises:
        MissingDataError: if a file is not there.
        DataError: if one cannot be used.
    """
    names = ("train", "validation", "test")
    read = {n: read_feedback(Path(path) / f"{n}.tsv") for n in names}
    users = sorted({u for part in read.values() for u in part.users})
    items = sorted({i for part in read.values() for i in part.items})
    user_number = {u: n for n, u in enumerate(users)}
    item_number = {i: n for n, i in enumerate(items)}

    def part(name: str) -> Interactions:
        found, file = read[name], Path(path) / f"{name}.tsv"
        return Interactions.of(
            index_of(found.users, user_number, file, "user"),
            index_of(found.items, item_number, file, "item"),
            len(users),
            len(items),
            ["amazon", found.sha256[:16], len(users), len(items)],
            found.ratings,
            found.timestamps,
        )

    return Dataset(
        unpictured(len(items)),
        part("train"),
        part("validation"),
        part("test"),
        tuple(users),
        tuple(items),
    )


def movielens(
    *, path: str, valid: float = 0.1, test: float = 0.1, least: float = 0.0, seed: int = 0
) -> Dataset:
    """Return a RecBole atomic file (``*.inter``) of ratings, split at random per user.

    With the defaults this is RecBole's own protocol for ml-100k: every rating is a like, 8:1:1.

    Args:
        path: the file, or the folder that holds one ``*.inter``.
        valid, test: shares of each user's ratings.
        least: ratings below it are left out.
        seed: of the split.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it is no atomic file.
    """
    file = _atomic(Path(path))
    table = pd.read_csv(file, sep="\t", dtype=str)
    table.columns = pd.Index([str(c).partition(":")[0] for c in table.columns])
    if not {"user_id", "item_id"} <= set(table.columns):
        raise DataError(f"{file}: expected columns user_id:token and item_id:token")
    ratings: Tensor | None = None
    if "rating" in table.columns:
        values = pd.to_numeric(table["rating"], errors="coerce")
        if values.isna().any():
            raise DataError(f"{file}, line {int(values.isna().argmax()) + 2}: rating is no number")
        table, values = table[values >= least], values[values >= least]
        ratings = torch.from_numpy(values.to_numpy(dtype="float32").copy())
    if not len(table):
        raise DataError(f"{file}: no rating is at least {least:g}")
    user_ids, item_ids = sorted(set(table["user_id"])), sorted(set(table["item_id"]))
    users = index_of(table["user_id"].tolist(), {u: n for n, u in enumerate(user_ids)}, file, "u")
    items = index_of(table["item_id"].tolist(), {i: n for n, i in enumerate(item_ids)}, file, "i")
    which = ratio(users, (valid, test), Dice(seed, "split"))
    spec: list[Any] = ["atomic", checked(file, None)[:16], valid, test, least, seed]

    def part(wanted: int) -> Interactions:
        kept = which == wanted
        return Interactions.of(
            users[kept],
            items[kept],
            len(user_ids),
            len(item_ids),
            [*spec, wanted],
            None if ratings is None else ratings[kept],
        )

    catalogue = unpictured(len(item_ids))
    return Dataset(catalogue, part(0), part(1), part(2), tuple(user_ids), tuple(item_ids))


def unpictured(count: int) -> Catalogue:
    """Return a catalogue of ``count`` items without pictures, all of one category."""
    images = NoImages(count)
    return Catalogue(images, torch.zeros(count, dtype=torch.int64), ("item",), images.spec)


def _atomic(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(path.glob("*.inter"))
    if len(found) != 1:
        raise MissingDataError(
            f"no file {path}, or no single *.inter in it: put RecBole's atomic file there"
        )
    return found[0]
