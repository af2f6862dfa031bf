"""Export of recommendation lists and splits as plain text files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions


def write_lists(path: Path, ranking: Tensor, scores: Tensor, dataset: Dataset) -> None:
    """Write lists as lines of user, item, score, rank, tab-separated, best first, without header.

    Args:
        path: the file.
        ranking: ``(U, k)`` int64 items, -1 past the end of a list.
        scores: ``(U, k)`` float32.
        dataset: names the users and items; numbers stand for names where it has none.
    """
    user, place = (ranking >= 0).nonzero(as_tuple=True)
    _lines(
        path,
        _named(user, dataset.user_ids),
        _named(ranking[user, place], dataset.item_ids),
        [str(score) for score in scores[user, place].numpy()],
        [str(rank + 1) for rank in place.tolist()],
    )


def write_splits(folder: Path, dataset: Dataset) -> None:
    """Write one fold in Elliot's layout, which ``prepared(format="hierarchy")`` reads.

    ``0/test.tsv``, and ``0/0/train.tsv`` and ``0/0/val.tsv``; without validation feedback
    ``0/train.tsv``. Lines hold user, item, rating (1 where there are none), and timestamp where
    there are any.
    """
    outer = folder / "0"
    inner = outer / "0" if len(dataset.valid) else outer
    inner.mkdir(parents=True, exist_ok=True)
    _write(outer / "test.tsv", dataset.test, dataset)
    _write(inner / "train.tsv", dataset.train, dataset)
    if len(dataset.valid):
        _write(inner / "val.tsv", dataset.valid, dataset)


def write_profiles(path: Path, fakes: Interactions, dataset: Dataset) -> None:
    """Write fake users as lines of user, item, rating, tab-separated, without header.

    They are called ``fake0``, ``fake1``, ..., or, if a real user is called so, with more bars in
    front. The rating is 1 where fakes give none. ``attack=imported_profiles`` reads it.
    """
    prefix = "fake"
    while any(name.startswith(prefix) for name in dataset.user_ids):
        prefix = f"_{prefix}"
    names = tuple(f"{prefix}{n}" for n in range(fakes.num_users))
    _write(path, fakes, replace(dataset, user_ids=names))


def _write(path: Path, part: Interactions, dataset: Dataset) -> None:
    rating = torch.ones(len(part)) if part.ratings is None else part.ratings
    columns = [
        _named(part.users, dataset.user_ids),
        _named(part.items, dataset.item_ids),
        [str(value) for value in rating.numpy()],
    ]
    if part.timestamps is not None:
        columns.append([str(time) for time in part.timestamps.tolist()])
    _lines(path, *columns)


def _lines(path: Path, *columns: list[str]) -> None:
    """Write columns as they are: a quote in a name is a letter, here and where it is read."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines("\t".join(row) + "\n" for row in zip(*columns, strict=True))


def _named(numbers: Tensor, names: tuple[str, ...]) -> list[str]:
    return [names[n] if names else str(n) for n in numbers.tolist()]
