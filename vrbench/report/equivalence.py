"""Equivalence tests against a clean retrain, and bootstrap intervals of means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import sqrt
from statistics import fmean, stdev

import numpy as np

from vrbench.report.over_seeds import CONFIDENCE, LEAST, independent, means_of_seeds
from vrbench.report.papers.published_comparison import Run

MARGIN = 0.1  # of the clean number: what is no longer called the same
LEVEL = 0.05  # of each of the two one-sided tests
WHOLE = 5  # observations whose resamples are all looked at
DRAWS = 10_000  # resamples of more


def bootstrap(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the ends of the percentile bootstrap interval of a mean; None for too few values.

    Of up to five values every resample counts (n to the n of them), of more 10,000 that are drawn:
    nothing depends on chance. With a handful of seeds it is about the range of what was seen, and
    says less than it seems to.
    """
    if len(values) < LEAST:
        return None
    if len(values) <= WHOLE:
        means = np.array([fmean(some) for some in product(values, repeat=len(values))])
    else:
        drawn = np.random.default_rng(0).integers(len(values), size=(DRAWS, len(values)))
        means = np.asarray(values, dtype=float)[drawn].mean(1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def equivalent(rows: Mapping[Run, tuple[float, float, float | None]]) -> bool | None:
    """Return whether attacked numbers are those of a clean retrain, within a tenth of the clean.

    Two one-sided t-tests (Schuirmann, 1987) over seeds, each at 5 %: the 90 % interval of attacked
    minus retrained lies within a tenth of the clean mean on both sides. False says that this was
    not shown, not that they differ. None where there are too few seeds that are observations of
    their own (``independent``), or a run without a retrain.

    Args:
        rows: clean, attacked and, where it was made, retrained: by seed and pair.
    """
    from scipy.stats import t

    beside = {run: after - r for run, (_, after, r) in rows.items() if r is not None}
    means = means_of_seeds(beside)
    if len(beside) < len(rows) or len(means) < LEAST:
        return None
    sides = ({run: told[side] or 0.0 for run, told in rows.items()} for side in range(3))
    if len(independent(*sides)) < LEAST:
        return None
    margin = MARGIN * abs(fmean(before for before, _, _ in rows.values()))
    if not margin:
        return None
    reach = float(t.ppf(1 - LEVEL, len(means) - 1)) * stdev(means) / sqrt(len(means))
    return abs(fmean(means)) + reach < margin
