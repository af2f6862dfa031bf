"""Rating files: one file to be filtered and split, or ready-made splits."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch

from vrbench.core.errors import DataError
from vrbench.core.plurals import how_many
from vrbench.core.spec import describe
from vrbench.data.dataset import Dataset
from vrbench.data.filters import Filter, filtered
from vrbench.data.fold import Fold, fold_of
from vrbench.data.interactions import Interactions
from vrbench.data.readers import formats
from vrbench.data.readers.csv_files import Feedback
from vrbench.data.readers.formats import indices
from vrbench.data.readers.ratings import Ratings
from vrbench.data.sources.interactions_only import unpictured
from vrbench.data.splits.strategies.base import Split
from vrbench.data.splits.strategies.per_user import RandomHoldOut

log = logging.getLogger(__name__)
VERSION = 1  # raise it when the same files and settings give another split


def ratings(
    *,
    path: str,
    format: Literal["tsv", "atomic", "movielens"] = "tsv",
    binarise: bool = False,
    lowest: float | None = None,
    highest: float | None = None,
    filters: Mapping[str, Filter] | None = None,
    split: Split | None = None,
    fold: int = 0,
    valid_fold: int = 0,
) -> Dataset:
    """Return one file of ratings, filtered, then split.

    Of rows that repeat a user and an item the last is kept. Users and items are numbered in the
    sorted order of their names; those without a rating after filtering are gone, and so are, with a
    warning, ratings of zero or less, which are no likes.

    Args:
        path: the file, or the folder that holds it alone.
        format: "tsv": user, item, and optionally rating and timestamp, tab-separated without
            header, as Elliot has it; "atomic": RecBole's ``.inter``; "movielens": GroupLens'
            ``ratings.dat`` or ``ratings.csv``.
        binarise: forget the ratings once filtered: every one is a like.
        lowest, highest: the scale of the ratings; one off it is an error. None: anything goes.
        filters: what is left out, by any names, applied in the order given.
        split: test and validation; None holds out a random fifth, and a tenth of the rest.
        fold, valid_fold: which of a random split's folds.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it cannot be used, or filters or split leave nothing.
        ConfigError: if there is no such fold.

    Example:
        >>> from vrbench.datasets import ratings
        >>> from vrbench.splits import RandomLeaveOut, Split
        >>> from vrbench.testing.world import toy_folder
        >>> last = Split(test=RandomLeaveOut(n=1))
        >>> shop = ratings(path=toy_folder() + "/train.tsv", split=last)
        >>> len(shop.train), len(shop.test)
        (2, 1)
    """
    file, feedback = formats.whole(Path(path), format)
    split = Split(test=RandomHoldOut(), valid=RandomHoldOut(ratio=0.1)) if split is None else split
    users, items = sorted(set(feedback.users)), sorted(set(feedback.items))
    feedback.checked(file, lowest, highest)
    table = _table(feedback, users, items, file)
    table = filtered(table.once(), filters).liked()
    which = split.parts(table, fold, valid_fold)
    steps = [describe(step) for step in (filters or {}).values()]
    spec: list[Any] = ["ratings", VERSION, feedback.sha256[:16], format, binarise, steps]
    shared = [*spec, describe(split)]
    spec = [*shared, fold, valid_fold]
    parts = {name: table.keep(which == n) for n, name in enumerate(("train", "valid", "test"))}
    which_fold = fold_of(fold, valid_fold, split.counts, spec, [*shared, "all folds"])
    return _dataset(parts, binarise, spec, which_fold)


def prepared(
    *,
    path: str,
    format: Literal["tsv", "hierarchy", "atomic", "mmrec"] = "tsv",
    binarise: bool = False,
    lowest: float | None = None,
    highest: float | None = None,
    fold: int = 0,
    valid_fold: int = 0,
) -> Dataset:
    """Return feedback that was split elsewhere.

    Of rows that repeat a user and an item in one part the last is kept; a pair in two parts is
    an error. Ratings of zero or less, and feedback of users who have none in train, are left out,
    with a warning that counts them; items of any other line are in the catalogue.

    Args:
        path: the folder.
        format: "tsv": ``train.tsv``, ``validation.tsv`` or ``val.tsv`` (or neither), ``test.tsv``;
            also ``trainingset.tsv``, ``validationset.tsv``, ``testset.tsv``, as in VAR;
            "hierarchy": Elliot's folders of folds; "atomic": RecBole's ``NAME.train.inter``,
            ``NAME.valid.inter``, ``NAME.test.inter``; "mmrec": one ``.inter`` with ``x_label``.
        binarise, lowest, highest: as in ``ratings``.
        fold, valid_fold: which folders of a hierarchy.

    Raises:
        MissingDataError: if a file is not there.
        DataError: if one cannot be used.
        ConfigError: if there is no such fold.

    Example:
        >>> from vrbench.datasets import prepared
        >>> from vrbench.testing.world import toy_folder
        >>> shop = prepared(path=toy_folder())
        >>> shop.item_ids, len(shop.train), len(shop.test)
        (('cap', 'coat', 'shoe', 'sock'), 3, 2)
    """
    root = Path(path)
    counts, feedback = (1, 1), ""
    if format == "hierarchy":
        read = formats.hierarchy(root, fold, valid_fold)
        counts = formats.folds_of(root, fold)
        feedback = formats.all_rows(read)
    else:
        reader = {"tsv": formats.three_files, "atomic": formats.benchmark}
        read = reader.get(format, formats.labelled)(root)
    for name in ("train", "test"):
        if name not in read:
            raise DataError(f"{root}: no row is for {name}")
    for file, found in read.values():
        found.checked(file, lowest, highest)
    read = {name: (file, found.liked(file)) for name, (file, found) in read.items()}
    users, items = formats.names_of(read)
    parts = {
        {"validation": "valid"}.get(name, name): _table(found, users, items, file).once()
        for name, (file, found) in read.items()
    }
    parts.setdefault("valid", parts["train"].keep(torch.zeros(len(parts["train"])).bool()))
    if not len(parts["test"]):
        raise DataError(f"{parts['test'].source}: no user of it has feedback for training")
    _disjoint(parts)
    hashes = [part.sha256[:16] for _, part in read.values()]
    spec = ["prepared", VERSION, format, hashes, list(read), binarise]
    shared = ["prepared", VERSION, format, feedback, list(read), binarise]
    return _dataset(parts, binarise, spec, fold_of(fold, valid_fold, counts, spec, shared))


def _table(feedback: Feedback, users: list[str], items: list[str], file: Path) -> Ratings:
    """Return ``feedback`` by numbers, without users that are not known."""
    user = indices(feedback.users, {name: n for n, name in enumerate(users)})
    item = indices(feedback.items, {name: n for n, name in enumerate(items)})
    table = Ratings(
        user,
        item,
        feedback.ratings,
        feedback.timestamps,
        tuple(users),
        tuple(items),
        str(file),
    )
    known = user >= 0
    if not known.all():
        rows = how_many(int((~known).sum()), "row")
        log.warning("%s: left out: %s of users without train", file, rows)
    return table.keep(known)


def _disjoint(parts: dict[str, Ratings]) -> None:
    """Raise if two parts hold the same user and item."""
    tables = list(parts.values())
    width = len(tables[0].item_ids)
    for n, one in enumerate(tables):
        for other in tables[n + 1 :]:
            pairs = one.users * width + one.items
            both = torch.isin(pairs, other.users * width + other.items)
            if both.any():
                user, item = one.users[both][0], one.items[both][0]
                stand = how_many(int(both.sum()), "pair stands", "pairs stand")
                raise DataError(
                    f"{other.source}: {stand} in {one.source} too, as of user "
                    f"{one.user_ids[user]!r} and item {one.item_ids[item]!r}; a pair may be "
                    "in one part only"
                )


def _dataset(
    parts: dict[str, Ratings], binarise: bool, spec: list[Any], fold: Fold | None
) -> Dataset:
    made = {}
    for name, table in parts.items():
        kept = replace(table, ratings=None) if binarise else table
        made[name] = Interactions.of(
            kept.users,
            kept.items,
            len(kept.user_ids),
            len(kept.item_ids),
            [*spec, name],
            kept.ratings,
            kept.times,
        )
    ids = parts["train"].user_ids, parts["train"].item_ids
    catalogue = unpictured(len(ids[1]))
    return Dataset(catalogue, made["train"], made["valid"], made["test"], *ids, fold=fold)
