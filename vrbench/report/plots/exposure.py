"""Exposure as dots with their intervals, one panel a question, all on one scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

from vrbench.report.exposure import Exposed
from vrbench.report.plots.gains import styled
from vrbench.report.plots.looks import COLOURS, GREY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, LINE, HEAD = 5.4, 0.27, 0.5  # inches: of the figure, of a line, of a title
NAME = 26  # letters of a name in one line
SHOWN, UNTOLD = COLOURS[1], GREY  # whether the interval lies beside zero


def intervals(panels: Mapping[str, Sequence[Exposed]]) -> Figure:
    """Return the exposure of everything, the most exposed on top; a filled dot is shown.

    Args:
        panels: what is drawn, by title; none of them empty.
    """
    from matplotlib.figure import Figure

    names = {title: [fill(one.name, NAME) for one in of] for title, of in panels.items()}
    places = {title: list(_places(of)) for title, of in names.items()}
    sizes = [of[-1][1] for of in places.values()]
    with styled():
        high = sum(HEAD + LINE * size for size in sizes) + 0.4
        figure = Figure(figsize=(WIDTH, high), layout="constrained")
        ratios = [HEAD / LINE + size for size in sizes]
        grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=ratios)
        for axes, (title, things) in zip(grid[:, 0], panels.items(), strict=True):
            lines = [middle for middle, _ in places[title]]
            for line, one in zip(lines, things, strict=True):
                found = one.exposure
                colour = UNTOLD if found.above is None else SHOWN
                if found.interval:
                    ends = [100 * found.interval.low, 100 * found.interval.high]
                    axes.plot(ends, [line, line], color=colour, linewidth=2)
                face = "none" if found.above is None else colour
                axes.plot(100 * found.mean, line, "o", color=colour, markerfacecolor=face)
            axes.axvline(0, color="#888888", linewidth=0.7, zorder=0)
            axes.set_yticks(lines, names[title])
            axes.set_ylim(places[title][-1][1] + 0.1, -0.1)
            axes.set_title(title, loc="left", fontsize=9.5, fontweight="bold")
            axes.spines[["top", "right", "left"]].set_visible(False)
            axes.tick_params(axis="y", length=0)
        grid[-1, 0].set_xlabel("exposure: percentage points of users")
    return figure


def _places(names: Sequence[str]) -> Iterator[tuple[float, float]]:
    """Yield where the middle and the end of each name are, in lines; one of several is higher."""
    end = 0.0
    for name in names:
        high = 1 + 0.5 * name.count("\n")
        yield end + high / 2, end + high
        end += high
