"""Exposure of a category or item to attacks: mean and confidence interval over seeds.

Exposure is the share of users in whose top 20 an attacked item is after the attack, minus the
share before it: the mean over the attacked items. It is told in percentage points.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any, Literal

from vrbench.report.over_seeds import LEAST, Interval, independent, interval
from vrbench.report.run_records import Entry

REACH, RANK, ACCURACY = "item HR@20", "rank shift", "nDCG@20"
Side = Literal["before", "after"]


@dataclass(frozen=True)
class Gain:
    """A mean over seeds; with its 95 % interval, where there are enough of them."""

    mean: float
    interval: Interval | None

    @property
    def above(self) -> bool | None:
        """Whether the interval lies above zero; None where it does not tell, or is missing."""
        return self.interval.above if self.interval else None

    def told(self, unit: Callable[[float], str] | None = None) -> str:
        """Return it as in ``+6.0 (+4.1 to +7.9)``, in percentage points or another ``unit``."""
        told = unit or points
        if self.interval is None:
            return told(self.mean)
        return f"{told(self.mean)} ({self.ends(told)})"

    def ends(self, unit: Callable[[float], str] | None = None) -> str:
        """Return where its interval begins and ends; ``-`` where there is none."""
        told = unit or points
        if self.interval is None:
            return "-"
        return f"{told(self.interval.low)} to {told(self.interval.high)}"


def gain(values: Mapping[int, float], *sides: Mapping[int, float]) -> Gain:
    """Return what ``values``, one per seed, come to.

    Args:
        values: by seed.
        sides: what they were made of; seeds that have the same of each are one observation, see
            ``independent``.
    """
    by_run, *made_of = (
        {((seed, 0, 0), ""): side[seed] for seed in values} for side in (values, *sides)
    )
    counted = independent(*made_of) if made_of else {seed for seed, _ in by_run}
    kept = {run: value for run, value in by_run.items() if run[0] in counted}
    return Gain(fmean(values.values()), interval(kept))


@dataclass(frozen=True)
class Exposed:
    """A category, or what is attacked by somebody or behind something: its runs, one per seed."""

    name: str
    entries: Sequence[Entry] = field(hash=False)

    @property
    def entry(self) -> Entry:
        """The run of the first seed."""
        return self.entries[0]

    def values(self, metric: str, side: Side) -> dict[int, float]:
        """Return ``metric`` by seed; empty where it was not measured."""
        rows = {e["seed"]: row_of(e, metric) for e in self.entries}
        return {seed: row[side] for seed, row in rows.items() if row and row[side] is not None}

    def mean(self, metric: str, side: Side) -> float | None:
        """Return ``metric``, the mean over seeds; None where it was not measured."""
        found = self.values(metric, side)
        return fmean(found.values()) if found else None

    def by_seed(self) -> dict[int, float]:
        """Return the exposure of each seed."""
        before, after = self.values(REACH, "before"), self.values(REACH, "after")
        return {seed: after[seed] - before[seed] for seed in before.keys() & after.keys()}

    @property
    def exposure(self) -> Gain:
        """The mean over seeds; its interval ends where no user, or every user, is reached."""
        before = self.values(REACH, "before")
        found = gain(self.by_seed(), before, self.values(REACH, "after"))
        if found.interval is None:
            return found
        clean = fmean(before.values())
        return replace(found, interval=found.interval.within(-clean, 1 - clean))

    def beyond(self, other: Exposed) -> Gain:
        """Return how much more exposed this is than ``other``, over the seeds that both have."""
        mine, theirs = self.by_seed(), other.by_seed()
        both = mine.keys() & theirs.keys()
        return gain({seed: mine[seed] - theirs[seed] for seed in both}, mine, theirs)

    def cost(self, other: Exposed) -> Gain:
        """Return how much better this recommends than ``other`` while nobody attacks.

        In relation to ``other``: 0.1 is a tenth better.
        """
        mine, theirs = self.values(ACCURACY, "before"), other.values(ACCURACY, "before")
        both = [seed for seed in mine.keys() & theirs.keys() if theirs[seed]]
        if not both:
            return Gain(0.0, None)
        return gain({seed: mine[seed] / theirs[seed] - 1 for seed in both}, mine, theirs)


def exposed(entries: Iterable[Entry], name_of: Callable[[Entry], str]) -> list[Exposed]:
    """Return what was measured, by name, the most exposed first.

    Args:
        entries: of runs; those without rows are left out.
        name_of: what runs of one thing have in common.
    """
    named: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if "rows" in entry:
            named[name_of(entry)].append(entry)
    found = [
        Exposed(name, sorted(runs, key=lambda run: int(run["seed"])))
        for name, runs in named.items()
    ]
    return sorted(found, key=lambda one: (-one.exposure.mean, one.name))


def enough(things: Iterable[Exposed]) -> bool:
    """Return whether all have seeds enough for an interval."""
    return all(len(one.by_seed()) >= LEAST for one in things)


def row_of(entry: Entry, metric: str) -> dict[str, Any] | None:
    """Return the row of ``metric`` of one run; None where it was not measured."""
    return next((row for row in entry["rows"] if row["metric"] == metric), None)


def points(share: float) -> str:
    """Return a difference of shares in percentage points, signed; nothing has no sign."""
    return _signed(100 * share, "")


def relative(change: float) -> str:
    """Return a relative change in percent, signed; nothing has no sign."""
    return _signed(100 * change, " %")


def percent(share: float | None) -> str:
    """Return a share in percent."""
    return "-" if share is None else f"{_rounded(100 * share)} %"


def places(value: float | None) -> str:
    """Return a number of places, signed; nothing has no sign."""
    told = f"{value or 0:+.0f}"
    return told if float(told) else "0"


def _signed(value: float, unit: str) -> str:
    told = _rounded(value)
    return f"{'+' if float(told) > 0 else ''}{told}{unit}" if float(told) else f"0{unit}"


def _rounded(value: float) -> str:
    """Return one digit after the point; of what is smaller than one, two."""
    if not value:
        return "0"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"
