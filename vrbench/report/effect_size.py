"""How large a paired difference is, beside whether it is more than chance."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, t

LEVEL = 0.95  # of the interval


class Effect(NamedTuple):
    """How large the differences of pairs are.

    Attributes:
        low, high: 95 % confidence interval of their mean, by Student's t.
        d: their mean over their standard deviation (Cohen's d for pairs, d_z); infinite where all
            are the same, 0 where all are 0.
        r: matched-pairs rank-biserial correlation (Kerby, 2014), from -1 to 1: by how much the
            ranks of the differences above 0 outweigh those below, zeros ranked and left out of
            both sums, as in Wilcoxon's test after Pratt; 0 where all are 0.
    """

    low: float
    high: float
    d: float
    r: float


def effect(difference: NDArray[np.float64]) -> Effect:
    """Return how large paired differences, two at least, are.

    Example:
        >>> import numpy as np
        >>> from vrbench.report.effect_size import effect
        >>> found = effect(np.array([1.0, 2.0, 3.0, -2.0]))
        >>> [round(value, 3) for value in found]
        [-2.437, 4.437, 0.463, 0.5]
    """
    count = len(difference)
    mean, std = float(difference.mean()), float(difference.std(ddof=1))
    half = float(t.ppf((1 + LEVEL) / 2, count - 1)) * std / math.sqrt(count)
    rank = rankdata(np.abs(difference))
    up, down = float(rank[difference > 0].sum()), float(rank[difference < 0].sum())
    alike = std <= 1e-12 * abs(mean)  # what is left of equal differences is rounding
    d = (math.copysign(math.inf, mean) if mean else 0.0) if alike else mean / std
    return Effect(mean - half, mean + half, d, (up - down) / (up + down) if up + down else 0.0)
