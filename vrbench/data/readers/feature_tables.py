"""Reading item features from tables with a header: a column of ids, the others numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vrbench.core.archives import ForgedError, reading
from vrbench.core.errors import DataError
from vrbench.core.files import regular
from vrbench.data.readers.business_tables import (
    as_text,
    parquet_reader,
    read_business_table,
    table_of_rows,
)
from vrbench.data.readers.feature_rows import FeatureRows

ROW_NUMBERS = re.compile(r"|Unnamed: \d+|__index_level_\d+__")


def read_table(path: Path, id_column: str | None) -> FeatureRows:
    """Return the rows of a CSV or TSV file with a header."""
    table = read_business_table(path)
    key = table.needed("item", id_column, "dataset.id_column")
    columns = []
    for name, values in table.columns.items():
        if name == key:
            continue
        _refuse_numbers_of_rows(path, name)
        for line, value in zip(table.lines, values, strict=True):
            if not _is_number(value):
                raise DataError(
                    f"{path}, line {line}: {value!r} in column {name!r} is no number: correct it, "
                    "or take the column out"
                )
        columns.append(np.array(values, dtype=np.float64))
    return FeatureRows(str(path), list(table.columns[key]), _side_by_side(columns, path))


def _refuse_numbers_of_rows(path: Path, column: str) -> None:
    """Refuse what pandas writes beside a table unless told not to: no feature, but numbers."""
    if ROW_NUMBERS.fullmatch(column):
        raise DataError(
            f"{path}: column {column!r} numbers the rows and is no feature: write the table "
            "without its index (index=False), or take the column out"
        )


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def read_parquet(path: Path, id_column: str | None) -> FeatureRows:
    """Return the rows of a Parquet file: one column of lists, or a column a number."""
    parquet = parquet_reader(path)
    with reading(regular(path)):
        read: Any = parquet.read_table(path)
        held = {name: read.column(name) for name in read.column_names}
        if len(held) != len(read.column_names):
            raise ForgedError("two of its columns have one name")
    header = table_of_rows(str(path), list(held), [[""] * len(held)], [1], "")
    key = header.needed("item", id_column, "dataset.id_column")
    ids = [as_text(value) for value in held.pop(key).to_pylist()]
    columns = []
    for name, column in held.items():
        _refuse_numbers_of_rows(path, name)
        with reading(path):
            found = _numbers(column)
        if found is None:
            raise DataError(
                f"{path}: column {name!r} holds neither numbers nor lists of one length: correct "
                "it, or take it out"
            )
        columns.append(found)
    return FeatureRows(str(path), ids, _side_by_side(columns, path))


def _side_by_side(columns: Sequence[np.ndarray], path: Path) -> np.ndarray:
    if not columns:
        raise DataError(f"{path}: a column of ids and none of numbers")
    return np.concatenate([c.reshape(len(c), -1) for c in columns], axis=1)


def _numbers(column: Any) -> np.ndarray | None:
    """Return a column as ``(n, D)`` numbers, what is missing as NaN; None if it holds others."""
    whole = column.combine_chunks()
    if "list" in str(column.type):
        each = len(whole[0]) if len(whole) and whole[0].is_valid else 0
        if not each or any(not row.is_valid or len(row) != each for row in whole):
            return None
        whole = whole.flatten()
    found: np.ndarray = whole.to_numpy(zero_copy_only=False)
    return found.reshape(len(column), -1) if found.dtype.kind in "fiub" else None
