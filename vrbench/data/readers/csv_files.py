"""Reading ``items.csv`` and the split files, with every mistake named."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256 as hashed
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vrbench.core.errors import DataError
from vrbench.core.files import sha256
from vrbench.core.plurals import how_many
from vrbench.data.readers.remembered import remembered
from vrbench.data.readers.text import read_commas, read_tabs

log = logging.getLogger(__name__)
COLUMNS = ("user", "item", "rating", "timestamp")
HEADERS = (("user", "userid", "uid", "u"), ("item", "itemid", "iid", "i", "productid", "movieid"))
LARGEST = {"rating": 3e38, "timestamp": 2.0**62}  # what float32 and int64 can hold


@dataclass(frozen=True)
class Feedback:
    """Rows of one split file: names of users and items, ratings, timestamps; and its hash.

    Attributes:
        users, items: names.
        ratings: ``(N,)`` float64, or None.
        timestamps: ``(N,)`` int64, or float64 where some have fractions, or None.
        sha256: what the rows are made of.
        lines: where each stands in the file, from 1.
    """

    users: list[str]
    items: list[str]
    ratings: Tensor | None
    timestamps: Tensor | None
    sha256: str
    lines: list[int]

    def keep(self, mask: Tensor) -> Feedback:
        """Return the rows where the ``(N,)`` ``mask`` is true; the hash stays."""
        rows = mask.nonzero().squeeze(1).tolist()
        return replace(
            self,
            users=[self.users[n] for n in rows],
            items=[self.items[n] for n in rows],
            ratings=None if self.ratings is None else self.ratings[mask],
            timestamps=None if self.timestamps is None else self.timestamps[mask],
            lines=[self.lines[n] for n in rows],
        )

    def liked(self, path: Path) -> Feedback:
        """Return the rows without those rated zero or less, which are no purchase; warns of them.

        Raises:
            DataError: if none is left.
        """
        mask = above_zero(self.ratings, str(path))
        if mask is None:
            return self
        if not mask.any():
            raise DataError(f"{path}: no rating is above zero, so that nothing is liked")
        return self._of("liked", mask)

    def checked(self, path: Path, lowest: float | None, highest: float | None) -> None:
        """Raise unless all ratings are on their scale.

        Raises:
            DataError: naming the first rating out of scale, or if there are no ratings to check.
        """
        if lowest is None and highest is None:
            return
        if self.ratings is None:
            raise DataError(
                f"{path}: a scale is to be checked, and there are no ratings: add the column"
            )
        low = -float("inf") if lowest is None else lowest
        high = float("inf") if highest is None else highest
        bad = ((self.ratings < low) | (self.ratings > high)).nonzero().squeeze(1).tolist()
        if bad:
            first, count = bad[0], how_many(len(bad), "rating")
            raise DataError(
                f"{path}, line {self.lines[first]}: {count} out of {low:g}..{high:g}, "
                f"the first is {float(self.ratings[first]):g} of user {self.users[first]!r} for "
                f"item {self.items[first]!r}"
            )

    def once(self, path: Path) -> Feedback:
        """Return each pair of user and item once: the row given last; warns of the others."""
        pairs = zip(self.users, self.items, strict=True)
        last = list({pair: n for n, pair in enumerate(pairs)}.values())
        if len(last) == len(self.users):
            return self
        twice = len(self.users) - len(last)
        repeats = how_many(twice, "line repeats", "lines repeat")
        log.warning("%s: %s a user and item: the last is kept", path, repeats)
        mask = torch.zeros(len(self.users), dtype=torch.bool)
        mask[last] = True
        return self._of("once", mask)

    def _of(self, step: str, mask: Tensor) -> Feedback:
        """Return the rows of ``mask`` under a hash of their own."""
        return replace(self.keep(mask), sha256=hashed(f"{step} {self.sha256}".encode()).hexdigest())


def above_zero(ratings: Tensor | None, source: str) -> Tensor | None:
    """Return the ``(N,)`` mask of ratings above zero, with a warning; None if all are, or none."""
    if ratings is None or bool((ratings > 0).all()):
        return None
    count = int((ratings <= 0).sum())
    log.warning("%s: left out: %s of zero or less", source, how_many(count, "rating"))
    return ratings > 0


def read_items(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Return item ids, picture paths and categories of an ``items.csv``.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if a column is missing, an id stands twice, or a line lacks a value.
    """
    lines, columns = read_columns(path, ("item_id", "image", "category"))
    blank = {"image": "item without a picture", "category": "item without a category"}
    for column, values in columns.items():
        for line, value in zip(lines, values, strict=True):
            if not value:
                raise DataError(f"{path}, line {line}: {blank.get(column, 'no ' + column)}")
    refuse_twice(str(path), lines, columns["item_id"])
    for line, item in zip(lines, columns["item_id"], strict=True):
        if "\t" in item:
            raise DataError(f"{path}, line {line}: a tab in item {item!r}")
    if not lines:
        raise DataError(f"{path}: no items")
    return columns["item_id"], columns["image"], columns["category"]


def refuse_twice(source: str, lines: Sequence[int], items: Sequence[str]) -> None:
    """Check that no item is listed twice.

    Raises:
        DataError: naming the first that does not, and both its lines.
    """
    first: dict[str, int] = {}
    for line, item in zip(lines, items, strict=True):
        if item in first:
            raise DataError(
                f"{source}, line {line}: item {item!r} stands twice, first in line {first[item]}"
            )
        first[item] = line


def read_columns(path: Path, wanted: tuple[str, ...]) -> tuple[list[int], dict[str, list[str]]]:
    """Return the lines of a comma-separated file with a header, and the columns ``wanted``.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if a column is missing or stands twice; and as ``read_commas``.
    """
    lines, rows = read_commas(path, ",".join(wanted))
    header = rows[0] if rows else []
    return lines[1:], _columns(path, header, rows[1:], wanted)


def _columns(
    path: Path, header: list[str], rows: list[list[str]], wanted: tuple[str, ...]
) -> dict[str, list[str]]:
    for name in wanted:
        if name not in header:
            raise DataError(f"{path}: no column {name!r}; the header must name {','.join(wanted)}")
        if header.count(name) > 1:
            raise DataError(f"{path}: two columns {name!r}")
    return {name: [row[header.index(name)] for row in rows] for name in wanted}


@remembered
def read_feedback(path: Path) -> Feedback:
    """Return the feedback of a header-less file: user, item, rating, timestamp, tab-separated.

    Rating and timestamp may be left out, by all lines alike.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it is empty or has a header, a value is missing, or a number is none.
    """
    lines, rows = read_tabs(path, "user, item, rating, timestamp (tab-separated, no header)")
    if not rows:
        raise DataError(f"{path}: empty split")
    if not 2 <= len(rows[0]) <= 4:
        raise DataError(f"{path}: expected 2 to 4 tab-separated columns, got {len(rows[0])}")
    if is_header(rows):
        raise DataError(
            f"{path}, line {lines[0]}: a header ({' '.join(rows[0])}), and this file has none: "
            "take the line out"
        )
    columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=False))
    return feedback_of(path, lines, {name: list(values) for name, values in columns.items()})


def feedback_of(path: Path, lines: list[int], columns: dict[str, list[str]]) -> Feedback:
    """Return feedback from columns of text, of which rating and timestamp may be missing.

    Raises:
        DataError: if a value is missing, or a number is none.
    """
    for column in ("user", "item"):
        for line, value in zip(lines, columns[column], strict=True):
            if not value:
                raise DataError(f"{path}, line {line}: no {column}")
    return Feedback(
        users=columns["user"],
        items=columns["item"],
        ratings=numbers(columns.get("rating"), lines, path, "rating"),
        timestamps=_times(columns.get("timestamp"), lines, path),
        sha256=sha256(path),
        lines=lines,
    )


def _times(values: list[str] | None, lines: list[int], path: Path) -> Tensor | None:
    found = numbers(values, lines, path, "timestamp")
    if values is None or found is None or not bool((found == found.round()).all()):
        return found
    if len(found) and float(found.abs().max()) > 2**53:  # nanoseconds are too long for float64
        return torch.tensor([int(v) if v.isdecimal() else int(float(v)) for v in values])
    return found.long()


def is_header(rows: list[list[str]]) -> bool:
    """Return whether the first row names columns: by its words, or alone among numbers."""
    named = ["".join(c for c in f.partition(":")[0].lower() if c.isalnum()) for f in rows[0][:2]]
    if all(name in known for name, known in zip(named, HEADERS, strict=True)):
        return True
    others = [field for row in rows[1:] for field in row[:2]]
    return (
        bool(others)
        and all(field.isdecimal() for field in others)
        and not any(map(_has_digit, rows[0][:2]))
    )


def _has_digit(text: str) -> bool:
    return any(c.isdecimal() for c in text)


def read_pairs(path: Path, holds: str) -> tuple[list[str], list[str]]:
    """Return the two columns of a header-less tab-separated file.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it has other than two columns, or a value is missing.
    """
    lines, rows = read_tabs(path, holds)
    for line, row in zip(lines, rows, strict=True):
        if len(row) != 2 or not all(row):
            raise DataError(f"{path}, line {line}: expected two columns, {holds}")
    if not rows:
        raise DataError(f"{path}: expected two columns, {holds}")
    return [row[0] for row in rows], [row[1] for row in rows]


def index_of(feedback: Feedback, known: dict[str, int], path: Path, what: str) -> Tensor:
    """Return the ``(N,)`` indices of the items of ``feedback``.

    Raises:
        DataError: at the first name that is not known, by its line.
    """
    for line, name in zip(feedback.lines, feedback.items, strict=True):
        if name not in known:
            raise DataError(f"{path}, line {line}: unknown {what} {name!r}")
    return torch.tensor([known[name] for name in feedback.items], dtype=torch.int64)


def numbers(values: list[str] | None, lines: list[int], path: Path, column: str) -> Tensor | None:
    """Return a column as ``(N,)`` float64; None if there is none.

    Raises:
        DataError: at the first value that is no finite number, or too large, by its line.
    """
    if values is None:
        return None
    read = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce")
    found = read.to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~(np.abs(found) < LARGEST.get(column, np.inf)))
    if len(bad):
        wrong, line = values[bad[0]], lines[bad[0]]
        raise DataError(f"{path}, line {line}: {column} {wrong!r} is not a number")
    return torch.from_numpy(found.copy())
