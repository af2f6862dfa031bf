"""Attack effect over several category pairs: geometric means of attacked over clean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import exp, log
from statistics import fmean

from vrbench.report.grid import over
from vrbench.report.identity import MORE, in_folds
from vrbench.report.over_seeds import interval, means_of_seeds
from vrbench.report.papers.claims.base import is_oracle
from vrbench.report.papers.published_comparison import BASE, RETRAINED, Cell, Run, measured
from vrbench.report.run_records import AXES, Entry

PAIR = ("low", "high", "source", "target")  # settings of a scenario that say which pair


def over_pairs(entries: Sequence[Entry], metric: str) -> tuple[list[str], list[list[str]]]:
    """Return heads and lines: ratio attacked over clean of ``metric``, a line per cell.

    A pair is one source and one target. The ratio is the geometric mean of attacked over clean,
    first over the pairs of a seed, then over seeds, with its 95 % interval by Student's t over
    seeds where there are three or more. Pairs with a number of zero have no ratio and are left
    out of it. "premise met" counts the runs that can tell something: a source below and a target
    above what chance gives, and more than half of the pictures taken for the target.

    The runs are told apart already (``told_apart``). No lines where no cell has two pairs. Columns
    that are the same in every line are left out.
    """
    axes = [axis for axis in (*AXES, *MORE) if axis != "attack"]
    rows = _attacked(entries, axes, metric)
    if not any(_pairs(cell) > 1 for _, cell, _ in rows):
        return [], []
    shown = [
        axis
        for axis in (*axes, "attack")
        if len({where[axis] for where, *_ in rows}) > 1 or axis == "attack"
    ]
    lines = [
        [
            *(where[axis] for axis in shown),
            str(_pairs(cell)),
            str(len({seen for seen, _ in cell.runs})),
            *_ratio(cell, base),
            _met(cell, where["attack"]),
        ]
        for where, cell, base in rows
    ]
    counted = over(in_folds(entries))
    ratio = [f"{metric} attacked / clean", "95 % interval", "rose in"]
    return [*shown, "pairs", counted, *ratio, "premise met"], lines


def _attacked(
    entries: Sequence[Entry], axes: Sequence[str], metric: str
) -> list[tuple[dict[str, str], Cell, Cell]]:
    """Return where each attacked cell stands, over all its pairs; the cell; and its clean one."""
    told = [_of_any_pair(entry) for entry in entries]
    found: dict[tuple[str, ...], dict[str, Cell]] = defaultdict(dict)
    for cell in measured(told, [*axes, "attack"], {}, [metric], "value"):
        place = tuple(cell.where[axis] for axis in axes)
        found[place][cell.where["attack"]] = cell
    return [
        (dict(zip(axes, place, strict=True)) | {"attack": attack}, cell, of[BASE])
        for place, of in found.items()
        for attack, cell in of.items()
        if attack != BASE and BASE in of
    ]


def _of_any_pair(entry: Entry) -> Entry:
    """Return the run under a name of its scenario that does not say which pair it is of."""
    parts = dict(entry["parts"])
    scenario = dict(parts.get("scenario", {"name": ""}))
    own = {k: v for k, v in scenario.get("differing", {}).items() if k not in PAIR}
    if "differing" in scenario:
        named = " ".join(f"{key}={value}" for key, value in own.items() if key != "#")
        scenario["name"] = f"{scenario['choice']} {named}".rstrip()
    return entry | {"parts": parts | {"scenario": scenario}}


def _pairs(cell: Cell) -> int:
    return len({pair for _, pair in cell.runs})


def _met(cell: Cell, attack: str) -> str:
    """Return in how many runs the premise was met; an oracle has no class to reach."""
    if attack == RETRAINED:
        return "-"
    return f"{len(cell.sound(reached=not is_oracle(attack)))} of {len(cell.runs)}"


def _ratio(cell: Cell, base: Cell) -> list[str]:
    """Return the geometric mean of the ratios, its interval, and in how many runs it rose."""
    logs: dict[Run, float] = {
        run: log(value / base.runs[run])
        for run, value in cell.runs.items()
        if value > 0 and base.runs.get(run, 0) > 0
    }
    if not logs:
        return ["-", "-", "-"]
    rose = f"{sum(ratio > 0 for ratio in logs.values())} of {len(logs)}"
    found = interval(logs)
    span = "-" if found is None else f"{exp(found.low):.2f} to {exp(min(found.high, 700)):.2f}"
    return [f"x {exp(fmean(means_of_seeds(logs))):.2f}", span, rose]
