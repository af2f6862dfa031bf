"""Distributions that a setting is drawn from in a search, each from what Optuna has."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, floor
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from vrbench.core.errors import ConfigError

if TYPE_CHECKING:
    from optuna import Trial

TAIL = 1e-4  # on each side, of a normal distribution: nothing beyond 3.7 deviations is drawn
DIGITS = 4  # of a number, as a person would write it


@dataclass(frozen=True)
class Quantised:
    """Multiples of ``q`` from ``low`` to ``high``: uniform, or uniform in the logarithm.

    Attributes:
        log: whether ratios count, not differences.
        whole: integers only.
    """

    low: float
    high: float
    q: float
    log: bool = False
    whole: bool = False

    def suggest(self, trial: Trial, key: str) -> float:
        """Return the trial's value: a number of the range, to the nearest multiple."""
        return self._nearest(trial.suggest_float(key, self.low, self.high, log=self.log))

    def grid(self, key: str) -> list[Any]:
        """Return the values of a grid: all multiples."""
        steps = range(ceil(self.low / self.q - 1e-9), floor(self.high / self.q + 1e-9) + 1)
        return [multiple(step, self.q, self.whole) for step in steps]

    def _nearest(self, drawn: float) -> float:
        first, last = ceil(self.low / self.q - 1e-9), floor(self.high / self.q + 1e-9)
        return multiple(min(max(round(drawn / self.q), first), last), self.q, self.whole)


@dataclass(frozen=True)
class Normal:
    """A normal distribution, or one whose logarithm is normal.

    Optuna has neither: a uniform share is drawn, and becomes the quantile that has it below.

    Attributes:
        mean: of the number; of its natural logarithm where ``log``.
        std: the same's deviation.
        log: whether the logarithm is normal.
        q: the number is rounded to a multiple of it; None: to four digits.
        whole: integers only.
        points: how many a grid takes, at evenly spaced shares; None: it cannot be on a grid.
    """

    mean: float
    std: float
    log: bool = False
    q: float | None = None
    whole: bool = False
    points: int | None = None

    def quantile(self, share: float) -> float:
        """Return the number that has ``share`` of the distribution below it.

        Args:
            share: above 0 and below 1.
        """
        drawn = NormalDist(self.mean, self.std).inv_cdf(share)
        number = exp(drawn) if self.log else drawn
        if self.q is None:
            return float(f"{number:.{DIGITS}g}")
        return multiple(round(number / self.q), self.q, self.whole)

    def suggest(self, trial: Trial, key: str) -> float:
        """Return the trial's value: the quantile of the share that is drawn."""
        return self.quantile(trial.suggest_float(key, TAIL, 1 - TAIL))

    def grid(self, key: str) -> list[Any]:
        """Return the values of a grid.

        Raises:
            ConfigError: if nobody said how many.
        """
        if self.points is None:
            raise ConfigError(f"{key}: a grid needs points: how many of the distribution")
        return [self.quantile((n + 0.5) / self.points) for n in range(self.points)]


def multiple(steps: int, q: float, whole: bool) -> float:
    """Return so many times ``q``, without the noise of its last digits."""
    return round(steps * q) if whole else float(f"{steps * q:.10g}")
