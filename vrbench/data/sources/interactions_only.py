"""Data sets of purchases or ratings alone, for recommenders that see no pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from vrbench.core.dice import Dice
from vrbench.core.errors import DataError
from vrbench.data.catalogue import Catalogue
from vrbench.data.dataset import Dataset
from vrbench.data.images import NoImages
from vrbench.data.interactions import Interactions
from vrbench.data.readers.csv_files import read_feedback
from vrbench.data.readers.formats import Parts, indices, whole
from vrbench.data.sources.folder import interactions, named, numbering
from vrbench.data.splits.assignment import apart, ratio


def amazon(*, path: str) -> Dataset:
    """Return purchases in the four-column layout of VAR and Elliot, split as released.

    ``train.tsv``, ``validation.tsv`` and ``test.tsv`` hold user, item, rating, timestamp. Ids may
    have gaps: they are names. The catalogue is every item that occurs in any split. A pair that an
    earlier part holds too is left out, as one is in the published test of Amazon Men; so are
    ratings of zero or less.

    Args:
        path: the folder.

    Raises:
        MissingDataError: if a file is not there.
        DataError: if one cannot be used.

    Example:
        >>> from vrbench.datasets import amazon
        >>> from vrbench.testing.world import toy_folder
        >>> shop = amazon(path=toy_folder())
        >>> shop.user_ids, shop.item_ids, len(shop.train)
        (('Ann', 'Bob'), ('cap', 'coat', 'shoe', 'sock'), 3)
    """
    parts: Parts = {}
    for name in ("train", "validation", "test"):
        file = Path(path) / f"{name}.tsv"
        parts[name] = (file, read_feedback(file).liked(file).once(file))
    users = sorted({user for _, part in parts.values() for user in part.users})
    items = sorted({item for _, part in parts.values() for item in part.items})
    number = {user: n for n, user in enumerate(users)}
    known = {item: n for n, item in enumerate(items)}
    told = [
        numbering(users),
        numbering(items),
    ]  # of all three files: each moves the others' numbers
    train, valid, test = (
        interactions(read, file, number, known, ["amazon", read.sha256[:16], *told])
        for file, read in parts.values()
    )
    valid, test = apart(train, valid, test, named(parts))
    return Dataset(unpictured(len(items)), train, valid, test, tuple(users), tuple(items))


def movielens(
    *, path: str, valid: float = 0.1, test: float = 0.1, least: float = 0.0, seed: int = 0
) -> Dataset:
    """Return a RecBole atomic file (``*.inter``) of ratings, split at random per user.

    With the defaults this is RecBole's own protocol for ml-100k: every rating is a like, 8:1:1.
    A rating of zero or less is none; of rows that repeat a user and an item the last is kept.

    Args:
        path: the file, or the folder that holds one ``*.inter``.
        valid, test: shares of each user's ratings.
        least: ratings below it are left out.
        seed: of the split.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it is no atomic file.

    Example:
        >>> from vrbench.datasets import movielens
        >>> from vrbench.testing.world import toy_folder
        >>> shop = movielens(path=toy_folder() + "/toy.inter", valid=0.0, test=0.5)
        >>> shop.item_ids, len(shop.train), len(shop.test)
        (('cap', 'shoe'), 2, 1)
    """
    file, feedback = whole(Path(path), "atomic")
    if feedback.ratings is not None and least > 0:
        feedback = feedback.keep(feedback.ratings >= least)
        if not feedback.users:
            raise DataError(f"{file}: no rating is at least {least:g}")
    feedback = feedback.liked(file).once(file)
    user_ids, item_ids = sorted(set(feedback.users)), sorted(set(feedback.items))
    users = indices(feedback.users, {u: n for n, u in enumerate(user_ids)})
    items = indices(feedback.items, {i: n for n, i in enumerate(item_ids)})
    which = ratio(users, (valid, test), Dice(seed, "split"))
    spec: list[Any] = ["atomic", feedback.sha256[:16], valid, test, least, seed]

    def part(wanted: int) -> Interactions:
        kept = which == wanted
        return Interactions.of(
            users[kept],
            items[kept],
            len(user_ids),
            len(item_ids),
            [*spec, wanted],
            None if feedback.ratings is None else feedback.ratings[kept],
        )

    catalogue = unpictured(len(item_ids))
    return Dataset(catalogue, part(0), part(1), part(2), tuple(user_ids), tuple(item_ids))


def unpictured(count: int) -> Catalogue:
    """Return a catalogue of ``count`` items without pictures, all of one category."""
    images = NoImages(count)
    return Catalogue(images, torch.zeros(count, dtype=torch.int64), ("item",), images.spec)
