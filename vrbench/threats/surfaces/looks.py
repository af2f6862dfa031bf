"""Oracle surface: items are shown with the features of target-class items."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vrbench.attacks.budget import Budget
from vrbench.attacks.transplant import Transplant
from vrbench.core.errors import IncompatibleError
from vrbench.core.visuals import Signal
from vrbench.recommenders.base import class_of
from vrbench.threats.case import Case
from vrbench.threats.surfaces.base import Stages, Surface
from vrbench.threats.surfaces.profiles import Profiles
from vrbench.threats.world import Change, World

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


class Looks(Surface):
    """Oracle surface: the scenario's items are shown with features of target-class items.

    At serving (evasion) or before training (poisoning), as pictures are attacked: in the same
    rows it says what a perfect "taken for the target" would have done. See ``Transplant`` for what
    it says and what it does not. No objective is read, and no picture is made: of a recommender
    that is shown pictures, an item gets another item's, whole.

    Example:
        >>> from vrbench import Threat
        >>> from vrbench.surfaces import Looks
        >>> Threat(surface=Looks()).acts_on.of_items
        True
    """

    name = "looks"
    attacks, budgets, others = (Transplant,), (Budget,), (Profiles,)
    goes_with = (
        "threat=oracle and threat=oracle_poisoning go with attack=transplant or "
        "attack=transplant_mean and budget=free, and only so"
    )
    told = "the features of {items} items of {source} become those of {target}"
    of_items, reads_objective = True, False

    @classmethod
    def refuse(cls, x: Experiment) -> None:
        """Raise if the attack of ``x`` belongs to this surface, on behalf of another one.

        Raises:
            IncompatibleError: says what goes with what.
        """
        if isinstance(x.attack, cls.attacks):
            raise IncompatibleError(cls.goes_with)

    def check(self, x: Experiment) -> None:
        super().check(x)
        assert isinstance(x.attack, Transplant)
        if x.budget.eps < float("inf"):
            raise IncompatibleError(self.goes_with)
        if x.threat.surrogate is not None or x.threat.mixed is not None:
            raise IncompatibleError(
                "threat=oracle hands on what the shop itself sees: no surrogate, no mixed features"
            )
        if x.attack.shown == "mean" and class_of(x.recommender).signal is Signal.PIXELS:
            raise IncompatibleError(
                f"{class_of(x.recommender).name} is shown pictures, and the mean of pictures is no "
                "picture of the target: take attack=transplant"
            )

    def attack(self, stages: Stages, x: Experiment, world: World, case: Case) -> Change:
        made = stages.transplant(x, world, case)
        if made.tensors is None:
            return Change(world, complete=False)
        shown = world.visuals.overlay(case.items, made.tensors["rows"], made.spec)
        return Change(replace(world, visuals=shown))
