"""Tables of a shop: CSV, TSV or Parquet with a header, or the result of a database query."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from vrbench.core.errors import ConfigError, DataError, nearest
from vrbench.core.extras import extra
from vrbench.core.files import regular, sha256
from vrbench.data.readers.text import read_commas, read_tabs

FORMATS = (".csv", ".tsv", ".txt", ".parquet", ".db", ".sqlite", ".sqlite3")
NAMES: Mapping[str, tuple[str, ...]] = {
    "item": (
        "item",
        "itemid",
        "product",
        "productid",
        "article",
        "articleid",
        "sku",
        "asin",
        "iid",
    ),
    "image": ("image", "imagepath", "imagefile", "picture", "photo", "filename", "file"),
    "category": ("category", "productgroupname", "producttype", "producttypename", "department"),
    "user": ("user", "userid", "customer", "customerid", "client", "clientid", "buyer", "uid"),
    "time": ("time", "timestamp", "date", "tdat", "orderdate", "purchasedat", "createdat"),
    "rating": ("rating", "stars", "score"),
}  # of columns, in small letters without anything else, best first


@dataclass(frozen=True)
class BusinessTable:
    """Columns of text.

    Attributes:
        source: the file, for messages.
        columns: values by name, as they stand.
        lines: where each row stands in the file, from 1.
        sha256: what the rows are made of.
    """

    source: str
    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int]
    sha256: str

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, what: str, name: str | None, setting: str) -> str | None:
        """Return the column that holds something: the one named, or the one whose name says so.

        Args:
            what: a key of ``NAMES``.
            name: of the column; None: found by its name.
            setting: where the user can name it, for messages.

        Raises:
            ConfigError: if there is no such column, or two could be meant.
        """
        if name is not None:
            if name not in self.columns:
                raise ConfigError(
                    f"{self.source}: no column {name!r}{nearest(name, list(self.columns))}; it has "
                    f"{', '.join(self.columns)}"
                )
            return name
        plain = {n: "".join(c for c in n.lower() if c.isalnum()) for n in self.columns}
        for known in NAMES[what]:
            found = [n for n, short in plain.items() if short == known]
            if len(found) > 1:
                raise ConfigError(
                    f"{self.source}: {' and '.join(found)} could both be the {what}: set {setting}"
                )
            if found:
                return found[0]
        return None

    def needed(self, what: str, name: str | None, setting: str) -> str:
        """Return the column that holds something, as ``column`` does.

        Raises:
            ConfigError: also if there is none.
        """
        found = self.column(what, name, setting)
        if found is None:
            raise ConfigError(
                f"{self.source}: which column is the {what}? "
                f"Set {setting} to a name of its header: "
                f"{', '.join(self.columns)}"
            )
        return found


def read_business_table(
    path: Path, query: str | None = None, *, database: bool = False
) -> BusinessTable:
    """Return a table with a header, every value as text.

    Args:
        path: CSV, TSV, Parquet, or an SQLite database, by its suffix.
        query: what is asked of a database: one SELECT.
        database: whether it is an SQLite database, whatever its suffix.

    Raises:
        MissingDataError: if it is not there.
        DataError: if it cannot be read, or has no rows; the text names the line.
        ConfigError: if a database comes without a query, or a query without a database, or what
            reads the file is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS and not database:
        raise DataError(f"{path}: expected a file that ends in {', '.join(FORMATS)}")
    is_database = database or suffix in FORMATS[4:]
    if is_database != (query is not None):
        wanted = "needs dataset.query=SELECT..." if is_database else "is no database for a query"
        raise ConfigError(f"{path} {wanted}")
    if is_database:
        header, rows, told = _asked(regular(path), query or "")
        lines: Sequence[int] = range(1, len(rows) + 1)
    elif suffix == ".parquet":
        header, rows = _parquet(regular(path))
        lines, told = range(1, len(rows) + 1), sha256(path)
    else:
        read = read_commas if suffix == ".csv" else read_tabs
        numbers, found = read(path, "a table with a header")
        header, rows, lines = (found[0] if found else []), found[1:], numbers[1:]
        told = sha256(path)
    return table_of_rows(str(path), header, rows, lines, told)


def table_of_rows(
    source: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    lines: Sequence[int],
    told: str,
) -> BusinessTable:
    """Return rows as columns.

    Args:
        source: where they are from, for messages.
        header: names of the columns.
        rows: values.
        lines: where each row stands.
        told: what the rows are made of, hashed.

    Raises:
        DataError: if there are none, or two columns of one name.
    """
    if not rows:
        raise DataError(f"{source}: no rows under a header")
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise DataError(f"{source}: two columns {twice[0]!r}")
    columns = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    return BusinessTable(source, columns, lines, told)


def hashed(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the digest of the result of a database query, for a cache key."""
    return hashlib.sha256("\n".join("\t".join(row) for row in [header, *rows]).encode()).hexdigest()


def parquet_reader(path: Path) -> Any:
    """Return the library that reads ``path``.

    Raises:
        ConfigError: if it is not installed.
    """
    return extra("pyarrow.parquet", needed_by=str(path), group="parquet")


def _parquet(path: Path) -> tuple[list[str], list[list[str]]]:
    parquet = parquet_reader(path)
    try:
        table = parquet.read_table(path)
    except Exception as error:  # whatever a damaged file makes it stumble over
        told = (str(error).splitlines() or [""])[0][:200]
        raise DataError(f"{path} cannot be read as Parquet: {told}") from error
    columns = [[as_text(value) for value in column.to_pylist()] for column in table.columns]
    return list(table.column_names), [list(row) for row in zip(*columns, strict=True)]


def _asked(path: Path, query: str) -> tuple[list[str], list[list[str]], str]:
    """Return header, rows and their hash: of a query that can only read."""
    try:
        with sqlite3.connect(f"file:{path.absolute()}?mode=ro", uri=True) as database:
            database.execute("PRAGMA query_only = 1")
            answer = database.execute(query)
            header = [column[0] for column in answer.description or ()]
            rows = [[as_text(value) for value in row] for row in answer]
    except sqlite3.Error as error:
        raise DataError(f"{path}: {error} (dataset.query: {query})") from error
    return header, rows, hashed(header, rows)


def as_text(value: Any) -> str:
    """Return a value of a table or a database as text; of nothing, none."""
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # ids with gaps come as floats
    return str(value).strip()
