"""Precomputed features, joined to the items of a data set by id."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vrbench.core.errors import DataError
from vrbench.core.plurals import how_many
from vrbench.core.visuals import Signal, Table
from vrbench.data.catalogue import Catalogue
from vrbench.data.dataset import Dataset
from vrbench.data.feature_manifest import read_manifest
from vrbench.data.readers.business_tables import read_business_table
from vrbench.data.readers.feature_files import read_features
from vrbench.data.readers.feature_rows import FeatureRows

log = logging.getLogger(__name__)
VERSION = 1  # raise it when the same files give other features


def with_features(
    dataset: Dataset,
    *,
    path: str,
    ids: str | None = None,
    id_column: str | None = None,
    text: str | None = None,
    manifest: str | None = None,
    categories: str | None = None,
) -> Dataset:
    """Return ``dataset`` with a vector of each item; ``extractor=ready`` hands them to models.

    Rows are found by id, never by position: files with the same rows in another order are the same
    features. What they hold decides their key, and so does what the manifest says.

    Args:
        dataset: feedback, with or without pictures.
        path: the vectors: a file of arrays or a table, or a folder; see ``read_features``.
        ids: which row is whose, where the file does not say: a file with one id a line, or "rows"
            where ids are row numbers.
        id_column: of tables; None: found by its name.
        text: more vectors, in a layout and with ids like those of ``path``; they stand behind the
            others in every row.
        manifest: a JSON file with encoder, weights, transform, layer, source, licence, and the
            sha256 of ``path``, which is checked; None: ``path`` with the suffix .json, if there.
        categories: a table with a header, an item and its category a row; None: those of
            ``dataset``.

    Raises:
        MissingDataError: if a file is not there.
        DataError: if one cannot be used, an item has no row or two, or a number is not finite.
        ConfigError: if nothing says which row is whose.

    Example:
        >>> import numpy as np, torch
        >>> from vrbench.datasets import amazon, with_features
        >>> from vrbench.testing.world import toy_folder
        >>> folder = toy_folder()
        >>> names = ["sock", "cap", "shoe", "coat"]
        >>> np.savez(f"{folder}/looks.npz", ids=names, features=np.eye(4))
        >>> shop = with_features(amazon(path=folder), path=f"{folder}/looks.npz")
        >>> shop.item_ids[0], shop.catalogue.features[torch.tensor([0])].tolist()
        ('cap', [[0.0, 1.0, 0.0, 0.0]])
    """
    told = read_manifest(None if manifest is None else Path(manifest), Path(path))
    names = dataset.item_names
    found = [rows_by_id(read_features(Path(path), ids, id_column), names)]
    if text is not None:
        found.append(rows_by_id(read_features(Path(text), ids, id_column), names))
    rows = np.concatenate(found, axis=1)
    table = table_of(rows, "ready features", VERSION, told)
    catalogue = replace(dataset.catalogue, features=table)
    if categories is not None:
        catalogue = _by_category(catalogue, Path(categories), id_column, names)
    return replace(dataset, catalogue=catalogue)


def table_of(rows: np.ndarray, what: str, *told: Any) -> Table:
    """Return rows as a table under an address that says what they are and what they hold."""
    hashed = hashlib.sha256(f"{rows.dtype.name} {rows.shape}".encode())
    hashed.update(rows.data)
    spec = [what, *told[:1], hashed.hexdigest()[:16], *told[1:]]
    return Table(Signal.VECTOR, torch.from_numpy(rows), spec)


def rows_by_id(found: FeatureRows, names: list[str]) -> np.ndarray:
    """Return the ``(len(names), D)`` rows of the items, float16 or float32, contiguous."""
    place = {name: row for row, name in enumerate(found.ids)}
    require_all(names, place, found.source, "row")
    if len(place) > len(names):
        left = len(place) - len(names)
        told = how_many(left, "row")
        log.warning("%s: left out: %s of no item of this data set", found.source, told)
    half = found.rows.dtype == np.float16
    with np.errstate(over="ignore"):
        rows = found.rows[[place[name] for name in names]].astype("<f2" if half else "<f4")
    wrong = ~np.isfinite(rows)
    if wrong.any():
        item, column = np.argwhere(wrong)[0].tolist()
        given = found.rows[place[names[item]], column]
        raise DataError(
            f"{found.source}: number {column + 1} of item {names[item]!r} is not finite in "
            f"{rows.dtype} ({given}), as of {int(wrong.any(1).sum())} items in all: make their "
            "features again"
        )
    return np.ascontiguousarray(rows)


def require_all(names: list[str], known: dict[str, int], source: str, what: str) -> None:
    """Raise unless each of ``names`` is known.

    Raises:
        DataError: says which is not, and what to do.
    """
    missing = [name for name in names if name not in known]
    if len(missing) == len(names):
        raise DataError(
            f"{source}: none of its ids is an item's: its first is {next(iter(known), '')!r}, the "
            f"first item is {names[0]!r}: set dataset.ids, or dataset.id_column of a table"
        )
    if missing:
        more = f", nor for {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(
            f"{source}: no {what} for item {missing[0]!r}{more} of {len(names)} items: add what is "
            "missing, or take these items out of the feedback"
        )


def _by_category(
    catalogue: Catalogue, path: Path, id_column: str | None, names: list[str]
) -> Catalogue:
    """Return the catalogue with the categories of a table."""
    table = read_business_table(path)
    items = table.columns[table.needed("item", id_column, "dataset.id_column")]
    given = table.columns[table.needed("category", None, "a column category")]
    of = dict(zip(items, given, strict=True))
    if len(of) < len(items):
        twice = next(name for n, name in enumerate(items) if name in items[:n])
        raise DataError(f"{path}: two rows for item {twice!r}: keep one")
    require_all(names, dict.fromkeys(items, 0), str(path), "category")
    kinds = tuple(sorted({of[name] for name in names}))
    numbered = torch.tensor([kinds.index(of[name]) for name in names])
    told = repr([of[name] for name in names]).encode()
    spec = [catalogue.spec, "categories", hashlib.sha256(told).hexdigest()[:16]]
    return replace(catalogue, categories=numbered, names=kinds, spec=spec)
