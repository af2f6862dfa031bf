"""How many settings were tried for each cell of a table, and how much processor time that took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vrbench.report.grid import Cell
from vrbench.report.tables import number

SEARCHED = ("recommender", "extractor", "attack")  # what ``tune`` finds settings of


def searches(cell: Cell) -> dict[str, Any]:
    """Return by axis the search that a cell's settings are of, as its runs say; {} where none."""
    parts = cell.entries[0]["parts"]
    return {axis: parts[axis]["tuned"] for axis in SEARCHED if cell.tuned(axis)}


def effort_columns(grid: Sequence[Cell]) -> list[tuple[str, list[str]]]:
    """Return heads and values of the columns that say how settings were searched.

    ``trials`` names the data set where settings are of another one; ``search s`` is processor
    time in seconds. No columns where no cell says of a search, and the axis in their heads where
    several axes do.
    """
    by_axis = {axis: [cell.tuned(axis) for cell in grid] for axis in SEARCHED}
    found = {axis: told for axis, told in by_axis.items() if any(told)}
    columns = []
    for axis, told in found.items():
        of = f"{axis} " if len(found) > 1 else ""
        columns.append((f"{of}trials", [_trials(note) for note in told]))
        seconds = [note.get("seconds") if note else None for note in told]
        if any(value is not None for value in seconds):
            columns.append((f"{of}search s", [number(value, 2) for value in seconds]))
    return columns


def _trials(note: Mapping[str, Any] | None) -> str:
    if note is None:
        return "-"
    return f"{note['trials']} on {note['dataset']}" if note["dataset"] else str(note["trials"])
