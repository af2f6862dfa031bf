"""Joint surface: adversarial pictures and other words of the same items."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vrbench.attacks.joint import JointAttack, JointBudget
from vrbench.threats.case import Case
from vrbench.threats.surfaces.base import Stages, Surface
from vrbench.threats.surfaces.halves import halves
from vrbench.threats.surfaces.pixels import Pixels
from vrbench.threats.surfaces.text import Text
from vrbench.threats.world import Change, World

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


class Joint(Surface):
    """The same items are pushed by their pictures and by their words, each within its own budget.

    Each half is searched as on its own surface, on the clean shop; both are served, or trained on.

    Example:
        >>> from vrbench import Threat
        >>> from vrbench.surfaces import Joint
        >>> Threat(surface=Joint()).acts_on.name
        'joint'
    """

    name = "joint"
    attacks, budgets = (JointAttack,), (JointBudget,)
    goes_with = "threat=joint goes with attack=joint and budget=joint, and only so"
    told = "{items} pictures of {source}, {wants}, and their words"
    needs_network = needs_pictures = of_items = True

    def __init__(self) -> None:
        super().__init__()
        self.pixels, self.text = Pixels(), Text()

    def check(self, x: Experiment) -> None:
        super().check(x)
        pictures, words = halves(x)
        self.pixels.check(pictures)
        self.text.check(words)

    def attack(self, stages: Stages, x: Experiment, world: World, case: Case) -> Change:
        pictures, words = halves(x)
        seen = self.pixels.attack(stages, pictures, world, case)
        read = self.text.attack(stages, words, world, case)
        both = replace(read.world, visuals=seen.world.visuals)
        return replace(seen, world=both, complete=seen.complete and read.complete)
