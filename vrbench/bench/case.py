"""The scenario, settled: which items, and which categories."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from vrbench.bench.reference_model import without_pictures
from vrbench.bench.session import Session
from vrbench.core.errors import IncompatibleError
from vrbench.metrics.base import Metric
from vrbench.threats.case import Case
from vrbench.threats.experiment import Experiment
from vrbench.threats.scenario.base import Facts, NoCaseError
from vrbench.threats.world import World

log = logging.getLogger(__name__)


def resolve(
    session: Session, x: Experiment, world: World, metrics: Sequence[Metric]
) -> Case | None:
    """Return what is attacked, and what metrics count; None if a dry run cannot know it yet.

    Where no item is attacked, small categories will do, or a single one: then nothing is counted
    by category, and those of ``metrics`` that would are left out.

    Raises:
        ConfigError, IncompatibleError: if the scenario does not fit the catalogue.
    """
    if x.threat.acts_on.of_items:
        return _settled(session, x, world)
    labels, names = world.data.catalogue.categories, world.data.catalogue.names
    first, none = names[0], labels[:0]
    unsettled = Case(
        source=first, target=first, names=names, labels=labels, items=none, settled=False
    )
    if len(names) < 2:
        return unsettled
    try:
        return _settled(session, x, world)
    except NoCaseError as reason:
        if all(metric.of_category or metric.two_stage for metric in metrics):
            raise
        log.warning("metrics of a category are left out: %s", reason)
        return unsettled


def check_case(x: Experiment) -> None:
    """Raise what ``resolve`` would of the catalogue's own categories, before anything is made.

    Raises:
        ConfigError, IncompatibleError: if the scenario does not fit the catalogue.
    """
    data, of_items = x.dataset, x.threat.acts_on.of_items
    names = data.catalogue.names
    if x.scenario.labels != "catalogue" or (len(names) < 2 and not of_items):
        return
    unasked = torch.zeros(len(names))
    popularity = data.train.popularity
    facts = Facts(unasked, data.catalogue.categories, names, data.cold_items, popularity)
    try:
        x.scenario.check(facts)
    except NoCaseError:
        if of_items:
            raise


def _settled(session: Session, x: Experiment, world: World) -> Case | None:
    """Return the case with its categories chosen; None if a dry run cannot know it yet."""
    scenario = x.scenario
    labels, names = world.data.catalogue.categories, world.data.catalogue.names
    if scenario.labels != "catalogue":
        judge = world.network
        if scenario.labeller is not None:
            judge = session.prepare(scenario.labeller, world)
        predicted = session.label(world, judge)
        if predicted is None:
            return None
        labels, names = predicted, judge.classes
    share = _share(session, x, world, labels, len(names))
    if share is None:
        return None
    data = world.data
    case = scenario.choose(share, labels, names, data.cold_items, data.train.popularity)
    case = replace(case, item_ids=world.data.item_ids)
    if not scenario.count_own:
        return case
    if world.network.classes != names:
        raise IncompatibleError("scenario.count_own needs an extractor of the scenario's classes")
    counted = session.label(world, world.network)
    return None if counted is None else replace(case, labels=counted)


def _share(
    session: Session, x: Experiment, world: World, labels: Tensor, count: int
) -> Tensor | None:
    """Return ``(count,)``: clean CHR@k of each category under whoever the scenario asks.

    Zeros if no category is to be chosen; None in a dry run.
    """
    scenario = x.scenario
    if not scenario.is_open:
        return torch.zeros(count)
    if scenario.asks_attacked and x.threat.acts_on.of_items:
        asked = session.fit(world, seed=0)
    else:
        asked = without_pictures(session, world, scenario.reference, "scenario.reference")
    found = session.rank(asked, labels[:0], scenario.k)
    if found is None:
        return None
    top = found.ranking[:, : scenario.k]
    return torch.bincount(labels[top[top >= 0]], minlength=count) / len(top)
