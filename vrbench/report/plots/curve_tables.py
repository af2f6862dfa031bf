"""Reading tables of curves, so that they can be drawn without their runs."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from vrbench.core.errors import DataError, MissingDataError
from vrbench.report.plots.curve_panels import PRINTED
from vrbench.report.plots.curves import EPS, Curve

SIZE = re.compile(r"eps (\S+)")
VALUE = re.compile(r"([-+]?[\d.]+(?:e[-+]?\d+)?)( %)?(?: ± ([\d.]+(?:e[-+]?\d+)?))?")
Show = Literal["change", "value"]


def is_table(path: Path) -> bool:
    """Return whether a path is that of a CSV file."""
    return path.suffix.lower() == ".csv"


def read_table(path: Path) -> tuple[list[Curve], str, Show]:
    """Return the curves of a CSV file that ``curves`` wrote, what they go across, and how.

    Raises:
        MissingDataError: if it is not there.
        DataError: if it is no such table.
    """
    if not path.is_file():
        raise MissingDataError(f"no file {path}")
    with open(path, newline="", encoding="utf-8") as file:
        head, *rows = list(csv.reader(file)) or [[]]
    if head[:1] != ["curve"] or any(len(row) != len(head) for row in rows):
        raise DataError(f"{path} is no table that `python -m vrbench curves` wrote as CSV")
    try:
        if head[2:] == ["value", "spread"]:
            return _long(rows), head[1], "value"
        return _wide(head, rows)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None


def _long(rows: Sequence[Sequence[str]]) -> list[Curve]:
    names = list(dict.fromkeys(row[0] for row in rows))
    found = {name: sorted(tuple(map(float, r[1:])) for r in rows if r[0] == name) for name in names}
    return [_curve(name, points) for name, points in found.items()]


def _curve(name: str, points: Sequence[Sequence[float]]) -> Curve:
    x, y, spread = (tuple(float(point[n]) for point in points) for n in range(3))
    return Curve(name, x, y, spread, reported=name.endswith(PRINTED))


def _wide(head: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[Curve], str, Show]:
    sizes = [_size(name) for name in head[1:]]
    relative = any("%" in cell for row in rows for cell in row[1:])
    lines = []
    for name, *cells in rows:
        points = [(at, *_value(cell)) for at, cell in zip(sizes, cells, strict=True) if cell != "-"]
        if relative:
            points.insert(0, (0.0, 0.0, 0.0))
        lines.append(_curve(name, points))
    return lines, EPS, "change" if relative else "value"


def _size(name: str) -> float:
    found = SIZE.fullmatch(name)
    if found is None:
        raise ValueError(f"expected a column 'eps SIZE', got {name!r}")
    return float(found[1])


def _value(cell: str) -> tuple[float, float]:
    found = VALUE.fullmatch(cell)
    if found is None:
        raise ValueError(f"expected a number, got {cell!r}")
    return float(found[1]), float(found[3] or 0)
