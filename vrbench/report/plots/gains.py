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
from vrbench.report.plots.looks import COLOURS, MARKERS, looks
from vrbench.report.worst_case import Worst

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
EPS = "eps"
Point = tuple[float, float]


def against(cells: Sequence[Cell], metric: str, x: str) -> Figure | None:
    """Return the change of ``metric`` against ``x``, one panel per recommender.

    The colour is the attack, the marker the extractor; lines join the budgets of one norm. None
    where fewer than two points can be drawn.

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
    extractors = list(dict.fromkeys(key[2] for key in lines))
    with styled():
        figure, panels = _panels(recommenders)
        for key, points in lines.items():
            panels[key[0]].plot(
                *zip(*sorted(points), strict=True),
                color=attacks[key[1]],
                marker=MARKERS[extractors.index(key[2]) % len(MARKERS)],
                markersize=4,
                linewidth=1.2,
                alpha=0.85,
            )
        for name, panel in panels.items():
            _zero(panel)
            panel.set_title(name, fontsize=9)
            panel.set_xlabel("budget, eps" if x == EPS else x)
        figure.supylabel(f"change of {metric}", fontsize=9)
        _legend(figure, attacks, extractors)
    return figure


def trade_off(worst: Sequence[Worst], metric: str, accuracy: str) -> Figure | None:
    """Return clean ``accuracy`` against the harm of the worst attack: up and left is exposed.

    The colour is the recommender, the marker the extractor. None where fewer than two shops have
    both.

    Args:
        worst: of one dataset, timing and budget.
        metric: the headline.
        accuracy: such as "nDCG@20".
    """
    points = [
        (w.cell.where["recommender"], w.cell.where["extractor"], x, y)
        for w in worst
        if (x := w.cell.mean(accuracy, "before")) is not None
        and (y := w.cell.change(metric)) is not None
    ]
    if len(points) < 2:
        return None
    recommenders = {
        name: COLOURS[n % len(COLOURS)]
        for n, name in enumerate(dict.fromkeys(p[0] for p in points))
    }
    extractors = list(dict.fromkeys(p[1] for p in points))
    with styled():
        figure, panels = _panels([""], width=6.4)
        for recommender, extractor, x, y in points:
            panels[""].plot(
                x,
                y,
                color=recommenders[recommender],
                marker=MARKERS[extractors.index(extractor) % len(MARKERS)],
                markersize=7,
                linestyle="none",
            )
        _zero(panels[""])
        panels[""].set_xlabel(f"{accuracy} on clean pictures")
        panels[""].set_ylabel(f"change of {metric}, worst attack")
        _legend(figure, recommenders, extractors)
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
    axes = ("recommender", "attack", "extractor", "objective", *MORE)
    for cell in cells:
        across, change = _across(cell, x), cell.change(metric)
        if across is not None and change is not None:
            budget = cell.entries[0]["parts"]["budget"]
            ball = (budget.get("norm") or "", besides(budget, EPS))
            found[(*(cell.where[axis] for axis in axes), *ball)].append((across, change))
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


def _panels(names: Sequence[str], width: float = 9.0) -> tuple[Figure, dict[str, Axes]]:
    from matplotlib.figure import Figure

    columns = min(4, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(width, 0.9 + 2.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in grid[len(names) :]:
        spare.remove()
    for axes in grid[: len(names)]:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, dict(zip(names, grid, strict=False))


def _legend(figure: Figure, colours: Mapping[str, str], markers: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, label=name, linewidth=3) for name, colour in colours.items()
    ]
    handles += [
        Line2D([], [], color=INK, marker=MARKERS[n % len(MARKERS)], linestyle="none", label=name)
        for n, name in enumerate(markers)
    ]
    columns = min(5, len(handles))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=8)
