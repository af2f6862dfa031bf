"""The candidates among which new items are tried, where a metric of two stages asks for them."""

from __future__ import annotations

from collections.abc import Sequence

from vrbench.bench import stages
from vrbench.bench.reference_model import blind, without_pictures
from vrbench.bench.session import Session
from vrbench.bench.store import Artifact
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.metrics.base import Metric
from vrbench.threats.experiment import Experiment
from vrbench.threats.scenario.cold_start import ColdStart
from vrbench.threats.world import World


def retrieve(
    session: Session, x: Experiment, world: World, metrics: Sequence[Metric]
) -> Artifact | None:
    """Return the candidates of the first stage; None where no metric asks."""
    if not any(metric.two_stage for metric in metrics):
        return None
    assert isinstance(x.scenario, ColdStart)
    first = without_pictures(session, world, x.scenario.generator, "scenario.generator")
    data, n = world.data, x.scenario.candidates
    return stages.retrieve_candidates(
        session.store, first.served, world.images, data.seen, data.cold_items, n
    )


def check_candidates(x: Experiment, metrics: Sequence[Metric]) -> None:
    """Raise if a metric asks for candidates that the scenario has not, before anything is made.

    Raises:
        IncompatibleError, ConfigError: if the scenario has no such candidates, or too few.
    """
    asking = [metric for metric in metrics if metric.two_stage]
    if not asking:
        return
    if not isinstance(x.scenario, ColdStart):
        raise IncompatibleError(f"{asking[0].column} needs scenario=cold_start")
    n = x.scenario.candidates
    known = x.dataset.train.num_items - len(x.dataset.cold_items)
    if n > known:
        raise ConfigError(f"scenario.candidates: expected at most the {known} known items, got {n}")
    longest = max(getattr(metric, "k", 1) for metric in asking)
    if longest > n:
        raise ConfigError(f"a list of {longest} places is longer than scenario.candidates={n}")
    blind(x.scenario.generator, "scenario.generator")
