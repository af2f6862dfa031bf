"""Values of the robustness leaderboard by column; a dash where there is none."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import Any

from vrbench.core.masking_counts import added, suspected
from vrbench.report.equivalence import bootstrap, equivalent
from vrbench.report.grid import Cell
from vrbench.report.identity import observation, seeds
from vrbench.report.leaderboard import mean
from vrbench.report.over_seeds import Change, independent, means_of_seeds
from vrbench.report.pages.board_words import BROUGHT, DEFENCES
from vrbench.report.pages.page import Value, measured
from vrbench.report.papers.published_comparison import Run
from vrbench.report.run_records import moving
from vrbench.report.tables import signed
from vrbench.report.worst_case import SAME_SHOP

Rows = dict[Run, tuple[float, float, float | None]]


def shop_of(cell: Cell) -> tuple[str, ...]:
    return (*(cell.where[axis] for axis in SAME_SHOP), cell.where["budget"])


def where(cell: Cell) -> tuple[str, ...]:
    return (*shop_of(cell), cell.where["threat"], cell.pictures)


def columns_of(cell: Cell) -> list[str]:
    return [row["metric"] for row in cell.entries[0].get("rows", [])]


def component_of(cell: Cell, axis: str) -> str:
    return str(cell.entries[0]["parts"].get(axis, {}).get("component") or "")


def defence_of(cell: Cell) -> str:
    """Return the defences of a shop: robust training, input transformation, recommender."""
    named = [DEFENCES.get(component_of(cell, axis)) for axis in ("extractor", "recommender")]
    return ", ".join(name for name in named if name) or "none"


def named(cell: Cell, axis: str) -> Value:
    """Return a choice, with a dagger where it is an attack that was brought from outside."""
    brought = axis == "attack" and component_of(cell, axis) in BROUGHT
    return Value(f"{cell.where[axis]}{' †' * brought}", kind="name")


def year_of(paper: str) -> Value:
    """Return the year that a paper is named with."""
    year = re.search(r"\b(?:19|20)\d\d\b", paper)
    return measured(int(year[0]), year[0]) if year else measured(None)


def loaded(entry: Mapping[str, Any]) -> Value:
    """Return the call that loads a submitted entry; a dash where there is none."""
    name = entry.get("entry")
    if not name:
        return Value("-", "", "name")
    return Value(str(name), None, "name", f"vrbench.load({name!r})")


def command(entry: Mapping[str, Any]) -> str:
    """Return the command that makes a run again; of submitted pictures, that checks them."""
    if entry.get("attacks"):
        return f"python -m vrbench submit check {entry['entry']}"
    return f"python -m vrbench {shlex.join(moving(entry.get('overrides', [])))}"


def change(cell: Cell | None, metric: str) -> Value:
    moved = None if cell is None else cell.change(metric)
    return measured(moved, in_places(moved))


def in_places(value: float | None) -> str:
    """Return a change as ``signed`` does, but in full: no powers of ten, and 0 without a sign."""
    told = signed(value)
    if value is not None and "e" in told:
        told = f"{value:+.{_places(value)}f}"
    return told if value is None or float(told) else "0"


def _places(value: float) -> int:
    """Return the places after the point that three digits take; seven at most."""
    return min(7, max(0, 2 - floor(log10(abs(value))))) if value else 0


def share(cell: Cell | None, metric: str) -> Value:
    if cell is None:
        return measured(None)
    before, after = cell.mean(metric, "before"), cell.mean(metric, "after")
    if before is None or after is None:
        return measured(None)
    return measured(after, f"{100 * before:.2f} → {100 * after:.2f} %")


def signs_of(among: Sequence[Cell]) -> Value:
    """Return the signs of masked gradients in any run of a shop; a dash where nobody looked."""
    looked = added(e["masking"] for cell in among for e in cell.entries if e.get("masking"))
    return Value(", ".join(suspected(looked)) or "no sign" if looked else "-", kind="name")


def ends(low: float, high: float) -> str:
    """Return the ends of an interval, to as many places as the larger one has at three digits."""
    places = _places(max(low, high, key=abs))
    return " to ".join(f"{end:+.{places}f}" for end in (low, high))


def interval(found: Change) -> Value:
    if found.by is None:
        return measured(None)
    return measured(found.by.low, ends(found.by.low, found.by.high))


def resampled(rows: Rows) -> Value:
    before = {run: clean for run, (clean, _, _) in rows.items()}
    after = {run: attacked for run, (_, attacked, _) in rows.items()}
    counted = independent(before, after)
    changes = {run: after[run] - before[run] for run in rows if run[0] in counted}
    found = bootstrap(means_of_seeds(changes))
    return measured(None) if found is None else measured(found[0], ends(*found))


def as_a_retrain(rows: Rows) -> Value:
    alike = equivalent(rows)
    return measured(None) if alike is None else Value("yes" if alike else "not shown")


def mean_of(cell: Cell | None, metric: str, side: Any, mark: str = "") -> Value:
    """Return the mean of a cell's metric over seeds, with its deviation."""
    if cell is None:
        return measured(None)
    values = cell.values(metric, side)
    return measured(cell.mean(metric, side), mean(values) + mark if values else None)


def mark_of(found: Change) -> str:
    """Return a star if a change exceeds that of a clean retrain."""
    return " *" if found.beyond else ""


def by_run(cell: Cell, metric: str) -> Rows:
    """Return the number clean, attacked and retrained of every run that has it.

    Before a change there was none: metrics of a change begin at zero.
    """
    found: Rows = {}
    for entry in cell.entries:
        row = next((r for r in entry.get("rows", []) if r["metric"] == metric), None)
        if row is not None and row["after"] is not None:
            run = observation(entry), f"{seeds(entry)[1]} {cell.pictures}"
            found[run] = row["before"] or 0.0, row["after"], row.get("control")
    return found
