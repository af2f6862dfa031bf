"""The rule by which a claim holds, does not hold, or cannot be told: written once, here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, log
from statistics import fmean

from vrbench.core.plurals import how_many
from vrbench.report.over_seeds import Interval, difference, few, in_common, paired
from vrbench.report.papers.published_comparison import Cell, Run

LARGEST = 700.0  # a logarithm of a ratio that a float holds
NO_ORACLE = "no oracle beside it says that the bench could have seen a rise"


@dataclass(frozen=True)
class Evidence:
    """What a comparison came to, every number of it over one and the same set of runs.

    Attributes:
        size: of the effect, with its interval over seeds: a difference, or the logarithm of a
            ratio; None where it cannot be told.
        beyond: the same beyond what training again on clean pictures does; ``size`` itself where
            nothing is trained again, None where that would be needed and was not measured.
        floor: how far training again moves the number in the mean, up or down.
        able: whether the bench could have seen the effect on these runs: an oracle got beyond the
            retrain there. True where a comparison is its own control, as of two recommenders.
        why: what speaks against telling.
        again: retrained to clean, as ``size``; None where there is none.
        oracle: the best oracle beyond the retrain; None where there is none.
        runs, seeds, dropped: how many count, of how many seeds, and how many had a number of zero,
            of which there is no ratio.
    """

    size: Interval | None = None
    beyond: Interval | None = None
    floor: float = 0.0
    able: bool = True
    why: str = ""
    again: Interval | None = None
    oracle: Interval | None = None
    runs: int = 0
    seeds: int = 0
    dropped: int = 0

    def holds(self, claimed: float = 0.0) -> bool | None:
        """Return whether an effect of at least ``claimed`` is there.

        True: the effect is beyond training again, by its interval over seeds, further from zero
        than training again moves in the mean, and in its mean no smaller than what was claimed.

        False: the bench could have seen it (``able``), and the interval of the effect ends below
        what was claimed. So two things that do not differ refute no claim that they do.

        None: all else. That an attack does the same as a retrain is never concluded from an
        interval that holds both.

        Example:
            >>> from vrbench.report.over_seeds import Interval
            >>> from vrbench.report.papers.claims.rule import Evidence
            >>> small = Interval(0.1, -0.1, 0.3)
            >>> Evidence(small, small).holds() is None
            True
            >>> Evidence(small, small).holds(claimed=0.9)
            False
            >>> Evidence(small, small, able=False).holds(claimed=0.9) is None
            True
        """
        if self.size is None or self.beyond is None:
            return None
        if self.beyond.low > 0 and self.size.mean > self.floor and self.size.mean >= claimed:
            return True
        return False if self.able and self.size.high < claimed else None


def compared(one: Cell, other: Cell, retrained: Cell | None = None) -> Evidence:
    """Return by how much one cell's number is larger, in its own unit.

    Args:
        one, other: of one metric.
        retrained: what a clean retrain has of ``other``; None: nothing is trained again.
    """
    size, (left, right) = difference(one, other), in_common(one, other)
    if size is None:
        return Evidence(why=few(left, one if one.doubts else other, left, right))
    if retrained is None:
        within = "" if size.above is not None else "the difference is within chance over seeds"
        return Evidence(size, size, why=within)
    if not left.keys() <= retrained.runs.keys():
        return Evidence(size, None, why="no clean retrain beside it")
    again = {run: retrained.runs[run] for run in left}
    floor = fmean(abs(again[run] - right[run]) for run in left) if left else 0.0
    beyond = paired(left, again) if left else difference(one, retrained)
    why = "within what training again on clean pictures moves"
    return Evidence(size, beyond, floor, why=why)


def lifted(
    base: Cell,
    attacked: Cell,
    retrained: Cell | None,
    among: set[Run],
    oracles: Sequence[Cell] | None = None,
) -> Evidence:
    """Return to how many times what it was an attack brings a number, as logarithms of ratios.

    Geometric means over the pairs of a seed and then over seeds, all of the same runs.

    Args:
        base, attacked, retrained: the cells before, after, and without an attack trained again.
        among: the runs that count: those that meet the premise.
        oracles: cells of items with the true features of target items; None: none is needed.
    """
    if not attacked.runs:
        return _printed(base, attacked, retrained, oracles)
    if not base.value:
        return Evidence(why="never recommended before")
    there = among & base.runs.keys() & attacked.runs.keys()
    sides = [base, attacked, *([] if retrained is None else [retrained])]
    runs = {run for run in there if all(side.runs.get(run, 1.0) > 0 for side in sides)}
    logs = [{run: log(side.runs[run]) for run in runs if run in side.runs} for side in sides]
    found = Evidence(
        size=paired(logs[1], logs[0]),
        runs=len(runs),
        seeds=len({seed for seed, _ in runs}),
        dropped=len(there) - len(runs),
    )
    if found.size is None:
        return replace(found, why=_too_few(found, few(runs, attacked, *logs[:2])))
    if retrained is None or not runs <= retrained.runs.keys():
        return replace(found, why="no clean retrain beside it")
    again = logs[2]
    found = replace(
        found,
        beyond=paired(logs[1], again),
        again=paired(again, logs[0]),
        floor=fmean(abs(again[run] - logs[0][run]) for run in runs),
    )
    return found if oracles is None else _with_oracle(found, runs, again, oracles)


def _too_few(found: Evidence, told: str) -> str:
    """Return why too few runs count, and how many of them had a number of zero."""
    if not found.dropped:
        return told
    return f"{told}; {how_many(found.dropped, 'run')} with a number of zero left out"


def _with_oracle(
    found: Evidence, runs: set[Run], again: Mapping[Run, float], oracles: Sequence[Cell]
) -> Evidence:
    """Return the evidence with the best oracle of those that meet the premise in all its runs."""
    of = [
        paired({run: log(oracle.runs[run]) for run in runs}, again)
        for oracle in oracles
        if runs <= oracle.sound(reached=False) and all(oracle.runs[run] > 0 for run in runs)
    ]
    known = [o for o in of if o is not None]
    if not known:
        partly = "the oracle was not measured on all of these runs, or is zero"
        return replace(found, able=False, why=partly if oracles else NO_ORACLE)
    best = max(known, key=lambda o: o.low)
    why = "" if best.low > 0 else "true features of target items are not told from a retrain either"
    return replace(found, oracle=best, able=best.low > 0, why=why)


def _printed(
    base: Cell, attacked: Cell, retrained: Cell | None, oracles: Sequence[Cell] | None
) -> Evidence:
    """Return the same of printed numbers, which have no interval."""
    if not base.value or not attacked.value:
        return Evidence(why="a number of zero")

    def point(one: Cell, other: Cell) -> Interval:
        value = log(one.value / other.value)
        return Interval(value, value, value)

    size = point(attacked, base)
    found = Evidence(size, size)
    if retrained is not None and retrained.value:
        again = point(retrained, base)
        found = Evidence(size, point(attacked, retrained), abs(again.mean), again=again)
    if oracles is None:
        return found
    best = max((point(o, retrained or base).mean for o in oracles if o.value), default=0.0)
    return found if best > 0 else replace(found, able=False, why=NO_ORACLE)


def ratio(logs: Interval) -> str:
    """Return a ratio with its interval, as in ``x 1.46 (1.08 to 1.98)``."""
    mean, low, high = (exp(min(end, LARGEST)) for end in (logs.mean, logs.low, logs.high))
    return f"x {mean:.2f}" + ("" if low == high else f" ({low:.2f} to {high:.2f})")


def how_far(found: Evidence) -> str:
    """Return in words what an attack, a clean retrain and the oracle do, over the same runs."""
    assert found.size is not None
    told = [ratio(found.size)]
    if found.runs:
        told[0] += f" over {how_many(found.runs, 'run')} of {how_many(found.seeds, 'seed')}"
    if found.again is not None:
        told.append(f"a clean retrain {ratio(found.again)}")
    if found.beyond is not None and found.again is not None:
        told.append(f"beyond it {ratio(found.beyond)}")
    if found.oracle is not None:
        told.append(f"the oracle beyond it {ratio(found.oracle)}")
    if found.dropped:
        told.append(f"{how_many(found.dropped, 'run')} with a number of zero left out")
    return ", ".join(told)


def in_every(found: Iterable[bool | None]) -> bool | None:
    """Return whether a claim about all comparisons holds: one that does not is enough against."""
    verdicts = list(found)
    if False in verdicts:
        return False
    return None if None in verdicts else True


def in_any(found: Iterable[bool | None]) -> bool | None:
    """Return whether a claim about the best comparison holds: one that does is enough for it."""
    against = in_every(None if verdict is None else not verdict for verdict in found)
    return None if against is None else not against
