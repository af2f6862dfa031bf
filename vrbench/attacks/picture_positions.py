"""Which position in the catalogue a picture's name stands for."""

from __future__ import annotations

import csv
from pathlib import Path

from vrbench.core.archives import reading
from vrbench.core.errors import DataError
from vrbench.core.files import Confined

PICTURES = (".jpg", ".jpeg", ".png", ".tiff")


def listed_files(path: Path, known: dict[str, int] | None) -> dict[int, Path]:
    """Return the files of a ``metadata.csv``, by position."""
    found: dict[int, Path] = {}
    inside, column = Confined(path.parent), "position" if known is None else "item_id"
    for line in _lines(path):
        told, name = (line.get(column) or "").strip(), (line.get("file_name") or "").strip()
        position = _position(told, known)
        if position is None or not name:
            raise DataError(
                f"{path}: expected lines of file_name,{column}, got {repr(dict(line))[:200]}"
            )
        if position in found:
            raise DataError(f"{path}: {column} {told} stands twice")
        found[position] = inside.path(name)
    return found


def numbered_files(folder: Path, known: dict[str, int] | None) -> dict[int, Path]:
    """Return the PNG files of a folder by the position, or the id, that is their name."""
    found: dict[int, Path] = {}
    inside = Confined(folder)
    for path in sorted(p for p in folder.iterdir() if p.suffix == ".png"):
        position = _position(path.stem, known)
        if position is None:
            continue
        if position in found:
            raise DataError(f"{folder}: {found[position].name} and {path.name} are of one item")
        found[position] = inside.path(path.name)
    return found


def _position(told: str, known: dict[str, int] | None) -> int | None:
    """Return a position as it is told, or of an id that is known; None if it is neither."""
    if known is not None:
        return known.get(told)
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 19 else None


def positions(path: Path) -> dict[str, int]:
    """Return the position of every id of a catalogue: the ids of its items in sorted order.

    Args:
        path: an ``items.csv``, or a folder of pictures named by id.

    Raises:
        MissingDataError: if it is not there.
        DataError: if it has no column ``item_id``, or an id stands twice.
    """
    if path.is_dir():
        ids = [p.stem for p in path.iterdir() if p.suffix.lower() in PICTURES]
    else:
        ids = [(line.get("item_id") or "").strip() for line in _lines(path)]
    if not ids or "" in ids or len(set(ids)) != len(ids):
        raise DataError(f"{path}: expected a column item_id, or pictures, every id once")
    return {name: n for n, name in enumerate(sorted(ids))}


def _lines(path: Path) -> list[dict[str, str]]:
    with reading(path), open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
