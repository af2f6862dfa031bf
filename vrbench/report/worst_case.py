"""Worst-case robustness: the most harmful attack on each shop within a budget."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from vrbench.report.grid import Cell
from vrbench.report.order import natural

SHOP = ("dataset", "extractor", "recommender")
SAME_SHOP = (*SHOP, "scenario", "metrics")  # what the adversary cannot choose


@dataclass(frozen=True)
class Worst:
    """The attack that does most harm within one budget, and how far chance alone moves the metric.

    Attributes:
        cell: of that attack.
        among: those of all attacks and aims that it is the worst of.
        floor: mean distance between the metric on clean inputs and after a clean retraining under
            another seed; None where no run made one.
    """

    cell: Cell
    among: tuple[Cell, ...]
    floor: float | None

    def by(self, metric: str) -> Cell | None:
        """Return the cell that does most harm by another metric; None where none has it."""
        having = [cell for cell in self.among if cell.change(metric) is not None]
        return max(having, key=lambda cell: harm(cell, metric), default=None)


def worst(grid: Sequence[Cell], metric: str) -> list[Worst]:
    """Return, per shop and budget, the attack that does most harm; least exposed shops first.

    A shop is a dataset, an extractor and a recommender under one timing; the adversary chooses
    the attack and the aim within the budget. The idea is RobustBench's (Croce et al., 2021).

    Args:
        grid: the cells.
        metric: the headline; harm is its change in the direction that is bad for the shop.
    """
    shops: dict[tuple[str, ...], list[Cell]] = defaultdict(list)
    floors: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for cell in grid:
        floors[_shop(cell)] += [
            abs(row["control"] - (row["before"] or 0.0))  # of a change there is nothing before
            for row in cell.rows(metric)
            if row.get("control") is not None
        ]
        if cell.change(metric) is not None:
            shops[(*_shop(cell), cell.where["threat"], cell.where["budget"])].append(cell)
    found = []
    for group in shops.values():
        cell = max(group, key=lambda c: harm(c, metric))
        moved = floors[_shop(cell)]
        found.append(Worst(cell, tuple(group), fmean(moved) if moved else None))

    def place(w: Worst) -> tuple[Any, ...]:
        fixed = [natural(w.cell.where[axis]) for axis in ("dataset", "threat", "budget")]
        return (*fixed, harm(w.cell, metric))

    return sorted(found, key=place)


def harm(cell: Cell, metric: str) -> float:
    """Return the change of ``metric``, positive where it is bad for the shop."""
    change = cell.change(metric)
    assert change is not None
    return change if cell.rows(metric)[0].get("better") == "lower" else -change


def _shop(cell: Cell) -> tuple[str, ...]:
    return (*(cell.where[axis] for axis in SAME_SHOP), cell.pictures)
