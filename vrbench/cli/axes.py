"""The configuration axes of a run, and the type that a choice of each must build."""

from __future__ import annotations

from functools import cache

from vrbench.cli.folders import called, conf_dir

PARTS = (  # of one cell; the order in which a row names them
    "dataset",
    "extractor",
    "recommender",
    "attack",
    "budget",
    "objective",
    "scenario",
    "threat",
)
AXES = (*PARTS, "metrics", "generator", "design")  # those whose choices are components
INSIDE = ("split", "filter", "track")  # components of a data set, and who keeps a run's curves
WHOLE = ("machine", "preset", "experiment")  # no component: several settings at once
LISTED = (*AXES, *INSIDE, *WHOLE)


def name_of(part: str, choices: dict[str, str], as_written: bool = False) -> str:
    """Return the choice made for ``part`` and inside it, as in ``transfer+vgg16``.

    Args:
        part: of a run.
        choices: by group, as Hydra has them.
        as_written: leave earlier spellings as they are.
    """
    told = {
        group: str(choices[group]) for group in choices if group == part or f"@{part}." in group
    }
    if not as_written:
        told = {g: called(g.partition("@")[0], name, conf_dir()) for g, name in told.items()}
    return "+".join([told.pop(part), *(name for _, name in sorted(told.items()))])


@cache
def kinds_of() -> dict[str, tuple[type, ...]]:
    """Return the type that the choices of each axis must build; imports torch."""
    from vrbench.attacks.base import Attack
    from vrbench.attacks.budget import Budget
    from vrbench.attacks.embedding.perturbation import Embeddings, ParameterAttack
    from vrbench.attacks.joint import JointAttack, JointBudget
    from vrbench.attacks.mixed import MixedAttack, MixedBudget
    from vrbench.attacks.profile.base import ProfileAttack
    from vrbench.attacks.profile.budget import FakeUsers
    from vrbench.attacks.transplant import Transplant
    from vrbench.attacks.words import WordAttack, Words
    from vrbench.bench.machine import Machine
    from vrbench.data.dataset import Dataset
    from vrbench.data.filters import Filter
    from vrbench.data.splits.strategies.base import Split, Strategy
    from vrbench.extractors.base import Extractor
    from vrbench.generators.design import Design
    from vrbench.generators.lsgan import LSGAN
    from vrbench.metrics.base import Metric
    from vrbench.recommenders.base import Recommender
    from vrbench.threats.objectives.base import Objective
    from vrbench.threats.scenario.base import Scenario
    from vrbench.threats.threat import Threat
    from vrbench.trackers.base import Tracker

    return {
        "dataset": (Dataset,),
        "extractor": (Extractor,),
        "recommender": (Recommender,),
        "judge": (Recommender,),
        "attack": (
            Attack,
            ParameterAttack,
            ProfileAttack,
            Transplant,
            MixedAttack,
            WordAttack,
            JointAttack,
        ),
        "budget": (Budget, Embeddings, FakeUsers, MixedBudget, Words, JointBudget),
        "objective": (Objective,),
        "scenario": (Scenario,),
        "threat": (Threat,),
        "metrics": (Metric,),
        "machine": (Machine,),
        "design": (Design,),
        "generator": (LSGAN,),
        "split": (Split, Strategy),
        "filter": (Filter,),
        "track": (Tracker,),
    }
