"""Text as a second modality of a data set's items."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from vrbench.core.errors import ConfigError, DataError
from vrbench.data.dataset import Dataset
from vrbench.data.readers.business_tables import read_business_table
from vrbench.data.readers.feature_files import read_features
from vrbench.data.sources.with_features import require_all, rows_by_id, table_of
from vrbench.data.words import WordTable, bags_of, vectors_of

VERSION = 1  # raise it when the same words give other vectors


def with_text(
    dataset: Dataset,
    *,
    path: str | None = None,
    ids: str | None = None,
    id_column: str | None = None,
    words: str | None = None,
    column: str | None = None,
) -> Dataset:
    """Return ``dataset`` with a vector of words of each item, for models that read text.

    Multimodal recommenders take it as a second modality beside pictures; others do not see it.

    Args:
        dataset: with or without pictures.
        path: vectors made elsewhere, as ``with_features`` reads them.
        ids, id_column: which row is whose; see ``with_features``; ``id_column`` of ``words``, too.
        words: in place of ``path``: a table with a header, an item and its text a row, of which
            ``tf_idf`` makes vectors. Without either, an item's text is the name of its category.
        column: of ``words``: the text.

    Raises:
        MissingDataError: if a file is not there.
        DataError: if an item has no row or two, or no word is one of two items.
        ConfigError: if both ``path`` and ``words`` are given, or a column is missing.

    Example:
        >>> import torch
        >>> from vrbench.datasets import colours, with_text
        >>> shop = with_text(colours()).catalogue
        >>> shop.text[shop.of("green")[:1]].tolist()  # blue, green, red
        [[0.0, 1.0, 0.0]]
    """
    names = dataset.item_names
    if path is not None and words is not None:
        raise ConfigError("dataset.path and dataset.words: give one, vectors or words")
    if path is not None:
        rows = rows_by_id(read_features(Path(path), ids, id_column), names)
        table = table_of(np.ascontiguousarray(rows), "text", VERSION)
    else:
        bags = bags_of(_texts(dataset, words, id_column, column))
        if not bags.counts.any():
            raise DataError("no word is of two items: give dataset.words, or dataset.path")
        plain = table_of(np.ascontiguousarray(vectors_of(bags)), "text", VERSION)
        table = WordTable(plain.rows, plain.spec, bags)
    return replace(dataset, catalogue=replace(dataset.catalogue, text=table))


def _texts(
    dataset: Dataset, words: str | None, id_column: str | None, column: str | None
) -> list[str]:
    """Return the text of each item."""
    shop, names = dataset.catalogue, dataset.item_names
    if words is None:
        return [shop.names[label] for label in shop.categories.tolist()]
    table = read_business_table(Path(words))
    items = table.columns[table.needed("item", id_column, "dataset.id_column")]
    if column is None or column not in table.columns:
        raise ConfigError(
            f"{words}: which column is the text? Set dataset.column to one of "
            f"{', '.join(table.columns)}"
        )
    of = dict(zip(items, table.columns[column], strict=True))
    if len(of) < len(items):
        raise DataError(f"{words}: two rows for one item: keep one")
    require_all(names, dict.fromkeys(items, 0), words, "text")
    return [of[name] for name in names]
