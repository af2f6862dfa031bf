"""Attack tuning: a metric after the attack, with the test split thrown away."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from vrbench.bench.run import run
from vrbench.bench.validation import SEED_STEPS, Validation, Watch
from vrbench.core.errors import ConfigError
from vrbench.metrics.base import Metric


def attack_strength(
    validation: Validation, parts: Mapping[str, Any], metric: Metric, watch: Watch
) -> float:
    """Return the mean over seeds of a metric after an attack; no test split is looked at.

    Args:
        validation: of the data set and the seeds.
        parts: what ``run`` takes: recommender, attack, budget, ...; its data set is replaced.
        metric: what is measured; one that counts test items has nothing to count.
        watch: hears the mean so far after every seed; may raise to stop.

    Raises:
        ConfigError: if the metric does not apply, or nobody attacks.
    """
    session = validation.session
    found: list[float] = []
    for n, seed in enumerate(validation.seeds):
        result = run(
            **{**parts, "dataset": validation.data},
            metrics=[metric],
            store=session.store,
            machine=session.machine,
            seed=seed,
            extractor_seed=session.extractor_seed,
            control=False,
        )
        after = [row.after for row in result.rows] if result else []
        if not after or after[0] is None:
            raise ConfigError(f"{metric.column} is not measured after this attack")
        found.append(after[0])
        watch(SEED_STEPS + n, fmean(found))
    return fmean(found)
