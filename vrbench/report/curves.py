"""A metric against the size of a change: ours as lines, printed numbers dashed beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import yaml

from vrbench.core.errors import ConfigError, DataError, MissingDataError, nearest
from vrbench.report.leaderboard import Entry, columns


@dataclass(frozen=True)
class Curve:
    """One line.

    Attributes:
        label: what it shows.
        eps: sizes of the change, ascending, in the units of the budget.
        change: relative change of the metric in percent, a mean over seeds.
        spread: its standard deviation over seeds; 0 for one seed.
        reported: whether it was printed elsewhere, not measured here.
    """

    label: str
    eps: tuple[float, ...]
    change: tuple[float, ...]
    spread: tuple[float, ...]
    reported: bool = False


def curves(entries: Sequence[Entry], metric: str) -> list[Curve]:
    """Return one curve per recommender, attack and norm of the budget, through zero at no change.

    Sizes in different norms are not comparable; the norm is named where there are several.

    Raises:
        ConfigError: if no entry has the metric before and after an attack of known size.
    """
    points: dict[tuple[str, str, str], dict[float, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for entry in entries:
        eps, norm = (entry["parts"]["budget"].get(key) for key in ("eps", "norm"))
        for row in entry.get("rows", []):
            measured = bool(row["before"]) and row["after"] is not None and eps is not None
            if row["metric"] == metric and measured:
                recommender, attack = (
                    entry["parts"][part]["name"] for part in ("recommender", "attack")
                )
                where = (recommender, attack, norm or "")
                points[where][eps].append(100 * (row["after"] / row["before"] - 1))
    if not points:
        raise ConfigError(f"no curve of {metric!r}{nearest(metric, columns(entries))}")
    made, several = [], len({norm for _, _, norm in points}) > 1
    for (recommender, attack, norm), by_eps in sorted(points.items()):
        sizes = sorted(by_eps)
        means = [fmean(by_eps[e]) for e in sizes]
        spreads = [stdev(by_eps[e]) if len(by_eps[e]) > 1 else 0.0 for e in sizes]
        label = f"{recommender}, {attack}" + (f", {norm}" if several and norm else "")
        made.append(Curve(label, (0.0, *sizes), (0.0, *means), (0.0, *spreads)))
    return made


def reported(path: Path) -> list[Curve]:
    """Return the curves of a file of printed numbers, as in ``conf/reported``.

    Raises:
        MissingDataError: if it is not there.
        DataError: if it is not such a file.
    """
    if not path.is_file():
        raise MissingDataError(f"no file {path} of printed numbers")
    try:
        told: dict[str, Any] = yaml.safe_load(path.read_text())
        return [
            Curve(
                f"{line['label']} (printed)",
                (0.0, *map(float, line["eps"])),
                (0.0, *map(float, line["change"])),
                (0.0,) * (len(line["eps"]) + 1),
                reported=True,
            )
            for line in told["lines"]
        ]
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no file of printed numbers: {error!r}") from error


def table(lines: Sequence[Curve]) -> tuple[list[str], list[list[str]]]:
    """Return heads and cells: one line per curve, one column per size."""
    sizes = sorted({e for line in lines for e in line.eps if e > 0})
    rows = []
    for line in lines:
        at = dict(zip(line.eps, zip(line.change, line.spread, strict=True), strict=True))
        cells = [_cell(*at[e]) if e in at else "-" for e in sizes]
        rows.append([line.label, *cells])
    return ["curve", *(f"eps {e:g}" for e in sizes)], rows


def _cell(change: float, spread: float) -> str:
    return f"{change:+.1f} %" + (f" ± {spread:.1f}" if spread else "")


def draw(lines: Sequence[Curve], metric: str, path: Path) -> None:
    """Draw the curves into a picture.

    Raises:
        ConfigError: if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError(
            "pictures of curves need matplotlib: pip install 'vrbench[plots]'"
        ) from None
    figure = Figure(figsize=(7, 4.2), layout="constrained", dpi=150)
    axes = figure.subplots()
    for n, line in enumerate(lines):
        style = "--" if line.reported else "-"
        axes.errorbar(
            line.eps,
            line.change,
            yerr=None if line.reported else line.spread,
            fmt=f"o{style}",
            markersize=3,
            linewidth=1.2 if line.reported else 1.8,
            alpha=0.6 if line.reported else 1.0,
            color=f"C{n % 10}",
            label=line.label,
        )
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    axes.set_xlabel("eps: size of the change, in units of its budget")
    axes.set_ylabel(f"change of {metric} (%)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path)
