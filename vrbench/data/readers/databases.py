"""Reading purchases from a database by its SQLAlchemy URL."""

from __future__ import annotations

from pathlib import Path

from vrbench.core.errors import ConfigError, DataError
from vrbench.core.extras import extra
from vrbench.data.readers.business_tables import (
    BusinessTable,
    as_text,
    hashed,
    read_business_table,
    table_of_rows,
)

READS = (["SELECT"], ["select"], ["WITH"], ["with"])  # what else begins is not sent
SQLITE = "sqlite:///"  # read without any library


def is_address(name: str | None) -> bool:
    """Return whether ``name`` is a database URL rather than a file."""
    return name is not None and "://" in name


def read_database(address: str, query: str | None) -> BusinessTable:
    """Return the result of a query, every value as text; nothing is committed.

    Args:
        address: as SQLAlchemy writes it, ``postgresql://USER:PASSWORD@HOST/DATABASE``; its password
            stands in no message. ``sqlite:///FILE`` needs no library.
        query: one SELECT.

    Raises:
        ConfigError: if there is no query, or another one, or SQLAlchemy is not installed.
        DataError: if the database does not answer, or with no rows.
    """
    if query is None:
        raise ConfigError("a database needs dataset.query=SELECT...")
    if query.split(None, 1)[:1] not in READS:
        raise ConfigError(f"dataset.query: expected one SELECT, got {query!r:.60}")
    if address.startswith(SQLITE):
        return read_business_table(Path(address.removeprefix(SQLITE)), query, database=True)
    sql = extra("sqlalchemy", needed_by="dataset.purchases=ADDRESS", group="sql")
    try:
        engine = sql.create_engine(address)
        source = engine.url.render_as_string(hide_password=True)
    except (sql.exc.SQLAlchemyError, ImportError) as error:
        raise DataError(f"dataset.purchases: no such kind of database ({_line(error)})") from None
    try:
        with engine.connect() as connection:  # whose transaction is never committed
            answer = connection.execute(sql.text(query))
            header = list(answer.keys())
            rows = [[as_text(value) for value in row] for row in answer]
    except sql.exc.SQLAlchemyError as error:
        raise DataError(f"{source}: {_line(error)} (dataset.query: {query})") from None
    finally:
        engine.dispose()
    return table_of_rows(source, header, rows, range(1, len(rows) + 1), hashed(header, rows))


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
