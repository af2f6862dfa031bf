"""Figures of curves: a panel per attacked model, a line style per attack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from vrbench.report.plots import axis_words
from vrbench.report.plots.looks import GREY, INK, Look, looks
from vrbench.report.plots.thing_words import in_words

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from vrbench.report.plots.curves import Curve

NORMS = ("Linf", "L2", "L1", "L0", "box", "row_l2")
MOST = 6  # panels; more things share one
WIDE = {2: 3.0, 3: 2.1}  # inches of a panel, by how many stand in a row
ALONE_WIDE, HIGH = 6.6, 3.0  # inches of one alone, and of all upwards
KEYS, LINE = 3, 0.24  # of a legend: names in a line, and inches of it
ALONE, PRINTED = "", " (printed)"


def parted(label: str) -> tuple[str, str]:
    """Return of a curve's label what is attacked, and by what; ``"vbpr"`` and ``"pgd"``.

    A printed curve names what it was attacked with nowhere: it goes into a panel of its own.
    """
    if label.endswith(PRINTED):
        return "printed elsewhere", label.removesuffix(PRINTED)
    parts = label.split(", ")
    at = len(parts) - 1 - (len(parts) > 1 and parts[-1] in NORMS)
    return ", ".join(parts[:at] + parts[at + 1 :]), parts[at]


def figure_of(
    lines: Sequence[Curve], metric: str, x: str, change: bool, title: str = "", across: str = ""
) -> Figure:
    """Return the figure; panels share their axes.

    Args:
        lines: what is drawn.
        metric: what is drawn upwards.
        x: across: "eps" or a metric.
        change: whether the metric's change in percent is drawn, not its value.
        title: of the whole; without one, it is made of the metric and of what all curves share.
        across: what is written below; without it, what ``x`` is.
    """
    things = list(dict.fromkeys(parted(line.label)[0] for line in lines))
    if len(things) > MOST:
        things = [ALONE]
    whole = ALONE in things
    names = list(dict.fromkeys(_name(line, whole) for line in lines))
    figure, above, below, panels = _empty(len(things), len(names))
    drawn = looks(names)
    for axes, thing in zip(panels, things, strict=True):
        own = [line for line in lines if whole or parted(line.label)[0] == thing]
        _panel(axes, [(_name(line, whole), line) for line in own], drawn, (metric, x), change)
        if len(things) > 1:
            axes.set_title(in_words(thing), loc="left", fontsize=10)
            axes.locator_params(axis="x", nbins=5)
    above.suptitle(
        title or _title(metric, change, things), x=0.01, ha="left", fontsize=11, fontweight="bold"
    )
    above.supxlabel(across or axis_words.across(x), fontsize=10)
    upwards = f"change of {metric} (%)" if change else axis_words.upwards(metric)
    above.supylabel(upwards, fontsize=10)
    _legend(below, panels)
    return figure


def _empty(panels: int, names: int) -> tuple[Figure, SubFigure, SubFigure, list[Axes]]:
    """Return a figure, its upper part with panels, at most three in a row, and that for a legend.

    It is narrow, so that its words are legible on a telephone.
    """
    from matplotlib.figure import Figure

    columns = min(3, panels)
    deep = -(-panels // columns)
    legend = 0.15 + LINE * -(-names // KEYS)
    wide = ALONE_WIDE if panels == 1 else 0.6 + WIDE[columns] * columns
    high = 0.8 + HIGH * deep
    figure = Figure(figsize=(wide, high + legend), layout="constrained", dpi=150)
    parts: Any = figure.subfigures(2, 1, height_ratios=[high, legend])
    above, below = parts
    grid = above.subplots(deep, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for spare in grid[panels:]:
        spare.remove()
    return figure, above, below, list(grid[:panels])


def _title(metric: str, change: bool, things: Sequence[str]) -> str:
    """Return what is drawn, and of what if that is one thing."""
    named = f"{metric[:1].upper()}{metric[1:]}"
    what = f"Change of {metric} by attacks" if change else f"{named} under attack"
    return f"{what}, {in_words(things[0])}" if len(things) == 1 and things[0] else what


def _name(line: Curve, whole: bool) -> str:
    """Return what the legend calls a curve: all of its label, or what its panel does not say."""
    return line.label if whole else parted(line.label)[1]


def _panel(
    axes: Axes,
    named: Sequence[tuple[str, Curve]],
    drawn: Mapping[str, Look],
    of: tuple[str, str],
    change: bool,
) -> None:
    """Draw some curves; at one size side by side where their spreads would hide each other."""
    metric, x = of
    lines = [line for _, line in named]
    span = max(max(line.x) for line in lines) - min(min(line.x) for line in lines)
    for n, (name, line) in enumerate(named):
        aside = (n - (len(lines) - 1) / 2) * 0.006 * span * (x == "eps" and any(line.spread))
        axes.errorbar(
            [across + aside * (across > 0) for across in line.x],
            line.y,
            yerr=_spread(line, metric, change),
            linestyle="--" if line.reported else "-",
            marker=drawn[name].marker,
            markersize=4.5,
            linewidth=1.4,
            elinewidth=0.8,
            capsize=2,
            color=INK if line.reported else drawn[name].colour,
            label=in_words(name),
        )
    _baseline(axes, lines, x in ("eps", "queries") and not change)
    axes.spines[["top", "right"]].set_visible(False)


def _spread(line: Curve, metric: str, change: bool) -> list[tuple[float, ...]] | None:
    """Return how far down and up each bar goes: not beyond what a share can be."""
    if not any(line.spread):
        return None
    low, high = (-inf, inf) if change else axis_words.bounds(metric)
    told = list(zip(line.y, line.spread, strict=True))
    return [
        tuple(max(min(spread, y - low), 0.0) for y, spread in told),
        tuple(max(min(spread, high - y), 0.0) for y, spread in told),
    ]


def _baseline(axes: Axes, lines: Sequence[Curve], starts: bool) -> None:
    """Draw where nothing has changed: the clean value, or zero if it is not far."""
    clean = {line.y[0] for line in lines if line.x[0] == 0}
    base = min(clean) if starts and len(clean) == 1 else 0.0
    values = [y for line in lines for y in line.y]
    if base or min(values) <= max(values) / 2:
        axes.axhline(base, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
    if base:
        axes.annotate(
            "clean",
            (1, base),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=GREY,
        )


def _legend(part: SubFigure, panels: Sequence[Axes]) -> None:
    """Write below the panels what is drawn, each thing once."""
    handles: dict[str, Artist] = {}
    for axes in panels:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(name, handle)
    columns = min(KEYS, len(handles))
    part.legend(
        [*handles.values()], [*handles], loc="center", ncols=columns, frameon=False, fontsize=9
    )
