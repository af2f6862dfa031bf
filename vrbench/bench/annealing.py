"""Simulated annealing as a sampler of Optuna: near good trials, ever nearer."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

AROUND = 0.5  # chance that a better trial is passed over for the next one
SHRINK = 0.1  # of a window, for each trial there is


class AnnealingSampler(BaseSampler):
    """Simulated annealing, after Hyperopt's ``anneal`` (Bergstra et al., SciPy 2013).

    Each setting is drawn around its value in one of the best trials: the best with chance one half,
    the second best with a quarter, and so on. The window is the whole range, of logarithms where
    ratios count, over ``1 + n / 10`` after ``n`` trials, moved to lie inside the range. A choice is
    drawn anew with chance ``1 / (1 + n / 10)``, and kept otherwise. The first trial is random.

    Args:
        seed: of the draws.

    Example:
        >>> import optuna
        >>> from vrbench.bench.annealing import AnnealingSampler
        >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
        >>> study = optuna.create_study(sampler=AnnealingSampler(seed=0))
        >>> study.optimize(lambda trial: (trial.suggest_float("x", -9, 9) - 2) ** 2, n_trials=60)
        >>> round(study.best_params["x"], 1)
        2.0
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return nothing: every setting is drawn by itself."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing: every setting is drawn by itself."""
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the value of one setting."""
        known = [t for t in _best_first(study) if param_name in t.params]
        share = 1 / (1 + SHRINK * len(known))
        near = self._one_of(known, param_name)
        if isinstance(param_distribution, CategoricalDistribution):
            return self._choice(param_distribution, near, share)
        return self._number(param_distribution, near, share)

    def _one_of(self, known: Sequence[FrozenTrial], name: str) -> Any:
        """Return the value in a good trial; None where there is none."""
        rank = min(int(self._rng.geometric(AROUND)), len(known))
        return known[rank - 1].params[name] if known else None

    def _choice(self, of: CategoricalDistribution, near: Any, share: float) -> Any:
        anew = self._rng.random() < share
        drawn = of.choices[int(self._rng.integers(len(of.choices)))]
        return drawn if anew else near

    def _number(self, of: Any, near: float | None, share: float) -> float:
        """Return a number of a window around ``near``, to the step there is."""
        half = (of.step or 0) / 2
        low, high = of.low - half, of.high + half
        ends = (log(low), log(high)) if of.log else (low, high)
        reach = share * (ends[1] - ends[0]) / 2
        middle = sum(ends) / 2 if near is None else (log(near) if of.log else near)
        middle = min(max(middle, ends[0] + reach), ends[1] - reach)
        drawn = float(self._rng.uniform(middle - reach, middle + reach))
        found = exp(drawn) if of.log else drawn
        if of.step:
            found = of.low + of.step * round((found - of.low) / of.step)
        return of.to_external_repr(min(max(found, of.low), of.high))


def _best_first(study: Study) -> list[FrozenTrial]:
    """Return the complete trials, the best first; of equal ones the first."""
    sign = 1 if study.direction == StudyDirection.MINIMIZE else -1
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(complete, key=lambda t: (sign * (t.value or 0.0), t.number))
