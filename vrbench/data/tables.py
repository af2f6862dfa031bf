"""Reading ``items.csv`` and the split files, with every mistake named."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vrbench.core.errors import DataError, MissingDataError

COLUMNS = ("user", "item", "rating", "timestamp")


@dataclass(frozen=True)
class Feedback:
    """One split file: names of users and items, ratings, timestamps; and the file's hash."""

    users: list[str]
    items: list[str]
    ratings: Tensor | None
    timestamps: Tensor | None
    sha256: str


def read_items(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Return item ids, picture paths and categories of an ``items.csv``.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if a column is missing, an id stands twice, or a line lacks a value.
    """
    table = _read(path, "item_id,image,category", header=True)
    wanted = ["item_id", "image", "category"]
    missing = [c for c in wanted if c not in table.columns]
    if missing:
        raise DataError(f"{path}: no column {missing[0]!r}; the header must be {','.join(wanted)}")
    for column in wanted:
        empty = table.index[table[column].isna() | (table[column].str.strip() == "")]
        if len(empty):
            what = {"image": "item without a picture", "category": "item without a category"}
            raise DataError(f"{path}, line {empty[0] + 2}: {what.get(column, 'no ' + column)}")
    twice = table["item_id"][table["item_id"].duplicated()]
    if len(twice):
        raise DataError(f"{path}: item {twice.iloc[0]!r} stands twice")
    if not len(table):
        raise DataError(f"{path}: no items")
    return tuple(table[c].str.strip().tolist() for c in wanted)  # type: ignore[return-value]


def read_feedback(path: Path) -> Feedback:
    """Return the feedback of a header-less file: user, item, rating, timestamp, tab-separated.

    Rating and timestamp may be left out, by all lines alike.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it is empty, a value is missing, or a number is none.
    """
    table = _read(path, "user, item, rating, timestamp (tab-separated, no header)", header=False)
    if not len(table):
        raise DataError(f"{path}: empty split")
    if not 2 <= table.shape[1] <= 4:
        raise DataError(f"{path}: expected 2 to 4 tab-separated columns, got {table.shape[1]}")
    table.columns = list(COLUMNS[: table.shape[1]])
    for column in ("user", "item"):
        empty = table.index[table[column].isna()]
        if len(empty):
            raise DataError(f"{path}, line {empty[0] + 1}: no {column}")
    return Feedback(
        users=table["user"].str.strip().tolist(),
        items=table["item"].str.strip().tolist(),
        ratings=numbers(table, "rating", path),
        timestamps=numbers(table, "timestamp", path),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def read_pairs(path: Path, holds: str) -> tuple[list[str], list[str]]:
    """Return the two columns of a header-less tab-separated file.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it has other than two columns, or a value is missing.
    """
    table = _read(path, holds, header=False)
    if table.shape[1] != 2 or table.isna().any(axis=None):
        raise DataError(f"{path}: expected two columns, {holds}")
    return table[0].str.strip().tolist(), table[1].str.strip().tolist()


def index_of(names: list[str], known: dict[str, int], path: Path, what: str) -> Tensor:
    """Return the ``(N,)`` indices of ``names``.

    Raises:
        DataError: at the first name that is not known.
    """
    try:
        return torch.tensor([known[name] for name in names], dtype=torch.int64)
    except KeyError as error:
        raise DataError(f"{path}: unknown {what} {error.args[0]!r}") from None


def numbers(table: pd.DataFrame, column: str, path: Path, *, header: bool = False) -> Tensor | None:
    """Return a column as ``(N,)`` float64; None if there is none.

    Raises:
        DataError: at the first value that is no finite number, by its line.
    """
    if column not in table.columns:
        return None
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        line, wrong = bad[0] + 1 + header, table[column].iloc[bad[0]]
        raise DataError(f"{path}, line {line}: {column} {wrong!r} is not a number")
    return torch.from_numpy(values.copy())


def _read(path: Path, holds: str, header: bool) -> pd.DataFrame:
    return read_raw(path, holds, "," if header else "\t", header)


def read_raw(path: Path, holds: str, separator: str, header: bool) -> pd.DataFrame:
    """Return a table of strings.

    Args:
        path: the file.
        holds: what it should hold, for the message if it is missing.
        separator: of columns.
        header: whether the first line names the columns.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it cannot be read.
    """
    if not path.is_file():
        raise MissingDataError(f"no file {path}: put one there that holds {holds}")
    try:
        return pd.read_csv(
            path,
            sep=separator,
            header=0 if header else None,
            dtype=str,
            keep_default_na=False,
            na_values=[""],
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
