"""A metric against the perturbation budget: measured as lines, published dashed."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Literal

from vrbench.core.errors import ConfigError, nearest
from vrbench.report.grid import columns
from vrbench.report.identity import besides, size
from vrbench.report.order import natural
from vrbench.report.papers.published_comparison import printed_numbers
from vrbench.report.plots.curve_panels import PRINTED, figure_of
from vrbench.report.run_records import Entry
from vrbench.report.tables import number
from vrbench.report.writing import write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUERIES = "queries"
EPS = "eps"
PICTURES = ("png", "svg", "pdf")  # endings
AXES = (
    "dataset",
    "threat",
    "objective",
    "extractor",
    "recommender",
    "scenario",
    "precision",
    "metric",
    "budget",
)


@dataclass(frozen=True)
class Curve:
    """One line.

    Attributes:
        label: what it shows.
        x: ascending: sizes of the change in the units of the budget, or means of a metric.
        y: relative change of the metric in percent, or its value; means over seeds.
        spread: standard deviation of ``y`` over seeds; 0 for one seed.
        reported: whether it was printed elsewhere, not measured here.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    spread: tuple[float, ...]
    reported: bool = False


Points = dict[tuple[str, ...], dict[tuple[Any, ...], list[tuple[float, float, float | None]]]]


def curves(
    entries: Sequence[Entry], metric: str, x: str = EPS, show: Literal["change", "value"] = "change"
) -> list[Curve]:
    """Return one curve per recommender, attack and norm, and per whatever else differs.

    Sizes in different norms are not comparable; the norm is named where there are several.

    Args:
        entries: what runs left behind.
        metric: what is drawn upwards.
        x: "eps", the size of the budget; or a metric, such as "queries", "SSIM", "L2", "LPIPS":
            then a point is a cell of the sweep, placed at its mean. Against queries one line is
            all settings of one attack, else one choice of an attack at all budgets.
        show: "change", relative to the clean value in percent; or "value", after the attack.

    Raises:
        ConfigError: if no entry has the metrics.
    """
    points = _points(entries, metric, x, show)
    if not points:
        known = columns(entries)
        raise ConfigError(
            f"no curve of {metric!r} against {x!r}{nearest(metric, known)}; there is eps, "
            f"{', '.join(known)}; metrics without a clean value need --show value"
        )
    return [
        _curve(label, list(points[line].values()), origin=x in (EPS, QUERIES), show=show)
        for line, label in _labels(sorted(points, key=lambda line: [*map(natural, line)])).items()
    ]


def _points(entries: Sequence[Entry], metric: str, x: str, show: str) -> Points:
    """Return what each cell measured, in the order in which cells were read."""
    points: Points = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        rows = {row["metric"]: row for row in entry.get("rows", [])}
        row, across = rows.get(metric), _across(entry, rows, x)
        value = None if row is None else _shown(row, show)
        if value is None or across is None or row is None:
            continue
        parts = entry["parts"]
        budget = across if x == EPS else parts["budget"]["name"]
        cell = points[_line(parts, metric, x)][parts["attack"]["name"], budget]
        cell.append((across, value, row["before"]))
    return points


def _line(parts: dict[str, Any], metric: str, x: str) -> tuple[str, ...]:
    """Return the line that a cell is a point of: ``AXES``, the attack and the norm, by name."""
    attack: str = parts["attack"]["name"]
    family: str = parts["attack"].get("component") or attack if x == QUERIES else attack
    norm: str = parts["budget"].get("norm") or "" if x == EPS else ""
    named = {axis: parts.get(axis, {}).get("name", "") for axis in AXES}
    named["metric"] = parts.get("metrics", {}).get("of", {}).get(metric, "")
    named["budget"] = besides(parts["budget"], EPS) if x == EPS else ""
    return (*named.values(), family, norm)


def _labels(lines: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Return what each line is called: its recommender and attack, and what tells lines apart.

    A budget's settings are named where they tell lines of one norm apart, since norms are named.
    """
    telling = set()
    for n, axis in enumerate(AXES):
        kinds = {(line[-1] if axis == "budget" else "", line[n]) for line in lines}
        if len(kinds) > len({kind for kind, _ in kinds}):
            telling.add(n)
    places = [*sorted(telling | {AXES.index("recommender")}), -2]
    if len({line[-1] for line in lines}) > 1:
        places.append(-1)
    return {line: ", ".join(line[n] for n in places if line[n]) for line in lines}


def _across(entry: Entry, rows: dict[str, Any], x: str) -> float | None:
    if x == EPS:
        return size(entry["parts"]["budget"])
    found: float | None = rows[x]["after"] if x in rows else None
    return None if found is None or (x == QUERIES and found == 0) else found


def _shown(row: dict[str, Any], show: str) -> float | None:
    if show == "value":
        return None if row["after"] is None else float(row["after"])
    if not row["before"] or row["after"] is None:
        return None
    return 100 * (row["after"] / row["before"] - 1)


def _curve(
    label: str, cells: list[list[tuple[float, float, float | None]]], origin: bool, show: str
) -> Curve:
    """Return a line through one point per cell; from the clean value, where that is at zero."""
    found = []
    for cell in cells:
        across, values, _ = zip(*cell, strict=True)
        found.append((fmean(across), fmean(values), stdev(values) if len(values) > 1 else 0.0))
    before = [b for cell in cells for _, _, b in cell if b is not None]
    if origin and show == "change":
        found.append((0.0, 0.0, 0.0))
    elif origin and before:
        found.append((0.0, fmean(before), 0.0))
    return Curve(label, *zip(*sorted(set(found)), strict=True))


def reported(path: Path) -> list[Curve]:
    """Return the curves of a file of printed numbers, as in ``conf/reported``.

    Raises:
        MissingDataError: if it is not there.
        DataError: if it is not such a file.
    """
    with printed_numbers(path) as told:
        return [
            Curve(
                f"{line['label']}{PRINTED}",
                (0.0, *map(float, line["eps"])),
                (0.0, *map(float, line["change"])),
                (0.0,) * (len(line["eps"]) + 1),
                reported=True,
            )
            for line in told["lines"]
        ]


def table(
    lines: Sequence[Curve], x: str = EPS, show: Literal["change", "value"] = "change"
) -> tuple[list[str], list[list[str]]]:
    """Return heads and cells: one line per curve and one column per size, or one line per point."""
    if x != EPS:
        return ["curve", x, "value", "spread"], _by_point(lines)
    sizes = sorted({e for line in lines for e in line.x if e > 0 or show == "value"})
    rows = []
    for line in lines:
        at = dict(zip(line.x, zip(line.y, line.spread, strict=True), strict=True))
        cells = [_cell(*at[e], show) if e in at else "-" for e in sizes]
        rows.append([line.label, *cells])
    return ["curve", *(f"eps {e:g}" for e in sizes)], rows


def _by_point(lines: Sequence[Curve]) -> list[list[str]]:
    """Return one line per point."""
    return [
        [line.label, number(across), number(y), number(spread, 2)]
        for line in lines
        for across, y, spread in zip(line.x, line.y, line.spread, strict=True)
    ]


def _cell(y: float, spread: float, show: str) -> str:
    if show == "value":
        return number(y) + (f" ± {number(spread, 2)}" if spread else "")
    return f"{y:+.1f} %" + (f" ± {spread:.1f}" if spread else "")


def draw(
    lines: Sequence[Curve],
    metric: str,
    path: Path,
    x: str = EPS,
    show: Literal["change", "value"] = "change",
    title: str = "",
    across: str = "",
) -> None:
    """Draw the curves into a picture, a panel for each thing that is attacked.

    Args:
        lines: what is drawn.
        metric: what is drawn upwards.
        path: where to; the ending says the format.
        x, show: as in ``curves``.
        title: of the picture; without one, it is made of the metric.
        across: what is written below; without it, what ``x`` is.

    Raises:
        ConfigError: if the ending is of no format.
        StorageError: if it cannot be written.
    """
    save(lambda: figure_of(lines, metric, x, show == "change", title, across), path)


def save(make: Callable[[], Figure], path: Path) -> None:
    """Write a figure.

    Args:
        make: returns it.
        path: where to; the ending says the format.

    Raises:
        ConfigError: if the ending is of no format.
        StorageError: if it cannot be written.
    """
    from matplotlib import rc_context

    kind = path.suffix.removeprefix(".").lower()
    if kind not in PICTURES:
        raise ConfigError(f"cannot draw {path}: its name must end in .{', .'.join(PICTURES)}")
    out = io.BytesIO()
    with rc_context({"text.parse_math": False}):  # a dollar in a name is a dollar
        make().savefig(out, format=kind, facecolor="white")  # by night, too
    write(path, out.getvalue())
