"""One's own shop: pictures, a product list and one purchase log, as a business has them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from vrbench.core.errors import DataError, MissingDataError
from vrbench.core.spec import describe
from vrbench.data.business_tables import FORMATS, BusinessTable, read_business_table
from vrbench.data.colour_modes import known_formats
from vrbench.data.dataset import Dataset
from vrbench.data.filters import Filter, filtered
from vrbench.data.folder import catalogue_of, confined
from vrbench.data.images import Fit
from vrbench.data.interactions import Interactions
from vrbench.data.ratings import Ratings
from vrbench.data.strategies import Split, TemporalHoldOut
from vrbench.data.tables import numbers

log = logging.getLogger(__name__)
VERSION = 1  # raise it when the same files and settings give another data set
LISTS = ("items", "products", "articles", "catalogue", "catalog")
LOGS = ("purchases", "transactions", "orders", "interactions", "ratings", "sales")
NO_CATEGORY = "(none)"
Find = Callable[..., Any]  # the column of a table that holds something


@dataclass(frozen=True)
class Understood:
    """What was read of a shop, and what was left out, by counts.

    Attributes:
        items, purchases: the tables.
        columns: which column of which table holds what, in words.
        left_out: how many rows, by the reason.
        ids, files, kinds: of the items with a picture.
        ratings: the purchases of these.
    """

    items: BusinessTable
    purchases: BusinessTable
    columns: dict[str, str]
    left_out: dict[str, int]
    ids: list[str]
    files: list[Path]
    kinds: list[str]
    ratings: Ratings

    def said(self) -> str:
        """Return which columns were taken for what."""
        of_log = ("user_column", "bought_column", "time_column", "rating_column")
        words = {
            table.source: ", ".join(
                f"{setting.removesuffix('_column')} {column!r}"
                for setting, column in self.columns.items()
                if (setting in of_log) == (table is self.purchases)
            )
            for table in (self.items, self.purchases)
        }
        return "; ".join(f"{source}: {columns}" for source, columns in words.items())


def shop(
    *,
    path: str,
    items: str | None = None,
    purchases: str | None = None,
    query: str | None = None,
    pictures: str | None = None,
    root: str | None = None,
    item_column: str | None = None,
    image_column: str | None = None,
    category_column: str | None = None,
    user_column: str | None = None,
    bought_column: str | None = None,
    time_column: str | None = None,
    rating_column: str | None = None,
    filters: Mapping[str, Filter] | None = None,
    split: Split | None = None,
    size: int = 64,
    fit: Fit = "pad",
    redistributable: bool = True,
) -> Dataset:
    """Return the shop of a folder with pictures, a product list and one purchase log.

    Tables are CSV, TSV or Parquet with a header, or an SQLite database with a query. Columns are
    found by their usual names, or named. Products without a picture, purchases of products that
    are not on the list, and rows without a user or an item are left out, each with a warning that
    counts them; ``vrbench shop check`` says more. Of rows that repeat a user and an item the last
    is kept. Products nobody bought stay in the catalogue.

    Args:
        path: the folder.
        items: the product list, relative to the folder; None: found by its name (``items.csv``,
            ``products.tsv``, ...).
        purchases: the purchase log, likewise; or a database, with ``query``.
        query: one SELECT that returns the purchases.
        pictures: the folder of the pictures, relative to ``path``; None: the folder itself.
        root: another folder in which pictures may lie, by absolute paths or links.
        item_column: of the product list: its id.
        image_column: of the product list: the file of its picture. Without such a column a picture
            is the file that is named like the item, ``ID.jpg``, wherever it lies.
        category_column: of the product list.
        user_column, bought_column: of the purchase log: who, and which item.
        time_column: when, as a number or a date; None: found, or none.
        rating_column: how many stars; None: found, or none.
        filters: what is left out, by any names, applied in the order given.
        split: test and validation; None holds out the last fifth of each user's purchases, and the
            last tenth of the rest.
        size, fit, redistributable: of the pictures, see ``folder``.

    Raises:
        MissingDataError: if a file is not there.
        DataError: if one cannot be used; the text names file and line.
        ConfigError: if a column is not there, or two could be meant.

    Example:
        >>> from pathlib import Path
        >>> from vrbench.datasets import shop
        >>> from vrbench.testing.world import toy_folder
        >>> place = Path(toy_folder())
        >>> bought = [f"{who},{what},2024-05-0{day}" for day, what in enumerate(
        ...     ("cap", "coat", "sock"), 1) for who in ("Ann", "Bob")]
        >>> lines = ["customer,product,date", *bought]
        >>> _ = (place / "purchases.csv").write_text(chr(10).join(lines))
        >>> mine = shop(path=str(place), size=16)
        >>> mine.user_ids, [mine.item_ids[n] for n in mine.test.items]
        (('Ann', 'Bob'), ['sock', 'sock'])
    """
    understood = understand(
        Path(path),
        items=items,
        purchases=purchases,
        query=query,
        pictures=pictures,
        root=root,
        columns={
            "item_column": item_column,
            "image_column": image_column,
            "category_column": category_column,
            "user_column": user_column,
            "bought_column": bought_column,
            "time_column": time_column,
            "rating_column": rating_column,
        },
    )
    log.info("%s", understood.said())
    for reason, count in understood.left_out.items():
        log.warning("%d %s", count, reason)
    catalogue, ids = catalogue_of(understood.ids, understood.files, understood.kinds, size, fit)
    catalogue = replace(catalogue, redistributable=redistributable)
    table = filtered(understood.ratings.once(), filters).liked()
    split = split or Split(test=TemporalHoldOut(), valid=TemporalHoldOut(ratio=0.1))
    which = split.parts(table)
    told = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]
    steps = [describe(step) for step in (filters or {}).values()]
    chosen = sorted(understood.columns.items())
    log_of = understood.purchases.sha256[:16]
    spec: list[Any] = ["shop", VERSION, log_of, told, chosen, steps, describe(split)]
    number = {name: n for n, name in enumerate(ids)}
    item = torch.tensor([number[name] for name in table.item_ids], dtype=torch.int64)

    def part(n: int, name: str) -> Interactions:
        rows = table.keep(which == n)
        sizes = len(table.user_ids), len(ids)
        own = [*spec, name]
        return Interactions.of(rows.users, item[rows.items], *sizes, own, rows.ratings, rows.times)

    train, valid, test = (part(n, name) for n, name in enumerate(("train", "valid", "test")))
    return Dataset(catalogue, train, valid, test, table.user_ids, tuple(ids))


def understand(
    place: Path,
    *,
    items: str | None,
    purchases: str | None,
    query: str | None,
    pictures: str | None,
    root: str | None,
    columns: Mapping[str, str | None],
) -> Understood:
    """Return what the files of a shop hold; see ``shop`` for the arguments and errors."""
    if not place.is_dir():
        raise MissingDataError(f"no folder {place}: give the folder of the shop as dataset.path")
    products = read_business_table(_table_of(place, items, LISTS, "items"))
    bought = read_business_table(_table_of(place, purchases, LOGS, "purchases"), query)
    left_out: dict[str, int] = {}
    told: dict[str, str] = {}

    def find(table: BusinessTable, what: str, setting: str, needed: bool = True) -> str | None:
        ask = table.needed if needed else table.column
        found = ask(what, columns.get(setting), f"dataset.{setting}")
        if found is not None:
            told[setting] = found
        return found

    ids, files, kinds = _products(place, products, find, pictures, root, left_out)
    table = _purchases(bought, find, set(ids), left_out)
    return Understood(products, bought, told, left_out, ids, files, kinds, table)


def _table_of(place: Path, name: str | None, known: tuple[str, ...], setting: str) -> Path:
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


def _products(
    place: Path,
    table: BusinessTable,
    find: Find,
    pictures: str | None,
    elsewhere: str | None,
    left_out: dict[str, int],
) -> tuple[list[str], list[Path], list[str]]:
    """Return ids, pictures and categories of the products that have a picture."""
    ids = list(table.columns[find(table, "item", "item_column")])
    kinds = [
        kind or NO_CATEGORY for kind in table.columns[find(table, "category", "category_column")]
    ]
    image = find(table, "image", "image_column", False)
    root = place if pictures is None else place / pictures
    if not root.is_dir():
        raise MissingDataError(f"no folder {root}: set dataset.pictures to that of the pictures")
    seen: dict[str, int] = {}
    for line, item in zip(table.lines, ids, strict=True):
        if not item:
            raise DataError(f"{table.source}, line {line}: no item")
        if item in seen:
            raise DataError(
                f"{table.source}, line {line}: item {item!r} stands twice, first in line "
                f"{seen[item]}"
            )
        seen[item] = line
    names = _named(root, ids) if image is None else list(table.columns[image])
    there = [bool(name) and (root / name).is_file() for name in names]
    if not any(there):
        how = "named like an item (ID.jpg)" if image is None else f"of column {image!r}"
        raise MissingDataError(f"no picture {how} lies in {root}: set dataset.pictures")
    if not all(there):
        left_out["products have no picture and are left out"] = there.count(False)
    if NO_CATEGORY in kinds:
        log.warning("%d products have no category", kinds.count(NO_CATEGORY))
    kept = [n for n, has in enumerate(there) if has]
    files = confined(root, [names[n] for n in kept], elsewhere)
    return [ids[n] for n in kept], files, [kinds[n] for n in kept]


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


def _purchases(
    table: BusinessTable, find: Find, known: set[str], left_out: dict[str, int]
) -> Ratings:
    """Return the purchases of known products by numbers, in the order of the log."""
    who = table.columns[find(table, "user", "user_column")]
    what = table.columns[find(table, "item", "bought_column")]
    time = find(table, "time", "time_column", False)
    stars = find(table, "rating", "rating_column", False)
    whole = [bool(user and item) for user, item in zip(who, what, strict=True)]
    listed = [item in known for item in what]
    for reason, count in (
        ("purchases name no user or no item and are left out", whole.count(False)),
        (
            "purchases are of products without a picture or not on the list, and are left out",
            sum(w and not there for w, there in zip(whole, listed, strict=True)),
        ),
    ):
        if count:
            left_out[reason] = count
    rows = [n for n in range(len(who)) if whole[n] and listed[n]]
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
    user = {name: n for n, name in enumerate(user_ids)}
    item = {name: n for n, name in enumerate(item_ids)}
    return Ratings(
        torch.tensor([user[name] for name in users]),
        torch.tensor([item[name] for name in items]),
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
