"""Attack effect over several category pairs: ratios of attacked over clean, or mean changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import exp, log
from statistics import fmean

from vrbench.report.grid import over
from vrbench.report.identity import MORE, in_folds
from vrbench.report.over_seeds import (
    Interval,
    difference,
    independent,
    interval,
    means_of_seeds,
)
from vrbench.report.papers.claims.base import is_oracle
from vrbench.report.papers.claims.rule import lifted, ratio
from vrbench.report.papers.published_comparison import BASE, RETRAINED, Cell, Run, measured
from vrbench.report.run_records import AXES, Entry
from vrbench.report.tables import number

SHARE = "visual share"
PAIR = ("low", "high", "source", "target")  # settings of a scenario that say which pair


def over_pairs(entries: Sequence[Entry], metric: str) -> tuple[list[str], list[list[str]]]:
    """Return heads and lines: ratio attacked over clean of ``metric``, a line per cell.

    A pair is one source and one target. The ratio is the geometric mean of attacked over clean,
    first over the pairs of a seed, then over seeds, with its 95 % interval by Student's t over
    seeds where there are three or more. Pairs with a number of zero have no ratio and are left
    out of it. A metric that is a change already (``rank shift``) has no clean number: its line is
    the arithmetic mean, and "beyond a retrain" a difference. "premise met" counts the runs that can
    tell something: a source below and a target above what chance gives, and more than half of the
    pictures taken for the target.

    The runs are told apart already (``told_apart``). No lines where no cell has two pairs. Columns
    that are the same in every line are left out.
    """
    axes = [axis for axis in (*AXES, *MORE) if axis != "attack"]
    rows = _attacked(entries, axes, metric)
    change = all(base is None for _, _, base, *_ in rows)
    rows = [row for row in rows if change or row[2] is not None]
    if not any(_pairs(cell) > 1 for _, cell, *_ in rows):
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
            _seeds(cell, base),
            *(_change(cell) if base is None else _ratio(cell, base)),
            "0" if base is None else str(len(cell.runs) - len(_logs(cell, base))),
            _met(cell, where["attack"]),
            *(_change_met(cell, again) if base is None else _where_met(cell, base, again)),
            number(share, 2),
        ]
        for where, cell, base, again, share in rows
    ]
    counted = over(in_folds(entries))
    effect = [metric if change else f"{metric} attacked / clean", "95 % interval", "rose in"]
    of_runs = ["left out", "premise met", "where met", "beyond a retrain", "visual share"]
    return _without_empty([*shown, "pairs", counted, *effect, *of_runs], lines)


def _without_empty(
    heads: Sequence[str], lines: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]]]:
    """Return a table without those of its columns that say nothing in any line."""
    nothing = {"left out": "0", "where met": "-", "beyond a retrain": "-", "visual share": "-"}
    by_head = dict(zip(heads, zip(*lines, strict=True), strict=True))
    silent = {head for head, told in nothing.items() if set(by_head[head]) == {told}}
    met = [told.split(" of ") for told in by_head["premise met"]]
    if all(runs[0] in ("0", runs[-1]) for runs in met):  # as above, or nothing
        silent.add("where met")
    kept = [n for n, head in enumerate(heads) if head not in silent]
    return [heads[n] for n in kept], [[line[n] for n in kept] for line in lines]


Attacked = tuple[dict[str, str], Cell, "Cell | None", "Cell | None", "float | None"]


def _attacked(entries: Sequence[Entry], axes: Sequence[str], metric: str) -> list[Attacked]:
    """Return where each attacked cell stands, over all its pairs; the cell; and its clean one.

    Then the one that was trained again on clean pictures, and the visual share of clean scores. A
    change has no clean one.
    """
    told = [_of_any_pair(entry) for entry in entries]
    found: dict[tuple[str, ...], dict[str, Cell]] = defaultdict(dict)
    shares: dict[tuple[str, ...], float] = {}
    for cell in measured(told, [*axes, "attack"], {}, [metric, SHARE], "value"):
        place = tuple(cell.where[axis] for axis in axes)
        if cell.metric == metric:
            found[place][cell.where["attack"]] = cell
        elif cell.where["attack"] == BASE:
            shares[place] = cell.value
    return [
        (
            dict(zip(axes, place, strict=True)) | {"attack": attack},
            cell,
            of.get(BASE),
            of.get(RETRAINED),
            shares.get(place),
        )
        for place, of in found.items()
        for attack, cell in of.items()
        if attack != BASE
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


def _seeds(cell: Cell, base: Cell | None) -> str:
    """Return how many seeds there are, and how many observations where some repeat others."""
    seeds = len({seen for seen, _ in cell.runs})
    apart = len(independent(cell.runs, *([] if base is None else [base.runs])))
    return str(seeds) if apart == seeds else f"{apart} of {seeds}"


def _logs(cell: Cell, base: Cell) -> dict[Run, float]:
    """Return the logarithm of the ratio of every run that has one."""
    return {
        run: log(value / base.runs[run])
        for run, value in cell.runs.items()
        if value > 0 and base.runs.get(run, 0) > 0
    }


def _ratio(cell: Cell, base: Cell) -> list[str]:
    """Return the geometric mean of the ratios, its interval, and in how many runs it rose."""
    logs = _logs(cell, base)
    if not logs:
        return ["-", "-", "-"]
    rose = f"{sum(ratio > 0 for ratio in logs.values())} of {len(logs)}"
    counted = independent(cell.runs, base.runs)
    found = interval({run: by for run, by in logs.items() if run[0] in counted})
    span = "-" if found is None else f"{exp(found.low):.2f} to {exp(min(found.high, 700)):.2f}"
    return [f"x {exp(fmean(means_of_seeds(logs))):.2f}", span, rose]


def _where_met(cell: Cell, base: Cell, again: Cell | None) -> list[str]:
    """Return the ratio, and that beyond a clean retrain, over the runs that meet the premise."""
    attack = cell.where["attack"]
    if attack == RETRAINED:
        return ["-", "-"]
    found = lifted(base, cell, again, cell.sound(reached=not is_oracle(attack)))
    return ["-" if told is None else ratio(told) for told in (found.size, found.beyond)]


def _change(cell: Cell) -> list[str]:
    """Return the mean of a change, its interval, and in how many runs it is above zero."""
    counted = independent(cell.runs)
    found = interval({run: by for run, by in cell.runs.items() if run[0] in counted})
    span = "-" if found is None else f"{number(found.low, 3)} to {number(found.high, 3)}"
    rose = f"{sum(by > 0 for by in cell.runs.values())} of {len(cell.runs)}"
    return [number(fmean(means_of_seeds(cell.runs)), 3), span, rose]


def _change_met(cell: Cell, again: Cell | None) -> list[str]:
    """Return a change, and its difference from a clean retrain's, where the premise is met."""
    attack = cell.where["attack"]
    if attack == RETRAINED:
        return ["-", "-"]
    runs = cell.sound(reached=not is_oracle(attack))
    counted = independent(cell.runs)
    own = interval({run: cell.runs[run] for run in runs if run[0] in counted})
    beyond = None if again is None else difference(cell, again, runs)
    return ["-" if told is None else _spread(told) for told in (own, beyond)]


def _spread(found: Interval) -> str:
    low, mean, high = (number(end, 3) for end in (found.low, found.mean, found.high))
    return f"{mean} ({low} to {high})"
