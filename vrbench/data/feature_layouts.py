"""Export of item features in the file layouts of other tools."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vrbench.core.errors import DataError
from vrbench.core.files import sha256

LAYOUTS = ("npy", "mmrec", "cornac", "ducho", "warprec")
IDS = "item_ids.txt"


def write_features(
    folder: Path,
    part: str,
    rows: np.ndarray,
    ids: Sequence[str],
    layout: str = "npy",
    manifest: Mapping[str, str] | None = None,
) -> Path:
    """Write one table of vectors; return what ``with_features`` takes as its ``path``.

    Args:
        folder: made when needed.
        part: what it is called, such as "clean".
        rows: ``(n, D)`` float32.
        ids: ``n`` names.
        layout: "npy": ``PART.npy``, and ``item_ids.txt`` with one id a line; "cornac": ``PART.npz``
            with ``features`` and ``item_ids``, what ``ImageModality`` takes; "mmrec":
            ``PART/image_feat.npy``, whose row 12 is item 12, for ids that are all numbers from 0
            on; "ducho": ``PART/ID.npy``, each ``(1, D)``; "warprec": ``PART.tsv``, a table of side
            information, ``item_id`` first and a column a number.
        manifest: what is known of them, written beside a file, with its sha256.

    Raises:
        DataError: if an id cannot be a line of a file, or the name of one, or a row number.
    """
    if layout == "mmrec":
        rows = rows[_by_number(ids)]
    place = folder / part if layout in ("mmrec", "ducho") else folder
    place.mkdir(parents=True, exist_ok=True)
    if layout == "ducho":
        return _one_file_each(place, rows, ids)
    if layout == "warprec":
        path = _table(place / f"{part}.tsv", rows, ids)
    elif layout == "cornac":
        path = place / f"{part}.npz"
        np.savez(path, features=rows, item_ids=np.array(ids, dtype=np.str_))
    else:
        path = place / (f"{part}.npy" if layout == "npy" else "image_feat.npy")
        np.save(path, rows)
        if layout == "npy":
            _write_ids(place / IDS, ids)
    if manifest is not None:
        told = {**manifest, "sha256": sha256(path)}
        path.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return path


def _table(path: Path, rows: np.ndarray, ids: Sequence[str]) -> Path:
    """Write a table whose numbers are read back as they are; return its path."""
    for name in ids:
        if name != name.strip() or not name or set(name) & set('\t\r\n"'):
            raise DataError(f"{path}: item {name!r} is no value of a table: take layout cornac")
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join(["item_id", *(f"feature_{n}" for n in range(rows.shape[1]))]) + "\n")
        for name, row in zip(ids, rows, strict=True):
            file.write("\t".join([name, *map(str, row)]) + "\n")
    return path


def _by_number(ids: Sequence[str]) -> list[int]:
    """Return which row is item 0, 1, ...

    Raises:
        DataError: if ids are not the numbers from 0 on: rows would be those of other items.
    """
    place = {name: row for row, name in enumerate(ids)}
    numbers = [str(n) for n in range(len(ids))]
    known = set(numbers)
    other = next((name for name in ids if name not in known), None)
    if other is not None:
        raise DataError(
            f"MMRec goes by row numbers, and item {other!r} is none of 0 to {len(ids) - 1}: take "
            "layout npy, and number the items of your .inter file as its item_ids.txt has them"
        )
    return [place[n] for n in numbers]


def _write_ids(path: Path, ids: Sequence[str]) -> None:
    for name in ids:
        if name != name.strip() or not name or len(name.splitlines()) > 1:
            raise DataError(f"{path}: item {name!r} is no line of text: take layout cornac")
    path.write_text("".join(f"{name}\n" for name in ids), encoding="utf-8")


def _one_file_each(folder: Path, rows: np.ndarray, ids: Sequence[str]) -> Path:
    lower = {name.lower() for name in ids}
    for name in ids:
        if not name or name.startswith(".") or set(name) & set('/\\:\0*?"<>|') or len(name) > 200:
            raise DataError(f"item {name!r} is no name of a file: take layout npy or cornac")
    if len(lower) < len(ids):
        raise DataError(
            "two ids differ by case alone, and files may not: take layout npy or cornac"
        )
    for name, row in zip(ids, rows, strict=True):
        np.save(folder / f"{name}.npy", row[None])
    return folder
