"""Mixed surface: adversarial pictures and fake profiles poison one training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vrbench.attacks.mixed import MixedAttack, MixedBudget
from vrbench.core.spec import describe
from vrbench.threats.case import Case
from vrbench.threats.detectors.base import Detector
from vrbench.threats.surfaces.base import Stages, Surface
from vrbench.threats.surfaces.halves import halves
from vrbench.threats.surfaces.pixels import Pixels
from vrbench.threats.surfaces.profiles import Profiles
from vrbench.threats.world import Change, World

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


class Mixed(Surface):
    """The same items are pushed by their pictures and by fake users.

    Each half is attacked as on its own surface, with its own budget, on the clean shop; the
    recommender is trained on both. The random control keeps the pictures and draws the profiles.

    Args:
        detector: as of ``Profiles``: looks at feedback, not at pictures.

    Example:
        >>> from vrbench import Threat
        >>> from vrbench.surfaces import Mixed
        >>> Threat(timing="poisoning", surface=Mixed()).acts_on.name
        'mixed'
    """

    name = "mixed"
    attacks, budgets = (MixedAttack,), (MixedBudget,)
    goes_with = "threat=mixed goes with attack=mixed and budget=mixed, and only so"
    told = "{items} pictures of {source}, {wants}, and the profiles of fake users"
    needs_network = needs_pictures = of_items = True

    def __init__(self, *, detector: Detector | None = None) -> None:
        super().__init__()
        self.pixels, self.profiles = Pixels(), Profiles(detector=detector)
        if detector is not None:
            self.spec = {"name": self.name, "detector": describe(detector)}

    def check(self, x: Experiment) -> None:
        super().check(x)
        pictures, profiles = halves(x)
        self.pixels.check(pictures)
        self.profiles.check(profiles)

    def attack(self, stages: Stages, x: Experiment, world: World, case: Case) -> Change:
        pictures, profiles = halves(x)
        seen = self.pixels.attack(stages, pictures, world, case)
        bought = self.profiles.attack(stages, profiles, world, case)

        def both(users: World) -> World:
            return replace(users, visuals=seen.world.visuals)

        return replace(
            seen,
            world=both(bought.world),
            complete=seen.complete and bought.complete,
            beside={name: both(other) for name, other in bought.beside.items()},
        )
