"""Paired confidence intervals over seeds.

A test over users holds the model and the pictures fixed, and calls significant what another seed
would not give again. Here a seed is one observation, and of data with folds a seed on a fold; pairs
of categories are averaged inside it. Seeds that give the same numbers before and after, since
nothing about them is left to chance, are one observation together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from vrbench.core.plurals import how_many
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

    def within(self, least: float, most: float) -> Interval:
        """Return it, cut off where its number cannot be."""
        return Interval(self.mean, max(self.low, least), min(self.high, most))


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


def independent(*sides: Mapping[Run, float]) -> set[Observation]:
    """Return the seeds that are observations of their own.

    Where all seeds of a fold have the same numbers on every side (before and after an attack, say),
    pair by pair, the model and the attack leave nothing to chance: they are one run seen often, of
    which the first seed counts.

    Args:
        sides: numbers by run; a seed with no number on one of them is none.

    Example:
        >>> from vrbench.report.over_seeds import independent
        >>> before = {((seed, 0, 0), ""): 0.5 for seed in range(3)}
        >>> sorted(independent(before, before))
        [(0, 0, 0)]
        >>> after = {run: 0.5 + run[0][0] for run in before}
        >>> len(independent(before, after))
        3
    """
    seen: dict[tuple[int, ...], dict[Observation, list[object]]] = defaultdict(dict)
    runs = set.intersection(*(set(side) for side in sides))
    for run in sorted(runs):
        seed, pair = run
        numbers = (pair, *(side[run] for side in sides))
        seen[seed[1:]].setdefault(seed, []).append(numbers)
    kept: set[Observation] = set()
    for by_seed in seen.values():
        first, *others = by_seed.values()
        alike = all(other == first for other in others)
        kept |= {min(by_seed)} if alike else by_seed.keys()
    return kept


def paired(one: Mapping[Run, float], other: Mapping[Run, float]) -> Interval | None:
    """Return the mean of ``one - other`` over the runs that both have.

    None for fewer than ``LEAST`` seeds that are observations of their own.
    """
    counted = independent(one, other)
    both = {run for run in one.keys() & other.keys() if run[0] in counted}
    return interval({run: one[run] - other[run] for run in both})


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
    return paired(left, right)


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
    clean = {run: before for run, (before, _, _) in rows.items()}
    attacked = {run: after for run, (_, after, _) in rows.items()}
    by = paired(attacked, clean)
    again = {run: (before, after, r) for run, (before, after, r) in rows.items() if r is not None}
    if by is None or len(again) < len(rows):
        return Change(by, None)
    beside = paired(attacked, {run: retrained for run, (_, _, retrained) in again.items()})
    if beside is None:
        return Change(by, None)
    floor = fmean(abs(retrained - before) for before, _, retrained in again.values())
    same_side = by.above is not None and by.above == beside.above
    return Change(by, same_side and abs(by.mean) > floor)


def few(runs: Iterable[Run], cell: Cell, *sides: Mapping[Run, float]) -> str:
    """Return why too few runs of a cell are left to count.

    Args:
        runs: what is left.
        cell: whose doubts are named.
        sides: its numbers, which may be those of one run; see ``independent``.
    """
    left = set(runs)
    seeds = {seed for seed, _ in left}
    told = f"{len(seeds)} of at least {LEAST} seeds"
    if len(seeds) >= LEAST and sides:
        one = len(independent(*({r: side[r] for r in left if r in side} for side in sides)))
        told = f"{len(seeds)} seeds with the same numbers are {how_many(one, 'observation')}"
    return f"{told}: {cell.doubted()}" if cell.doubted() else told
