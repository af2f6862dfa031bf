"""Products and purchases, parsed from a shop's tables."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.plurals import how_many
from vrbench.data.readers.business_tables import FORMATS, BusinessTable
from vrbench.data.readers.colour_modes import known_formats
from vrbench.data.readers.csv_files import numbers, refuse_twice
from vrbench.data.readers.formats import indices
from vrbench.data.readers.ratings import Ratings
from vrbench.data.sources.folder import confined

log = logging.getLogger(__name__)
LISTS = ("items", "products", "articles", "catalogue", "catalog")
LOGS = ("purchases", "transactions", "orders", "interactions", "ratings", "sales")
NAMED = 5  # ids in a message
NO_CATEGORY = "(none)"
Find = Callable[..., Any]  # the column of a table that holds something


def table_of(place: Path, name: str | None, known: tuple[str, ...], setting: str) -> Path:
    """Return the file of a table: the one named, or the one of a usual name."""
    if name is not None:
        return place / name
    found = [
        file
        for file in sorted(place.iterdir())
        if file.suffix.lower() in FORMATS and file.stem.lower() in known
    ]
    if len(found) == 1:
        return found[0]
    why = f"{' and '.join(f.name for f in found)} could both be meant" if found else "none found"
    raise MissingDataError(
        f"{place}: which file holds the {setting}? ({why}): set dataset.{setting}=FILE; files "
        f"called {', '.join(known)} with {', '.join(FORMATS)} are found"
    )


def products_of(
    place: Path,
    table: BusinessTable,
    find: Find,
    pictures: str | None,
    elsewhere: str | None,
    left_out: list[str],
) -> tuple[list[str], list[Path], list[str]]:
    """Return ids, pictures and categories of the products that have a picture."""
    ids = list(table.columns[find(table, "item", "item_column")])
    named = table.columns[find(table, "category", "category_column")]
    kinds = [kind or NO_CATEGORY for kind in named]
    image = find(table, "image", "image_column", False)
    root = place if pictures is None else place / pictures
    if not root.is_dir():
        raise MissingDataError(f"no folder {root}: set dataset.pictures to that of the pictures")
    _check_ids(table, ids)
    names = _named(root, ids) if image is None else _slashed(root, table.columns[image])
    kept = _there(
        root, names, "named like an item (ID.jpg)" if image is None else f"of column {image!r}"
    )
    if len(kept) < len(names):
        told = how_many(len(names) - len(kept), "product")
        lost = sorted(set(range(len(ids))).difference(kept))
        left_out.append(f"{told} without a picture{_among(ids[n] for n in lost)}")
    if none := kinds.count(NO_CATEGORY):
        log.warning("%s without a category", how_many(none, "product"))
    files = confined(root, [names[n] for n in kept], elsewhere)
    return [ids[n] for n in kept], files, [kinds[n] for n in kept]


def _slashed(root: Path, names: Sequence[str]) -> list[str]:
    """Return paths with slashes, also those that Windows wrote, unless a file is called so."""
    return [
        name.replace("\\", "/") if "\\" in name and not (root / name).is_file() else name
        for name in names
    ]


def _there(root: Path, names: Sequence[str], how: str) -> list[int]:
    """Return which of some pictures are there.

    Raises:
        MissingDataError: if none is; ``how`` says which were looked for.
    """
    kept = [n for n, name in enumerate(names) if name and (root / name).is_file()]
    if not kept:
        raise MissingDataError(f"no picture {how} lies in {root}: set dataset.pictures")
    return kept


def _check_ids(table: BusinessTable, ids: list[str]) -> None:
    """Raise unless every product has an id, and no two the same."""
    if "" in ids:
        raise DataError(f"{table.source}, line {table.lines[ids.index('')]}: no item")
    refuse_twice(table.source, table.lines, ids)


def _named(root: Path, ids: list[str]) -> list[str]:
    """Return the pictures that are called like the items, wherever below ``root`` they lie.

    Raises:
        DataError: if two are.
    """
    wanted, found = set(ids), dict[str, Path]()
    suffixes = {f".{name.lower()}" for name in known_formats()} | {".jpg", ".tif"}
    for file in sorted(root.rglob("*")):
        if file.stem in wanted and file.suffix.lower() in suffixes:
            if file.stem in found:
                raise DataError(
                    f"two pictures of item {file.stem!r}: {found[file.stem]} and {file}; take one "
                    "away, or name the files in a column of the product list"
                )
            found[file.stem] = file
    return [str(found[item].relative_to(root)) if item in found else "" for item in ids]


def _rows_kept(
    who: Sequence[str], what: Sequence[str], known: set[str], left_out: list[str]
) -> list[int]:
    """Return the rows of a log that name a user and a known product; note what is left out."""
    whole = [bool(user and item) for user, item in zip(who, what, strict=True)]
    rows = [n for n, item in enumerate(what) if whole[n] and item in known]
    if torn := whole.count(False):
        left_out.append(f"{how_many(torn, 'purchase')} without a user or an item")
    if unknown := whole.count(True) - len(rows):
        what_of = (item for n, item in enumerate(what) if whole[n] and item not in known)
        told = f"{how_many(unknown, 'purchase')} of products without a picture or not on the list"
        left_out.append(told + _among(what_of))
    return rows


def _among(ids: Iterable[str]) -> str:
    """Return the first few of some ids in brackets, each once."""
    named = list(dict.fromkeys(ids))
    return f" ({', '.join(named[:NAMED])}{', ...' * (len(named) > NAMED)})"


def purchases_of(table: BusinessTable, find: Find, known: set[str], left_out: list[str]) -> Ratings:
    """Return the purchases of known products by numbers, in the order of the log."""
    who = table.columns[find(table, "user", "user_column")]
    what = table.columns[find(table, "item", "bought_column")]
    time = find(table, "time", "time_column", False)
    stars = find(table, "rating", "rating_column", False)
    rows = _rows_kept(who, what, known, left_out)
    if not rows:
        example = next((item for item in what if item), "")
        raise DataError(
            f"{table.source}: no purchase is of a product on the list, as of {example!r}: are "
            "these the ids of the product list (leading zeros, another column)?"
        )

    def kept(column: str) -> list[str]:
        return [table.columns[column][n] for n in rows]

    lines = [table.lines[n] for n in rows]
    users, items = [who[n] for n in rows], [what[n] for n in rows]
    user_ids, item_ids = tuple(sorted(set(users))), tuple(sorted(set(items)))
    return Ratings(
        indices(users, {name: n for n, name in enumerate(user_ids)}),
        indices(items, {name: n for n, name in enumerate(item_ids)}),
        None if stars is None else numbers(kept(stars), lines, Path(table.source), "rating"),
        None if time is None else _times(kept(time), lines, table.source),
        user_ids,
        item_ids,
        table.source,
    )


def _times(values: list[str], lines: list[int], source: str) -> Tensor:
    """Return ``(N,)`` int64 seconds since 1970, or the numbers as they are.

    Raises:
        DataError: at the first that is neither a number nor a date; dates are as in ISO 8601.
    """
    if all(value.replace(".", "", 1).lstrip("-").isdigit() for value in values):
        found = numbers(values, lines, Path(source), "time")
        assert found is not None
        return found.long() if bool((found == found.round()).all()) else found
    dates = pd.to_datetime(pd.Series(values), format="ISO8601", errors="coerce", utc=True)
    wrong = dates.isna().to_numpy().nonzero()[0]
    if len(wrong):
        first = int(wrong[0])
        raise DataError(
            f"{source}, line {lines[first]}: {values[first]!r} is neither a number nor a date such "
            "as 2024-05-31 or 2024-05-31 18:00:00"
        )
    return torch.from_numpy(dates.astype("datetime64[s, UTC]").astype("int64").to_numpy().copy())
