"""The leaderboard as a page that opens from disk."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from vrbench.core.errors import ConfigError
from vrbench.report import plots
from vrbench.report.grid import AXES, Cell, cells, chosen, columns, repeated, sides, telling
from vrbench.report.identity import observation, seeds
from vrbench.report.leaderboard import left_out, mean
from vrbench.report.over_seeds import LEAST, Change, change
from vrbench.report.pages.page import Head, Picture, Table, Value, measured, picture, render
from vrbench.report.papers.published_comparison import Run
from vrbench.report.plots.picture import height_of
from vrbench.report.run_records import Entry, may_show, not_shown
from vrbench.report.worst_case import SHOP, Worst, worst

SECTIONS = (("worst", "Worst attack"), ("cells", "Every attack"), ("made", "How it was made"))
ACROSS = (plots.EPS, "SSIM", "LPIPS", "LPIPS_untrained")
SHIFT = "prediction shift"
ACCURACY = "nDCG@"
ROWS = 2  # pictures of a sheet that a page shows


def page(entries: Sequence[Entry], metrics: Sequence[str] | None, headline: str) -> str:
    """Return the leaderboard as one HTML document without links to anything outside it.

    Args:
        entries: what runs left behind.
        metrics: columns of the second table; None: a few.
        headline: the metric by which attacks are ranked.

    Raises:
        ConfigError: if no run has a metric that is asked for, or none was attacked.
    """
    grid = [cell for cell in cells(entries) if not cell.skipped]
    found = worst(grid, *chosen(entries, [headline]))
    if not found:
        raise ConfigError(f"no run changes {headline}: a page needs runs under attack")
    axes = telling(grid) or list(SHOP)
    tested = {id(cell): change(_by_run(cell, headline)) for cell in grid}
    accuracy = _accuracy(entries)
    drawn = _plots(grid, found, headline, accuracy)
    seen, broken = _pictures(grid)
    more = [("curves", "Curves")] * bool(drawn) + [("pictures", "Pictures")] * bool(seen)
    return render(
        "leaderboard.html",
        ("sortable.min.js", "filter.js"),
        title=f"vrbench: {headline} under attack",
        sections=[*SECTIONS[:2], *more, *SECTIONS[2:]],
        filters=[(a, list(dict.fromkeys(c.where[a] for c in grid))) for a in axes],
        worst=_worst_table(found, axes, headline, accuracy, tested),
        worst_caption=(
            f"The attack and aim that change {headline} most, per shop and budget; least exposed "
            "first. Means over seeds, ± standard deviation. By chance: mean distance between two "
            "clean trainings. Interval: of the change, 95 % by Student's t over seeds, from "
            f"{LEAST} seeds on; * where it moved further than a clean retrain of each seed does."
        ),
        cells=_cells_table(grid, axes, chosen(entries, metrics), tested, headline),
        cells_caption="Means over seeds, ± standard deviation; * as above.",
        same=_on_all_lines(grid[0], axes),
        whose=" / ".join(dict.fromkeys(cell.pictures for cell in grid if cell.pictures)),
        plots=drawn,
        pictures=seen,
        left_out=[*left_out(entries), *broken, *not_shown(entries)],
        made=_made(entries),
    )


def _on_all_lines(cell: Cell, axes: Sequence[str]) -> str:
    """Return what all cells share, which no column says."""
    same = ", ".join(f"{a} {cell.where[a]}" for a in AXES if a not in axes and cell.where[a])
    return f"On all lines: {same}." if same else ""


def _worst_table(
    found: Sequence[Worst],
    axes: Sequence[str],
    headline: str,
    accuracy: str | None,
    tested: dict[int, Change],
) -> Table:
    named = {"attack": "worst attack", "objective": "its aim"}
    heads = [Head(named.get(axis, axis), axis) for axis in axes] + [Head("of")]
    floored = any(w.floor is not None for w in found)
    heads += [Head(f"{headline} clean"), Head("attacked"), Head("change")]
    heads += [Head("by chance")] * floored
    heads += [Head("interval"), Head(repeated([w.cell for w in found]))]
    heads += [*([Head(f"{accuracy} clean")] if accuracy else [])]
    lines = []
    for w in found:
        moved = w.cell.change(headline)
        lines.append(
            [Value(w.cell.where[axis], kind="name") for axis in axes]
            + [Value(str(w.of), w.of), _mean(w.cell, headline, "before")]
            + [_mean(w.cell, headline, "after")]
            + [measured(moved, _signed(moved) + _mark(tested[id(w.cell)]), "headline")]
            + [measured(w.floor)] * floored
            + [_interval(tested[id(w.cell)]), Value(w.cell.repeats)]
            + ([_mean(w.cell, accuracy, "before")] if accuracy else [])
        )
    return Table(heads, lines)


def _cells_table(
    grid: Sequence[Cell],
    axes: Sequence[str],
    metrics: Sequence[str],
    tested: dict[int, Change],
    headline: str,
) -> Table:
    shown = [(m, side, head) for m in metrics for side, head in sides(grid, m)]
    heads = [Head(axis, axis) for axis in axes]
    heads += [Head(repeated(grid)), *(Head(head) for *_, head in shown)]
    lines = []
    for cell in grid:
        line = [Value(cell.where[axis], kind="name") for axis in axes]
        line.append(Value(cell.repeats))
        for metric, side, _ in shown:
            mark = _mark(tested[id(cell)]) if (metric, side) == (headline, "after") else ""
            line.append(_mean(cell, metric, side, mark))
        lines.append(line)
    return Table(heads, lines)


def _plots(
    grid: Sequence[Cell], found: Sequence[Worst], headline: str, accuracy: str | None
) -> list[dict[str, str]]:
    """Return the curves of every dataset and timing, and the trade-off of every budget."""
    drawn = []

    def add(figure: Any, caption: str) -> None:
        if figure is not None:
            drawn.append({"svg": plots.svg(figure, caption), "caption": caption})

    def place(cell: Cell) -> tuple[str, str]:
        return cell.where["dataset"], cell.where["threat"]

    for (dataset, threat), group in groupby(sorted(grid, key=place), place):
        some = list(group)
        for metric in dict.fromkeys((headline, SHIFT)):
            for x in ACROSS:
                what = f"Change of {metric} against {x}, {dataset}, {threat}"
                add(plots.against(some, metric, x), what)
    for where, worsts in groupby(found, lambda w: (*place(w.cell), w.cell.where["budget"])):
        if accuracy:
            what = f"{accuracy} of the clean shop against what the worst attack does: "
            what += ", ".join(where)
            add(plots.trade_off(list(worsts), headline, accuracy), what)
    return drawn


def _pictures(grid: Sequence[Cell]) -> tuple[list[Picture], list[str]]:
    """Return one sheet per dataset, attack, aim and budget, and which files cannot be read."""
    found: dict[tuple[str, ...], Picture] = {}
    broken: list[str] = []
    for cell in grid:
        names = tuple(cell.where[axis] for axis in ("dataset", "attack", "objective", "budget"))
        path = Path(cell.entries[0]["folder"]) / "picture.png"
        if names in found or not path.is_file() or not may_show(cell.entries[0]):
            continue
        what = f"{names[1]} within {names[3]}, aim {names[2]}, seen by {cell.where['extractor']}"
        alt = f"Clean pictures, the same attacked, and the difference: {what}"
        try:
            found[names] = picture(path, alt, f"{names[0]}: {what}", height_of(ROWS))
        except OSError:
            broken.append(f"{path} is not a picture: run that cell again")
    return list(found.values()), broken


def _made(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    told = [("runs", str(len(entries)))]
    told.append(("seeds", ", ".join(map(str, sorted({seeds(e)[0] for e in entries})))))
    for versions in dict.fromkeys(
        ", ".join(f"{name} {v}" for name, v in e.get("versions", {}).items()) for e in entries
    ):
        told.append(("versions", versions))
    overrides = dict.fromkeys(shlex.join(e.get("overrides", [])) for e in entries)
    told += [("settings", f"python -m vrbench {line}") for line in list(overrides)[:20]]
    if len(overrides) > 20:
        told.append(("settings", f"and {len(overrides) - 20} more, in each run's rows.json"))
    return told


def _accuracy(entries: Sequence[Entry]) -> str | None:
    return next((metric for metric in columns(entries) if metric.startswith(ACCURACY)), None)


def _mean(cell: Cell, metric: str, side: Any, mark: str = "") -> Value:
    values = cell.values(metric, side)
    return measured(cell.mean(metric, side), mean(values) + mark if values else None)


def _signed(change: float | None) -> str:
    return "-" if change is None else f"{change:+.3g}"


def _mark(found: Change) -> str:
    return " *" if found.beyond else ""


def _interval(found: Change) -> Value:
    if found.by is None:
        return measured(None)
    return measured(found.by.low, f"{_signed(found.by.low)} to {_signed(found.by.high)}")


def _by_run(cell: Cell, metric: str) -> dict[Run, tuple[float, float, float | None]]:
    """Return the number clean, attacked and retrained of every run that has both."""
    found: dict[Run, tuple[float, float, float | None]] = {}
    for entry in cell.entries:
        row = next((r for r in entry.get("rows", []) if r["metric"] == metric), None)
        if row is not None and row["before"] is not None and row["after"] is not None:
            run = observation(entry), f"{seeds(entry)[1]} {cell.pictures}"
            found[run] = row["before"], row["after"], row.get("control")
    return found
