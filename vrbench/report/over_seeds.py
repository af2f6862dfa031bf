"""Paired confidence intervals over seeds.

A test over users holds the model and the pictures fixed, and calls significant what another seed
would not give again. Here a seed is one observation, and of data with folds a seed on a fold; pairs
of categories are averaged inside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import fmean, stdev

from vrbench.report.identity import Observation
from vrbench.report.papers.published_comparison import Cell, Run

LEAST = 3  # seeds
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and the ends of its interval by Student's t."""

    mean: float
    low: float
    high: float

    @property
    def above(self) -> bool | None:
        """Whether it lies above zero; None where it holds zero."""
        if self.low <= 0 <= self.high:
            return None
        return self.low > 0


def means_of_seeds(values: Mapping[Run, float]) -> list[float]:
    """Return the mean over the pairs of each seed."""
    return list(_of_seeds(values).values())


def _of_seeds(values: Mapping[Run, float]) -> dict[Observation, float]:
    by_seed: dict[Observation, list[float]] = defaultdict(list)
    for (seed, _), value in values.items():
        by_seed[seed].append(value)
    return {seed: fmean(of) for seed, of in by_seed.items()}


def interval(values: Mapping[Run, float]) -> Interval | None:
    """Return the mean of ``values`` over seeds; None for fewer than ``LEAST`` of them."""
    from scipy.stats import t

    means = means_of_seeds(values)
    if len(means) < LEAST:
        return None
    times = float(t.ppf((1 + CONFIDENCE) / 2, len(means) - 1))
    reach = times * stdev(means) / sqrt(len(means))
    return Interval(fmean(means), fmean(means) - reach, fmean(means) + reach)


def difference(one: Cell, other: Cell, among: Iterable[Run] | None = None) -> Interval | None:
    """Return ``one - other`` over the runs that both have; None for fewer than ``LEAST`` seeds.

    Printed numbers have no runs: their difference is taken as it is.

    Args:
        one, other: of one metric.
        among: the runs that count; None: all without a doubt.
    """
    if not one.runs and not other.runs:
        change = one.value - other.value
        return Interval(change, change, change)
    if among is None:
        left, right = in_common(one, other)
    else:
        both = set(among) & one.runs.keys() & other.runs.keys()
        left, right = ({run: cell.runs[run] for run in both} for cell in (one, other))
    return interval({run: left[run] - right[run] for run in left})


def in_common(one: Cell, other: Cell) -> tuple[dict[Run, float], dict[Run, float]]:
    """Return what both have of every run without a doubt, by run.

    Two recommenders that each chose their own pair of categories (``scenario=chosen``) have no run
    in common: of a seed under which they share no pair, its means over pairs stand beside another.
    """
    runs = one.sound() & other.sound()
    mine, theirs = (_of_seeds({r: cell.runs[r] for r in cell.sound()}) for cell in (one, other))
    apart = [
        seed
        for seed in mine.keys() & theirs.keys()
        if not {run for run in one.runs if run[0] == seed} & other.runs.keys()
    ]
    left = {run: one.runs[run] for run in runs} | {(s, ""): mine[s] for s in apart}
    return left, {run: other.runs[run] for run in runs} | {(s, ""): theirs[s] for s in apart}


@dataclass(frozen=True)
class Rise:
    """Whether an attack raised a number, and to how many times what it was.

    Attributes:
        rose: whether it rose by more than training again moves it; None where that is untold.
        ratio: attacked to clean, the geometric mean over seeds; None where there is none.
        at_most: the upper end of its interval.
        why: the reason if it is untold.
    """

    rose: bool | None
    ratio: float | None = None
    at_most: float | None = None
    why: str = ""


def rise(base: Cell, attacked: Cell, retrained: Cell | None, among: set[Run]) -> Rise:
    """Return whether a number rose by more than a clean retrain under another seed moves it.

    It rose if it exceeds the retrained number in the interval of the paired differences, and moved
    further from the clean one than retraining does in the mean. So noise comes out as nothing.

    Args:
        base, attacked, retrained: the cells before, after, and without an attack trained again.
        among: the runs that count.
    """
    if not base.value:
        return Rise(None, why="never recommended before")
    if not attacked.runs:
        ratio = attacked.value / base.value
        floor = abs(retrained.value - base.value) if retrained else 0.0
        return Rise(attacked.value - base.value > floor, ratio, ratio)
    runs = among & base.runs.keys() & attacked.runs.keys()
    change = difference(attacked, base, runs)
    if change is None:
        return Rise(None, why=few(runs, attacked))
    ratio, at_most = _ratio(base, attacked, runs)
    if retrained is None or not runs <= retrained.runs.keys():
        return Rise(None, ratio, at_most, "no clean retrain beside it")
    beyond = difference(attacked, retrained, runs)
    floor = fmean(abs(retrained.runs[run] - base.runs[run]) for run in runs)
    rose = beyond is not None and beyond.above is True and change.mean > floor
    return Rise(rose, ratio, at_most)


@dataclass(frozen=True)
class Change:
    """How far a cell's number moved, over seeds.

    Attributes:
        by: attacked minus clean, with its 95 % interval; None for fewer than ``LEAST`` seeds.
        beyond: whether it moved further than training again moves it; None where that is untold:
            too few seeds, or a run without a clean retrain.
    """

    by: Interval | None
    beyond: bool | None


def change(rows: Mapping[Run, tuple[float, float, float | None]]) -> Change:
    """Return how far a number moved.

    It moved beyond chance if neither the interval of attacked minus clean nor that of attacked
    minus retrained holds zero, both on the same side, and the mean change exceeds the mean distance
    between clean and retrained. So noise that moves a fixed model a little comes out as nothing.

    Args:
        rows: clean, attacked and, where it was made, retrained: by seed and pair.
    """
    by = interval({run: after - before for run, (before, after, _) in rows.items()})
    again = {run: (before, after, r) for run, (before, after, r) in rows.items() if r is not None}
    if by is None or len(again) < len(rows):
        return Change(by, None)
    beside = interval({run: after - retrained for run, (_, after, retrained) in again.items()})
    assert beside is not None
    floor = fmean(abs(retrained - before) for before, _, retrained in again.values())
    same_side = by.above is not None and by.above == beside.above
    return Change(by, same_side and abs(by.mean) > floor)


def few(runs: Iterable[Run], cell: Cell) -> str:
    """Return why too few runs of a cell are left to count."""
    seeds = len({seed for seed, _ in runs})
    left = f"{seeds} of at least {LEAST} seeds"
    return f"{left}: {cell.doubted()}" if cell.doubted() else left


def _ratio(base: Cell, attacked: Cell, runs: set[Run]) -> tuple[float, float]:
    """Return attacked to clean, and the upper end of its interval."""
    pairs = {run: (attacked.runs[run], base.runs[run]) for run in runs}
    if all(after > 0 and before > 0 for after, before in pairs.values()):
        logs = interval({run: log(after / before) for run, (after, before) in pairs.items()})
        assert logs is not None
        return exp(logs.mean), exp(min(logs.high, 700))
    clean = fmean(before for _, before in pairs.values())
    change = difference(attacked, base, runs)
    assert change is not None
    if not clean:
        return 1.0, float("inf")
    return 1 + change.mean / clean, 1 + change.high / clean
