"""Feature surface: perturbations of item features, without any picture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from vrbench.attacks.base import Attack
from vrbench.attacks.feature_budget import Rows
from vrbench.core.errors import IncompatibleError
from vrbench.core.spec import inputs_of
from vrbench.core.visuals import Signal
from vrbench.recommenders.base import class_of
from vrbench.threats.case import Case
from vrbench.threats.knowledge import knowledge
from vrbench.threats.objectives.base import objective_name
from vrbench.threats.surfaces.base import Stages, Surface
from vrbench.threats.surfaces.looks import Looks
from vrbench.threats.surfaces.parameters import Parameters
from vrbench.threats.surfaces.profiles import Profiles
from vrbench.threats.world import Change, World

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


class Features(Surface):
    """Perturbations of the feature vectors of *every* item (Tang et al., TKDE 2020, sec. 4.4).

    AMR's published test. The scenario then only says which category CHR counts.

    Args:
        every: whether the vectors of every item change, as there; else those of the scenario's
            items alone, as pictures do.

    Example:
        >>> from vrbench import Threat
        >>> from vrbench.surfaces import Features
        >>> Threat(surface=Features()).acts_on.goes_with
        'threat=vector goes with a budget of rows, such as budget=rows_10, and only so'
    """

    name = "vector"
    attacks, budgets = (Attack,), (Rows,)
    goes_with = "threat=vector goes with a budget of rows, such as budget=rows_10, and only so"
    others = (Parameters, Looks, Profiles)
    told = "the features of all items; {items} items of {source} are counted, and {target}"
    needs_network = of_items = True

    def __init__(self, *, every: bool = True) -> None:
        super().__init__()
        self.every = every
        if not every:
            self.spec = {"name": self.name, "every": every}
            self.told = "the features of {items} items of {source}, {wants}"

    def check(self, x: Experiment) -> None:
        super().check(x)
        if class_of(x.recommender).signal is not Signal.VECTOR:
            raise IncompatibleError(
                "threat=vector needs a recommender that is shown feature vectors"
            )
        assert isinstance(x.attack, Attack)
        if not x.attack.on_rows:
            raise IncompatibleError(
                f"{x.attack.name} works on pictures only: take fgsm, pgd or noise"
            )
        if {"extractor", "images"} & set(inputs_of(x.objective)):
            raise IncompatibleError(
                f"{objective_name(x.objective)} judges pictures, and threat=vector changes what a "
                "recommender is shown: take objective=misrank, or promote_vectors"
            )
        if x.threat.surrogate is not None or x.threat.mixed is not None:
            raise IncompatibleError(
                "threat.surface=vector knows no surrogate and mixes no features"
            )

    def attack(self, stages: Stages, x: Experiment, world: World, case: Case) -> Change:
        knows, _ = knowledge(stages, x, world, case)
        aim = x.objective(**knows)
        items = torch.arange(len(world.images)) if self.every else case.items
        made = stages.perturb_features(x, world, aim, knows, None if self.every else items)
        if made.tensors is None:
            return Change(world, complete=False, objective=aim)
        shown = world.visuals.overlay(items, made.tensors["rows"], made.spec)
        return Change(replace(world, visuals=shown), objective=aim)
