"""The leaderboard as a page that opens from disk."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from vrbench.core.errors import ConfigError
from vrbench.report import plots
from vrbench.report.grid import AXES, Cell, cells, chosen, columns, repeated, sides, telling
from vrbench.report.identity import seeds
from vrbench.report.leaderboard import left_out
from vrbench.report.order import natural
from vrbench.report.over_seeds import LEAST, Change, change
from vrbench.report.pages.board import board, unaimed
from vrbench.report.pages.board_values import by_run, mark_of, mean_of
from vrbench.report.pages.board_words import MODEL, meaning
from vrbench.report.pages.clickable import plot
from vrbench.report.pages.page import Head, Picture, Table, Value, picture, render
from vrbench.report.plots.axis_words import upwards
from vrbench.report.plots.picture import height_of
from vrbench.report.run_records import Entry, may_show, moving, not_shown
from vrbench.report.threat_models import threat_model
from vrbench.report.worst_case import SHOP, worst

SECTIONS = (("worst", "The board"), ("cells", "Every attack"), ("made", "How it was made"))
ACROSS = (plots.EPS, "SSIM", "LPIPS", "LPIPS_untrained")
SHIFT = "prediction shift"
ACCURACY = "nDCG@"
TABS = (MODEL, "budget")  # chosen above the tables, one after the other
CAPTION = (
    "The attack and aim that change {headline} most, per shop and budget; least exposed first. "
    "Means over seeds, ± standard deviation. By chance: mean distance between two clean trainings. "
    "Interval: of the change, 95 % by Student's t over seeds, from {least} seeds on; * where it "
    "moved further than a clean retrain of each seed does. The question mark beside a column's "
    "name says what it means; in print, the list below."
)
DRAWN = "Colour: the attack. Marker: the network. Line and filling of a marker: the aim."
ROWS = 2  # pictures of a sheet that a page shows


def page(
    entries: Sequence[Entry],
    metrics: Sequence[str] | None,
    headline: str,
    papers: Mapping[str, str] | None = None,
) -> str:
    """Return the leaderboard as one HTML document without links to anything outside it.

    Args:
        entries: what runs left behind.
        metrics: columns of the second table; None: a few.
        headline: the metric by which attacks are ranked.
        papers: of recommenders, by component; None: no column says them.

    Raises:
        ConfigError: if no run has a metric that is asked for, or none was attacked.
    """
    grid = [cell for cell in cells(entries) if not cell.skipped]
    found = worst(grid, *chosen(entries, [headline]))
    if not found:
        raise ConfigError(f"no run changes {headline}: a page needs runs under attack")
    axes = _axes(grid)
    filters = _filters(grid, axes)
    tested = {id(cell): change(by_run(cell, headline)) for cell in grid}
    accuracy = _accuracy(entries)
    drawn, upward = _plots(grid, headline), upwards(headline)
    standings = board(found, grid, axes, headline, accuracy, tested, papers or {})
    seen, broken = _pictures(grid)
    more = [("curves", "Curves")] * bool(drawn) + [("pictures", "Pictures")] * bool(seen)
    return render(
        "leaderboard.html",
        ("sortable.min.js", "filter.js", "explain.js"),
        title=f"vrbench: {headline} under attack",
        sections=[*SECTIONS[:2], *more, *SECTIONS[2:]],
        filters=[(a, told) for a, told in filters if a not in TABS],
        tabs=[(a, told) for a, told in filters if a in TABS],
        worst=standings.table,
        board_plot=plot(standings.points, f"{accuracy} of the clean shop", f"change of {upward}"),
        worst_caption=CAPTION.format(headline=headline, least=LEAST),
        cells=_cells_table(grid, axes, _shown(entries, metrics, headline), tested, headline),
        cells_caption="Means over seeds, ± standard deviation; * as above.",
        same=_on_all_lines(grid, axes),
        unaimed=unaimed(grid),
        whose=" / ".join(dict.fromkeys(cell.pictures for cell in grid if cell.pictures)),
        plots=drawn,
        pictures=seen,
        left_out=[*left_out(entries), *broken, *not_shown(entries)],
        made=_made(entries),
    )


def _shown(entries: Sequence[Entry], metrics: Sequence[str] | None, headline: str) -> list[str]:
    """Return the metrics of the second table: those asked for, or the headline and a few."""
    few = chosen(entries, metrics)
    return few if metrics or headline in few else [headline, *few]


def _on_all_lines(grid: Sequence[Cell], axes: Sequence[str]) -> str:
    """Return what all cells share, which no column says."""
    shared = [a for a in AXES if a not in axes and len({cell.where[a] for cell in grid}) == 1]
    same = ", ".join(f"{a} {grid[0].where[a]}" for a in shared if grid[0].where[a])
    return f"On all lines: {same}." if same else ""


def _cells_table(
    grid: Sequence[Cell],
    axes: Sequence[str],
    metrics: Sequence[str],
    tested: dict[int, Change],
    headline: str,
) -> Table:
    shown = [(m, side, head) for m in metrics for side, head in sides(grid, m)]
    several = len({threat_model(cell) for cell in grid}) > 1
    named = [*[MODEL] * several, *axes]
    heads = [Head(name, name, meaning(name, headline)) for name in named]
    heads += [Head(n, "", meaning(n, headline)) for n in (repeated(grid), *(h for *_, h in shown))]
    lines = []
    for cell in grid:
        line = [Value(threat_model(cell), kind="name")] * several
        line += [Value(cell.where[axis], kind="name") for axis in axes]
        line.append(Value(cell.repeats))
        for metric, side, _ in shown:
            mark = mark_of(tested[id(cell)]) if (metric, side) == (headline, "after") else ""
            line.append(mean_of(cell, metric, side, mark))
        lines.append(line)
    return Table(heads, lines)


def _plots(grid: Sequence[Cell], headline: str) -> list[dict[str, str]]:
    """Return the curves of every dataset and timing."""
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
                add(plots.against(some, metric, x), f"{what}. {DRAWN}")
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
    overrides = dict.fromkeys(shlex.join(moving(e.get("overrides", []))) for e in entries)
    told += [("settings", f"python -m vrbench {line}") for line in list(overrides)[:20]]
    if len(overrides) > 20:
        told.append(("settings", f"and {len(overrides) - 20} more, in each run's rows.json"))
    return told


def _accuracy(entries: Sequence[Entry]) -> str | None:
    return next((metric for metric in columns(entries) if metric.startswith(ACCURACY)), None)


def _axes(grid: Sequence[Cell]) -> list[str]:
    """Return the axes that tell cells apart; not the threat where its model says as much."""
    axes = telling(grid) or list(SHOP)
    pairs = {(threat_model(cell), cell.where["threat"]) for cell in grid}
    alike = len(pairs) == len({model for model, _ in pairs}) > 1
    return [axis for axis in axes if not (alike and axis == "threat")]


def _filters(grid: Sequence[Cell], axes: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return by what rows are chosen, and the values there are."""
    found = [(axis, sorted({cell.where[axis] for cell in grid}, key=natural)) for axis in axes]
    models = sorted(set(map(threat_model, grid)))
    return [(MODEL, models), *found] if len(models) > 1 else found
