"""Aggregation of runs into cells, over seeds and folds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from vrbench.core.errors import ConfigError, nearest
from vrbench.report.identity import MORE, aim, fold, repeat, seeds
from vrbench.report.order import natural
from vrbench.report.run_records import AXES as NAMED
from vrbench.report.run_records import Entry

Side = Literal["before", "after", "control", "random"]
SIDES: dict[Side, str] = {
    "before": "clean",
    "after": "attacked",
    "control": "retrained",
    "random": "random fill",
}
BESIDE = {"control", "random"}  # what an attack is compared with, besides the clean shop
AXES = (*NAMED, *MORE)  # what tells cells apart
LEVEL = 0.05  # of a test over users
TOLD = "told from random"  # the end of a head
METRICS = ("CHR@20", "nCDCG@20", "nDCG@20", "success", "LPIPS")


@dataclass(frozen=True)
class Cell:
    """One cell of the grid: runs that differ in their seeds, and in the fold of their data, only.

    Attributes:
        where: the choice made on every axis.
        pictures: whose pictures were attacked, to be taken for what, by which labels; "" where
            none were.
        entries: the runs, by their seeds and folds.
    """

    where: dict[str, str]
    pictures: str
    entries: tuple[Entry, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the runs, ascending."""
        return tuple(sorted({seeds(entry)[0] for entry in self.entries}))

    @property
    def folds(self) -> tuple[tuple[int, int], ...]:
        """The folds of the runs, of test and validation, ascending; none where data has none."""
        return tuple(sorted({of for entry in self.entries if (of := fold(entry)) is not None}))

    @property
    def runs(self) -> int:
        """How many pairs of seeds there are, of the run and of its extractor, times folds."""
        return len({repeat(entry) for entry in self.entries})

    @property
    def repeats(self) -> str:
        """The number of runs as a table has it: seeds, or ``seeds x folds``."""
        if not self.folds:
            return str(self.runs)
        pairs = len({seeds(entry) for entry in self.entries})
        whole = f"{pairs} x {len(self.folds)}"
        return whole if self.runs == pairs * len(self.folds) else f"{self.runs} of {whole}"

    @property
    def skipped(self) -> str | None:
        """Why there is nothing here; None where there is."""
        return next((str(e["skipped"]) for e in self.entries if "skipped" in e), None)

    def tuned(self, axis: str) -> dict[str, Any] | None:
        """Return of which search the settings on an axis are; None if no run, or not all, say.

        ``dataset`` is the one that was validated on; "" where it is the one that was measured on.
        """
        told = [entry["parts"].get(axis, {}).get("tuned") for entry in self.entries]
        if told[0] is None or any(other != told[0] for other in told):
            return None
        shop = self.entries[0]["parts"]["dataset"]
        here = told[0]["dataset"] == shop.get("choice", shop["name"])
        return {**told[0], "dataset": "" if here else told[0]["dataset"]}

    def rows(self, metric: str) -> list[dict[str, Any]]:
        """Return the rows of ``metric``, one per run that has it."""
        return [r for e in self.entries for r in e.get("rows", []) if r["metric"] == metric]

    def values(self, metric: str, side: Side) -> list[float]:
        """Return ``metric`` on clean inputs, attacked, or retrained on clean ones: one per run."""
        return [row[side] for row in self.rows(metric) if row.get(side) is not None]

    def told(self, metric: str) -> list[bool]:
        """Return of each run whether its users tell the attack from random fill: p below .05."""
        tested = [row.get("p_random") for row in self.rows(metric)]
        return [p < LEVEL for p in tested if p is not None]

    def mean(self, metric: str, side: Side) -> float | None:
        """Return the mean over runs; None where there is nothing."""
        values = self.values(metric, side)
        return fmean(values) if values else None

    def change(self, metric: str) -> float | None:
        """Return the mean of attacked minus clean; of metrics of a change, the mean itself."""
        before, after = self.mean(metric, "before"), self.mean(metric, "after")
        return after - before if after is not None and before is not None else after


def cells(entries: Sequence[Entry]) -> list[Cell]:
    """Return the cells of the grid in natural order; runs that failed are in none."""
    found: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for entry in entries:
        if "rows" in entry or "skipped" in entry:
            found[where_of(entry)].append(entry)
    order = sorted(found.items(), key=lambda cell: [natural(w) for w in cell[0]])
    return [
        Cell(dict(zip(AXES, where[:-1], strict=True)), where[-1], tuple(sorted(group, key=repeat)))
        for where, group in order
    ]


def columns(entries: Sequence[Entry]) -> list[str]:
    """Return all metrics, in order of first appearance."""
    return list(dict.fromkeys(row["metric"] for e in entries for row in e.get("rows", [])))


def chosen(entries: Sequence[Entry], metrics: Sequence[str] | None) -> list[str]:
    """Return the metrics asked for, or a few that a reader wants first; all where none is there.

    Raises:
        ConfigError: if a metric is asked for that no entry has.
    """
    known = columns(entries)
    for metric in metrics or ():
        if metric not in known:
            raise ConfigError(
                f"no metric {metric!r}{nearest(metric, known)}; there is {', '.join(known)}"
            )
    return list(metrics) if metrics else [m for m in known if m.startswith(METRICS)] or known


def over(folds: bool) -> str:
    """Return what is counted where a mean is taken over runs of one cell."""
    return "seeds x folds" if folds else "seeds"


def repeated(grid: Sequence[Cell]) -> str:
    """Return over what the cells have a mean and a spread: the head of a column."""
    return over(any(cell.folds for cell in grid))


def telling(grid: Sequence[Cell], axes: Sequence[str] = AXES) -> list[str]:
    """Return the axes on which cells differ."""
    return [axis for axis in axes if len({cell.where[axis] for cell in grid}) > 1]


def sides(grid: Sequence[Cell], metric: str) -> list[tuple[Side, str]]:
    """Return the sides of ``metric`` that have values (before, after, ...), and their headings."""
    found = [side for side in SIDES if any(cell.values(metric, side) for cell in grid)]
    if "before" not in found and "random" not in found and "control" in found:
        found.remove("control")
    alone = len(set(found) - BESIDE) < 2
    return [(s, metric if alone and s not in BESIDE else f"{metric} {SIDES[s]}") for s in found]


def where_of(entry: Entry) -> tuple[str, ...]:
    parts = entry["parts"]
    return (*(parts.get(axis, {}).get("name", "") for axis in AXES), aim(entry))
