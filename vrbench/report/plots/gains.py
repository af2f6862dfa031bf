"""Inline SVG plots of attack effect against cost."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from vrbench.report.grid import Cell
from vrbench.report.identity import MORE, besides, size
from vrbench.report.plots.axis_words import EPS, across, upwards
from vrbench.report.plots.looks import Stroke, looks, strokes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"  # becomes the colour of the page's own text, by day and by night
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "vrbench",
    "font.size": 9,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "legend.frameon": False,
}
COLUMNS = 4  # panels in a row
APART = ("recommender", "attack", "extractor", "objective", *MORE)  # no line joins them
NORM = len(APART)  # the place of a line's norm in its key
OWN_SCALE = ("prediction shift",)  # in scores, which no two recommenders share
Point = tuple[float, float]


def against(cells: Sequence[Cell], metric: str, x: str) -> Figure | None:
    """Return the change of ``metric`` against ``x``, one panel per recommender, on shared axes.

    The colour is the attack, the marker the extractor, line and filling the aim; lines join the
    budgets of one norm. Upwards each panel has its own scale where scores are counted, which are
    those of one recommender. None where fewer than two points can be drawn.

    Args:
        cells: of one dataset and one timing.
        metric: what moves.
        x: "eps", or a metric such as "SSIM" or "LPIPS".
    """
    lines = _lines(cells, metric, x)
    if sum(map(len, lines.values())) < 2:
        return None
    recommenders = list(dict.fromkeys(key[0] for key in lines))
    attacks = {name: look.colour for name, look in looks(key[1] for key in lines).items()}
    extractors = looks((key[2] for key in lines), "extractor")
    markers = {name: look.marker for name, look in extractors.items()}
    aims = strokes(key[3] for key in lines)
    with styled():
        figure, panels = _panels(recommenders, alike=metric not in OWN_SCALE)
        for key, points in lines.items():
            panels[key[0]].plot(
                *zip(*sorted(points), strict=True),
                color=attacks[key[1]],
                marker=markers[key[2]],
                linestyle=aims[key[3]].line,
                fillstyle=aims[key[3]].filled,
                markersize=4.5,
                linewidth=1.2,
                alpha=0.85,
            )
        for name, panel in panels.items():
            _zero(panel)
            panel.set_title(name, fontsize=9)
        figure.supxlabel(across(x, {key[NORM] for key in lines}), fontsize=9)
        figure.supylabel(f"change of {upwards(metric)}", fontsize=9)
        _legend(figure, attacks, markers, aims)
    return figure


def svg(figure: Figure, label: str) -> str:
    """Return ``figure`` as an SVG element for HTML, whose text is text.

    Args:
        figure: what is drawn.
        label: what a screen reader says in its place; plain text.
    """
    from html import escape

    out = io.StringIO()
    with styled():
        figure.savefig(out, format="svg", metadata={"Date": None})
    told = out.getvalue()
    told = told[told.index("<svg") :].replace(INK, "currentColor")
    told = re.sub(r"<metadata>.*?</metadata>", "", told, flags=re.DOTALL)
    width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', told)[:2]
    told = re.sub(r'(width|height)="[\d.]+pt"', "", told, count=2)
    head = f'<svg role="img" aria-label="{escape(label)}" style="max-width:{float(width):.0f}pt"'
    assert height
    return told.replace("<svg", head, 1)


def _lines(cells: Sequence[Cell], metric: str, x: str) -> dict[tuple[str, ...], list[Point]]:
    """Return the points that one line joins, by recommender, attack, extractor and the rest."""
    found: dict[tuple[str, ...], list[Point]] = defaultdict(list)
    for cell in cells:
        at, change = _across(cell, x), cell.change(metric)
        if at is not None and change is not None:
            budget = cell.entries[0]["parts"]["budget"]
            ball = (budget.get("norm") or "", besides(budget, EPS))
            found[(*(cell.where[axis] for axis in APART), *ball)].append((at, change))
    fewest = 2 if x == EPS else 1
    return {key: points for key, points in found.items() if len(points) >= fewest}


def _zero(panel: Axes) -> None:
    """Draw where nothing has changed."""
    panel.axhline(0, color="#888888", linewidth=0.7, zorder=0)


def _across(cell: Cell, x: str) -> float | None:
    if x == EPS:
        return size(cell.entries[0]["parts"]["budget"])
    return cell.mean(x, "after")


def styled() -> AbstractContextManager[None]:
    """Return the settings of all plots of a page, as a context."""
    from matplotlib import rc_context

    return rc_context(STYLE)


def _panels(names: Sequence[str], alike: bool) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with a panel for each name; all on one scale where they are alike."""
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(9.0, 1.1 + 2.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=alike).ravel()
    for spare in grid[len(names) :]:
        spare.remove()
    for axes in grid[: len(names)]:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelbottom=True)  # below the last of a column there may be none
    return figure, dict(zip(names, grid, strict=False))


def _legend(
    figure: Figure,
    colours: Mapping[str, str],
    markers: Mapping[str, str],
    aims: Mapping[str, Stroke],
) -> None:
    """Write what colours, markers and lines are, each where there are several."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, label=name, linewidth=3) for name, colour in colours.items()
    ]
    handles += [
        Line2D([], [], color=INK, marker=marker, linestyle="none", label=name)
        for name, marker in markers.items()
    ]
    handles += [
        Line2D(
            *([], []),
            color=INK,
            marker="o",
            linestyle=aim.line,
            fillstyle=aim.filled,
            label=f"aim: {name}",
        )
        for name, aim in aims.items()
    ]
    columns = min(5, len(handles))
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, fontsize=8)
