"""Reading precomputed item features: arrays, tables, or one file per item, with ids."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from vrbench.core.archives import reading
from vrbench.core.arrays import read_npy, read_npz
from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.files import regular
from vrbench.data.readers.business_tables import as_text, read_business_table
from vrbench.data.readers.feature_rows import FeatureRows
from vrbench.data.readers.feature_tables import read_parquet, read_table
from vrbench.data.readers.text import read_lines

log = logging.getLogger(__name__)
ROWS = "rows"  # as ``ids``: the id of row 12 is 12, as in MMRec
ARRAYS = (".npy", ".npz", ".safetensors")
TABLES = (".csv", ".tsv", ".txt", ".parquet")
ASK = (
    "which item is each row? Set dataset.ids to a file with one id a line, in the order of the "
    "rows, or to rows where ids are row numbers, as in MMRec"
)


def read_features(path: Path, ids: str | None = None, id_column: str | None = None) -> FeatureRows:
    """Return the vectors of a file or a folder, under their ids. Nothing is unpickled.

    Args:
        path: ``.npy``, ``.npz`` or ``.safetensors`` (arrays); ``.csv``, ``.tsv`` or ``.parquet``
            with a header, a column of ids, and a column a number or one of lists; or a folder of
            ``ID.npy``, one an item, as Ducho leaves them.
        ids: of arrays: a file with one id a line, ``.npy`` of ids, or a table with a column of
            them; ``"rows"`` where ids are row numbers. None: they are in the file.
        id_column: of tables; None: found by its name.

    Raises:
        MissingDataError: if a file is not there.
        DataError: if one cannot be used, or an id stands twice.
        ConfigError: if nothing says which row is whose.
    """
    if path.is_dir():
        return _one_file_each(path, ids)
    suffix = path.suffix.lower()
    if suffix not in ARRAYS + TABLES:
        raise DataError(
            f"{path}: expected a folder, or a file that ends in {', '.join(ARRAYS + TABLES)}"
        )
    regular(path, f"no file or folder {path}: set dataset.path to the vectors that were made")
    if suffix in TABLES:
        if ids is not None:
            raise ConfigError(f"{path}: a table has its ids in a column: set dataset.id_column")
        return (read_parquet if suffix == ".parquet" else read_table)(path, id_column)
    rows, inside = _arrays(path, suffix)
    if ids is None and inside is None:
        raise ConfigError(f"{path}: {ASK}")
    if ids is None:
        return FeatureRows(str(path), inside or [], rows)
    named = _side_file(ids, len(rows), id_column)
    if inside is not None and inside != named:
        log.warning("%s: its own ids are left aside, since dataset.ids=%s is set", path, ids)
    return FeatureRows(str(path), named, rows)


def _arrays(path: Path, suffix: str) -> tuple[np.ndarray, list[str] | None]:
    """Return the rows of a file of arrays, and the ids in it; None if there are none."""
    if suffix == ".npy":
        with reading(path), open(path, "rb") as file:
            return read_npy(file), None
    found = read_npz(path) if suffix == ".npz" else _safetensors(path)
    rows = [name for name, array in found.items() if array.ndim == 2]
    names = [name for name, array in found.items() if array.ndim == 1]
    if len(rows) != 1 or len(names) > 1:
        held = ", ".join(f"{name} {array.shape}" for name, array in found.items())
        raise DataError(
            f"{path}: expected one array of features, (items, length), and one of ids, (items,); "
            f"it holds {held or 'nothing'}"
        )
    return found[rows[0]], _texts(found[names[0]], path) if names else None


def _safetensors(path: Path) -> Mapping[str, np.ndarray]:
    with reading(path):
        return {
            name: (values.float() if values.dtype == torch.bfloat16 else values).numpy()
            for name, values in load_file(path).items()
        }


def _texts(ids: np.ndarray, path: Path) -> list[str]:
    """Return ids as names: whole numbers, or text."""
    if ids.dtype.kind == "S":
        with reading(path):
            return [value.decode() for value in ids.tolist()]
    if ids.dtype.kind == "f" and not np.equal(ids, np.floor(ids)).all():
        raise DataError(f"{path}: ids are names or whole numbers, and some have fractions")
    return [as_text(value) for value in ids.tolist()]


def _side_file(ids: str, count: int, id_column: str | None) -> list[str]:
    """Return the id of each row, as ``ids`` says; see ``read_features``."""
    if ids == ROWS:
        return [str(n) for n in range(count)]
    path = Path(ids)
    suffix = regular(path, f"no file {path}: set dataset.ids to one with one id a line").suffix
    suffix = suffix.lower()
    if suffix == ".npy":
        with reading(path), open(path, "rb") as file:
            found = read_npy(file)
        if found.ndim != 1:
            raise DataError(f"{path}: expected one id a row, got an array of shape {found.shape}")
        return _texts(found, path)
    if suffix in (".csv", ".tsv", ".parquet"):
        table = read_business_table(path)
        return list(table.columns[table.needed("item", id_column, "dataset.id_column")])
    return [line.strip() for line in read_lines(path, "one id a line")]


def _one_file_each(folder: Path, ids: str | None) -> FeatureRows:
    """Return the rows of a folder of ``ID.npy``, each ``(D,)`` or ``(1, D)``."""
    if ids is not None:
        raise ConfigError(f"{folder}: files of a folder have the ids for names: leave dataset.ids")
    files = sorted(folder.glob("*.npy"))
    if not files:
        raise MissingDataError(
            f"no file ID.npy in {folder}: name the folder that holds one a picture, as Ducho "
            "leaves them under LIBRARY/MODEL/LAYER"
        )
    rows = []
    for path in files:
        with reading(path), open(path, "rb") as file:
            rows.append(read_npy(file).reshape(-1))
        if rows[-1].shape != rows[0].shape:
            raise DataError(
                f"{path}: {len(rows[-1])} numbers, and {files[0].name} has {len(rows[0])}: they "
                "are of two models or layers"
            )
    return FeatureRows(str(folder), [path.stem for path in files], np.stack(rows))
