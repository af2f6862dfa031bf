"""Lists of recommendations as a file gives them: user, item, and perhaps a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vrbench.core.errors import DataError
from vrbench.core.files import sha256
from vrbench.data.readers.business_tables import read_business_table
from vrbench.data.readers.csv_files import is_header, numbers
from vrbench.data.readers.text import read_tabs

HOLDS = "user, item, score (tab-separated)"


@dataclass(frozen=True)
class Recommendations:
    """Who is recommended what.

    Attributes:
        source: the file, for messages.
        users, items: ``(N,)`` names.
        scores: ``(N,)`` float64, high is good; where the file has none, minus the place in the
            user's list, in the order of the rows.
        sha256: of the file.
    """

    source: str
    users: Sequence[str]
    items: Sequence[str]
    scores: np.ndarray
    sha256: str


def read_recommendations(path: Path) -> Recommendations:
    """Return the rows of a file: TSV with or without a header, CSV or Parquet with one.

    Raises:
        MissingDataError: if it is not there.
        DataError: if a value is missing, a score is no number, or a pair stands twice; names the
            line.
    """
    if path.suffix.lower() in (".csv", ".parquet"):
        lines, users, items, scores = _with_header(path)
    else:
        lines, users, items, scores = _tabbed(path)
    first: dict[tuple[str, str], int] = {}
    for line, user, item in zip(lines, users, items, strict=True):
        if not user or not item:
            raise DataError(f"{path}, line {line}: no {'item' if user else 'user'}")
        if (user, item) in first:
            raise DataError(
                f"{path}, line {line}: item {item!r} is recommended to {user!r} twice, first in "
                f"line {first[user, item]}"
            )
        first[user, item] = line
    found = numbers(scores, list(lines), path, "score")
    held = _by_place(users) if found is None else found.numpy()
    return Recommendations(str(path), users, items, held, sha256(path))


Columns = tuple[Sequence[int], list[str], list[str], list[str] | None]


def _with_header(path: Path) -> Columns:
    table = read_business_table(path)
    users, items = (
        list(table.columns[table.needed(what, None, f"a column {what}")])
        for what in ("user", "item")
    )
    score = table.column("rating", None, "a column score")
    return table.lines, users, items, None if score is None else list(table.columns[score])


def _tabbed(path: Path) -> Columns:
    lines, rows = read_tabs(path, HOLDS, blanks=True)
    if rows and is_header(rows):
        lines, rows = lines[1:], rows[1:]
    if not rows or not 2 <= len(rows[0]) <= 3:
        raise DataError(f"{path}: expected two or three columns, {HOLDS}")
    users, items, *rest = (list(column) for column in zip(*rows, strict=True))
    return lines, users, items, rest[0] if rest else None


def _by_place(users: Sequence[str]) -> np.ndarray:
    """Return minus the place of each row among those of its user, from 1."""
    places: dict[str, int] = {}
    found = np.empty(len(users))
    for row, user in enumerate(users):
        places[user] = places.get(user, 0) + 1
        found[row] = -places[user]
    return found
