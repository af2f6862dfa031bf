"""Ratio attacked over clean against the clean value: one point per run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from vrbench.core.errors import ConfigError
from vrbench.report.papers.claims.base import without
from vrbench.report.papers.published_comparison import BASE, RETRAINED, Cell, measured, printed
from vrbench.report.plots.curves import save
from vrbench.report.plots.gains import styled
from vrbench.report.plots.looks import Look, looks
from vrbench.report.plots.thing_words import in_words
from vrbench.report.run_records import Entry
from vrbench.report.tables import number

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

AXES = ("dataset", "threat", "objective", "extractor", "recommender", "attack", "eps")
CONTROLS = ("noise", RETRAINED)  # no attacks: drawn grey
CELLS = "o^sDv"  # of one attack, each full and then hollow
LEAST = 4  # points of a rank correlation


@dataclass(frozen=True)
class Points:
    """The runs of one cell.

    Attributes:
        label: what tells the cell from the others.
        attack: its attack.
        clean, ratio: of each run: the number before, and after over before; both above zero.
        printed: whether it was printed elsewhere, not measured here.
        dropped: runs with a number of zero, which have no ratio.
    """

    label: str
    attack: str
    clean: tuple[float, ...]
    ratio: tuple[float, ...]
    printed: bool = False
    dropped: int = 0

    @property
    def is_control(self) -> bool:
        """Whether nobody looked for the change."""
        return self.attack.startswith(CONTROLS)

    @property
    def correlation(self) -> float | None:
        """Spearman's rank correlation of both; None for fewer than four points, or equal ones."""
        from scipy.stats import spearmanr

        if len(set(self.clean)) < LEAST or len(set(self.ratio)) < LEAST:
            return None
        return float(spearmanr(self.clean, self.ratio).statistic)


def against_clean(entries: Sequence[Entry], metric: str) -> list[Points]:
    """Return the points of every cell: a run is a seed and a pair of categories.

    A clean retrain under another seed is a cell of its own. Runs in which the number is zero,
    before or after, have no ratio and are left out; ``Points.dropped`` says how many.

    Raises:
        ConfigError: if there are none.
    """
    found = _ratios(measured(entries, AXES, {}, [metric], "value"))
    if not found:
        raise ConfigError(f"no run has {metric!r} before and after an attack, above zero")
    return _labelled(found)


def published(path: Path, metric: str) -> list[Points]:
    """Return the printed numbers of a file of ``conf/reported``, one cell an attack.

    Raises:
        MissingDataError: if it is not there.
        DataError: if it is not such a file.
    """
    cells = [cell for cell in printed(path) if cell.metric == metric]
    by_attack: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for where, runs, _ in _ratios(cells):
        by_attack[where["attack"]] += runs
    return [
        _cell(f"{attack} (printed)", attack, runs, printed=True)
        for attack, runs in by_attack.items()
    ]


Ratios = list[tuple[Mapping[str, str], list[tuple[float, float]], int]]


def _ratios(cells: Sequence[Cell]) -> Ratios:
    """Return where each attacked cell is, and its runs: clean, and attacked over clean.

    And how many have none, since one of them is zero.
    """
    bases = {without(cell, "attack"): cell for cell in cells if cell.where["attack"] == BASE}
    found: Ratios = []
    for cell in cells:
        base = bases.get(without(cell, "attack"))
        if base is None or cell is base:
            continue
        pairs = [(base.runs.get(run, 0.0), after) for run, after in cell.runs.items()]
        if not cell.runs:
            pairs = [(base.value, cell.value)]
        kept = [(clean, after / clean) for clean, after in pairs if clean > 0 and after > 0]
        if kept:
            found.append((cell.where, kept, len(pairs) - len(kept)))
    return found


def _labelled(found: Ratios) -> list[Points]:
    """Return the cells under what differs between them, always with the attack."""
    telling = [a for a in AXES if a == "attack" or len({where[a] for where, *_ in found}) > 1]
    return [
        _cell(
            ", ".join(where[a] for a in telling if where[a]), where["attack"], runs, dropped=dropped
        )
        for where, runs, dropped in found
    ]


def _cell(
    label: str,
    attack: str,
    runs: list[tuple[float, float]],
    printed: bool = False,
    dropped: int = 0,
) -> Points:
    clean, ratio = zip(*runs, strict=True)
    return Points(label, attack, clean, ratio, printed, dropped)


def table(cells: Sequence[Points], metric: str) -> tuple[list[str], list[list[str]]]:
    """Return heads and lines: one per cell; the last column is Spearman's correlation."""
    heads = ["cell", "runs", f"{metric} clean", "attacked / clean", "rose in", "correlation"]
    return heads, [
        [
            cell.label,
            f"{len(cell.ratio)}"
            + (f" of {len(cell.ratio) + cell.dropped}" if cell.dropped else ""),
            number(fmean(cell.clean)),
            f"x {exp(fmean(map(log, cell.ratio))):.2f}",
            f"{sum(ratio > 1 for ratio in cell.ratio)} of {len(cell.ratio)}",
            "-" if cell.correlation is None else f"{cell.correlation:+.2f}",
        ]
        for cell in cells
    ]


def draw(cells: Sequence[Points], metric: str, path: Path) -> None:
    """Draw the points into a picture, both axes logarithmic; controls are grey.

    Raises:
        ConfigError: if the ending is of no format.
        StorageError: if it cannot be written.
    """
    with styled():
        save(lambda: _figure(cells, metric), path)


def _figure(cells: Sequence[Points], metric: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.4), layout="constrained", dpi=150)
    axes = figure.subplots()
    drawn = looks(cell.attack for cell in cells)
    cells_of: Counter[str] = Counter()  # so far, of an attack
    told: set[str] = set()  # a control is one thing, beside whatever it stands
    for cell in sorted(cells, key=lambda cell: not cell.is_control):
        colour = drawn[cell.attack].colour
        marker, hollow = _marker(cell, drawn[cell.attack], cells_of[cell.attack])
        cells_of[cell.attack] += 1
        name = cell.attack if cell.is_control else cell.label
        axes.scatter(
            cell.clean,
            cell.ratio,
            s=26,
            marker=marker,
            edgecolors=None if marker in "x+" else colour,
            facecolors="none" if hollow else colour,
            alpha=0.8,
            linewidths=1,
            label="_" if name in told else _told(name),
        )
        told.add(name)
    for scale, across in ((axes.set_xscale, axes.xaxis), (axes.set_yscale, axes.yaxis)):
        scale("log")
        _plain_numbers(across)
    axes.axhline(1, color="0.5", linewidth=0.8, zorder=0)
    axes.set_title(
        f"What becomes of {metric} of the attacked category",
        loc="left",
        fontsize=11,
        fontweight="bold",
    )
    axes.set_xlabel(f"{metric} before the attack (items per list)")
    axes.set_ylabel("after / before")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def _told(name: str) -> str:
    """Return a cell in words; its last number is a budget."""
    *parts, last = name.split(", ")
    sized = f"eps {last}" if parts and last.replace(".", "", 1).isdigit() else last
    return in_words(", ".join([*parts, sized]))


def _marker(cell: Points, drawn: Look, before: int) -> tuple[str, bool]:
    """Return the marker of a cell, after so many of its attack, and whether it is hollow."""
    if cell.printed:
        return "*", False
    if cell.is_control:
        return drawn.marker, False
    return CELLS[before // 2 % len(CELLS)], before % 2 == 1


def _plain_numbers(axis: Axis) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axis.set_minor_formatter(NullFormatter())
