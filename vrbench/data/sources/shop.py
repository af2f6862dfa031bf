"""A shop's own data: pictures, a product list and one purchase log."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.errors import MissingDataError
from vrbench.core.shared_settings import sharing
from vrbench.core.spec import describe
from vrbench.data.dataset import Dataset
from vrbench.data.filters import Filter, filtered
from vrbench.data.fold import fold_of
from vrbench.data.interactions import Interactions
from vrbench.data.readers.business_tables import BusinessTable, read_business_table
from vrbench.data.readers.databases import is_address, read_database
from vrbench.data.readers.formats import indices
from vrbench.data.readers.ratings import Ratings
from vrbench.data.sources.folder import (
    PICTURES,
    PictureSettings,
    catalogue_of,
    may_be_passed_on,
    numbering,
)
from vrbench.data.sources.shop_tables import LISTS, LOGS, products_of, purchases_of, table_of
from vrbench.data.splits.strategies.base import Split
from vrbench.data.splits.strategies.per_user import TemporalHoldOut

log = logging.getLogger(__name__)
VERSION = 1  # raise it when the same files and settings give another data set


@dataclass(frozen=True)
class Understood:
    """The parsed files of a shop, and counts of rows left out.

    Attributes:
        items, purchases: the tables.
        columns: which column of which table holds what, in words.
        left_out: how many rows of what, in words.
        ids, files, kinds: of the items with a picture.
        ratings: the purchases of these.
    """

    items: BusinessTable
    purchases: BusinessTable
    columns: dict[str, str]
    left_out: list[str]
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


class FileSettings(TypedDict, total=False):
    """Where a shop's tables and pictures lie, below its folder; None: found by their names."""

    items: str | None
    purchases: str | None
    query: str | None
    pictures: str | None


class ColumnSettings(TypedDict, total=False):
    """What the columns of a shop's tables are called; None: found by their usual names."""

    item_column: str | None
    image_column: str | None
    category_column: str | None
    user_column: str | None
    bought_column: str | None
    time_column: str | None
    rating_column: str | None


class ShopSettings(FileSettings, ColumnSettings, PictureSettings, total=False):
    """All settings of ``shop``."""


FILES: dict[str, str | None] = dict.fromkeys(FileSettings.__annotations__)
COLUMNS: dict[str, str | None] = dict.fromkeys(ColumnSettings.__annotations__)


@sharing({**FILES, **COLUMNS, **PICTURES})
def shop(
    *,
    path: str,
    filters: Mapping[str, Filter] | None = None,
    split: Split | None = None,
    fold: int = 0,
    valid_fold: int = 0,
    **folder: Unpack[ShopSettings],
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
        purchases: the purchase log, likewise; or a database, with ``query``: an SQLite file, or an
            address of SQLAlchemy's, ``postgresql://...``.
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
        fold, valid_fold: which of a random split's folds.
        size, fit, redistributable: of the pictures, see ``folder``.

    Raises:
        MissingDataError: if a file is not there.
        DataError: if one cannot be used; the text names file and line.
        ConfigError: if a column is not there, or two could be meant; or if there is no such fold.

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
        items=folder["items"],
        purchases=folder["purchases"],
        query=folder["query"],
        pictures=folder["pictures"],
        root=folder["root"],
        columns={name: folder[name] for name in COLUMNS},  # type: ignore[literal-required]
    )
    log.info("%s", understood.said())
    for what in understood.left_out:
        log.warning("left out: %s", what)
    catalogue, ids = catalogue_of(
        understood.ids, understood.files, understood.kinds, folder["size"], folder["fit"]
    )
    free = may_be_passed_on(Path(path), understood.files, folder)
    catalogue = replace(catalogue, redistributable=free)
    table = filtered(understood.ratings.once(), filters).liked()
    split = split or Split(test=TemporalHoldOut(), valid=TemporalHoldOut(ratio=0.1))
    which = split.parts(table, fold, valid_fold)
    steps = [describe(step) for step in (filters or {}).values()]
    chosen = sorted(understood.columns.items())
    log_of = understood.purchases.sha256[:16]
    shared = ["shop", VERSION, log_of, numbering(ids), chosen, steps, describe(split)]
    spec = [*shared, fold, valid_fold] if fold or valid_fold else shared
    of = fold_of(fold, valid_fold, split.counts, spec, [*shared, "all folds"])
    train, valid, test = _parts(table, which, ids, spec)
    return Dataset(catalogue, train, valid, test, table.user_ids, tuple(ids), fold=of)


def _parts(
    table: Ratings, which: Tensor, ids: Sequence[str], spec: list[Any]
) -> list[Interactions]:
    """Return train, validation and test: the rows of ``table`` of which ``which`` is 0, 1, 2."""
    item = indices(list(table.item_ids), {name: n for n, name in enumerate(ids)})
    sizes, found = (len(table.user_ids), len(ids)), []
    for n, name in enumerate(("train", "valid", "test")):
        rows, own = table.keep(which == n), [*spec, name]
        found.append(
            Interactions.of(rows.users, item[rows.items], *sizes, own, rows.ratings, rows.times)
        )
    return found


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
    """Return the parsed files of a shop; see ``shop`` for the arguments and errors."""
    if not place.is_dir():
        raise MissingDataError(f"no folder {place}: give the folder of the shop as dataset.path")
    products = read_business_table(table_of(place, items, LISTS, "items"))
    if purchases is not None and is_address(purchases):
        bought = read_database(purchases, query)
    else:
        bought = read_business_table(table_of(place, purchases, LOGS, "purchases"), query)
    left_out: list[str] = []
    told: dict[str, str] = {}

    def find(table: BusinessTable, what: str, setting: str, needed: bool = True) -> str | None:
        ask = table.needed if needed else table.column
        found = ask(what, columns.get(setting), f"dataset.{setting}")
        if found is not None:
            told[setting] = found
        return found

    ids, files, kinds = products_of(place, products, find, pictures, root, left_out)
    table = purchases_of(bought, find, set(ids), left_out)
    return Understood(products, bought, told, left_out, ids, files, kinds, table)
