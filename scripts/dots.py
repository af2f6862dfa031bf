"""Draw tables of results/ as dots with intervals, as scripts/dots.yaml says.

    python scripts/dots.py            # every figure
    python scripts/dots.py defences   # one

A figure is panels side by side, of the same lines; a line is a value of a column, a series a
column under a condition. A cell holds ``mean ± standard deviation``; or a number alone or a ratio,
``x 3``, whose 95 % interval stands in the next column if there is one.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from vrbench.report.plots.curves import save
from vrbench.report.plots.gains import styled
from vrbench.report.plots.looks import COLOURS, GREY, Look, looks
from vrbench.report.plots.thing_words import called

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
LOOKS = {  # of a series, in every figure
    "clean": Look(GREY, "o"),
    "retrained clean": Look(GREY, "+"),
    "noise": Look(GREY, "x"),
    "attacked": Look(COLOURS[1], "s"),
    "aimed at lists": Look(COLOURS[1], "s"),
    "aimed at the mean score": Look(COLOURS[0], "D"),
    "does not know the defence": Look(COLOURS[0], "D"),
    "knows the defence": Look(COLOURS[1], "s"),
    "true features": looks(["transplant"])["transplant"],
    "PGD": looks(["pgd"])["pgd"],
    "PGD at the class": looks(["pgd"])["pgd"],
    "PGD at lists": Look(COLOURS[0], "D"),
    "no pictures": Look(GREY, "o"),
    "own pictures": Look(COLOURS[1], "s"),
    "other items' pictures": Look(GREY, "x"),
    "1 to 16 settings tried": Look(GREY, "o"),
    "20 trials of one search": Look(COLOURS[1], "s"),
    "": Look(COLOURS[0], "o"),
}
NUMBER = r"[-+]?\d*\.?\d+(?:e[-+]?\d+)?"
MEAN = re.compile(rf"(?P<ratio>x )?(?P<mean>{NUMBER})(?: ± (?P<spread>{NUMBER}))?")
INTERVAL = re.compile(rf"(?P<low>{NUMBER}) to (?P<high>{NUMBER})")
WIDE, LINE, APART = 2.6, 0.3, 0.16  # inches of a panel and of a line; between series, in lines


class Dot(NamedTuple):
    """A mean, and the ends of its bar."""

    mean: float
    low: float
    high: float


def main() -> None:
    """Draw the figures that are named, or all."""
    told = yaml.safe_load((ROOT / "scripts/dots.yaml").read_text(encoding="utf-8"))
    for name in sys.argv[1:] or told:
        with styled():
            save(lambda name=name: figure_of(told[name]), ROOT / "images" / f"{name}.png")


def figure_of(told: Mapping[str, Any]) -> Figure:
    """Return the figure of one entry of ``scripts/dots.yaml``."""
    from matplotlib.figure import Figure

    panels = told["panels"]
    found = [
        {name: dots(told, panel, of) for name, of in panel["series"].items()} for panel in panels
    ]
    lines = lines_of(told, found)
    series = list(dict.fromkeys(name for panel in found for name in panel))
    keyed = len(series) > 1
    high = 0.9 + len(lines) * max(LINE, APART * 1.3 * len(series))
    figure = Figure(
        figsize=(1.6 + WIDE * max(2, len(panels)), high + 0.35 * keyed),
        layout="constrained",
        dpi=150,
    )
    above, *below = figure.subfigures(
        1 + keyed, 1, height_ratios=[high, 0.35][: 1 + keyed], squeeze=False
    )[:, 0]
    grid = above.subplots(
        1, len(panels), squeeze=False, sharey=True, sharex=told.get("alike", False)
    )[0]
    for axes, panel, of in zip(grid, panels, found, strict=True):
        draw(axes, of, list(lines))
        dress(axes, panel, told)
    grid[0].set_yticks(range(len(lines)), list(lines.values()))
    grid[0].set_ylim(len(lines) - 0.5, -0.5)
    if "across" in told:
        above.supxlabel(told["across"], fontsize=9)
    above.suptitle(told["title"], x=0.01, ha="left", fontsize=11, fontweight="bold")
    if keyed:
        handles = dict(zip(*grid[0].get_legend_handles_labels()[::-1], strict=True))
        for axes in grid[1:]:
            handles |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
        below[0].legend(handles.values(), handles, loc="center", ncols=4, fontsize=9)
    return figure


def dots(
    told: Mapping[str, Any], panel: Mapping[str, Any], of: Mapping[str, Any]
) -> dict[str, Dot]:
    """Return the dots of a series by line.

    Raises:
        SystemExit: if the condition leaves nothing, or two rows for one line.
    """
    known, skipped = told.get("lines", {}), told.get("skip", [])
    where, found = {**panel.get("where", {}), **of.get("where", {})}, dict[str, Dot]()
    for row in rows(ROOT / "results" / of.get("table", panel["table"])):
        if any(row[column] not in several(wanted) for column, wanted in where.items()):
            continue
        raw = row[panel["line"]]
        line = raw if raw in known else called(raw)
        if raw in skipped:
            continue
        if line in found:
            sys.exit(f"{panel['table']}: two rows of {line!r} where {where}")
        found[line] = dot(row, of.get("column", panel.get("column")))
    if not found:
        sys.exit(f"{panel['table']}: no row where {where}")
    return found


def several(value: Any) -> list[str]:
    """Return one value or several as text."""
    return [str(one) for one in (value if isinstance(value, list) else [value])]


def rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV or a Markdown table."""
    text = path.read_text(encoding="utf-8").splitlines()
    if path.suffix == ".md":
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text if line]
        lines = [lines[0], *lines[2:]]
    else:
        lines = list(csv.reader(text))
    for line in lines[1:]:  # a spreadsheet is kept from taking "-5 to 3" for a sum
        yield dict(zip(lines[0], (cell.removeprefix("'") for cell in line), strict=True))


def dot(row: Mapping[str, str], column: str) -> Dot:
    """Return a cell as a dot; the bar is the standard deviation, or the interval beside it."""
    found = MEAN.fullmatch(row[column])
    assert found is not None, row[column]
    mean, spread = float(found["mean"]), float(found["spread"] or 0)
    if "95 % interval" in row and not found["spread"]:
        ends = INTERVAL.fullmatch(row["95 % interval"])
        assert ends is not None, row["95 % interval"]
        return Dot(mean, float(ends["low"]), float(ends["high"]))
    return Dot(mean, mean - spread, mean + spread)


def lines_of(
    told: Mapping[str, Any], found: Sequence[Mapping[str, Mapping[str, Dot]]]
) -> dict[str, str]:
    """Return the lines, and what they are called: those told, or all by their last number."""
    if "lines" in told:
        return {str(line): word for line, word in told["lines"].items()}
    first = next(iter(found[0].values()))
    return {line: line for line in sorted(first, key=lambda line: -first[line].mean)}


def draw(axes: Axes, of: Mapping[str, Mapping[str, Dot]], lines: Sequence[str]) -> None:
    """Draw the series of a panel, one below the other within a line."""
    for n, (name, dots_of) in enumerate(of.items()):
        look = LOOKS[name]
        aside = (n - (len(of) - 1) / 2) * min(APART, 0.6 / len(of)) * 1.3
        told = [(lines.index(line) + aside, one) for line, one in dots_of.items() if line in lines]
        means = [one.mean for _, one in told]
        bars = [[one.mean - one.low for _, one in told], [one.high - one.mean for _, one in told]]
        axes.errorbar(
            means,
            [at for at, _ in told],
            xerr=bars,
            fmt=look.marker,
            color=look.colour,
            markersize=5,
            elinewidth=1.2,
            label=name,
        )


def dress(axes: Axes, panel: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """Write what a panel is, and draw where nothing changes."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.set_title(panel.get("title", ""), loc="left", fontsize=10)
    axes.set_xlabel(panel.get("across", ""), fontsize=9)
    if told.get("log"):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xticks(told["log"])
    if (at := panel.get("at", told.get("at"))) is not None:
        axes.axvline(at, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.92", zorder=0)
    axes.tick_params(axis="y", length=0)


if __name__ == "__main__":
    main()
