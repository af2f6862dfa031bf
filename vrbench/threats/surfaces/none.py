"""No attack: the clean recommender alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vrbench.threats.case import Case
from vrbench.threats.surfaces.base import Stages, Surface
from vrbench.threats.world import Change, World

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


class Nobody(Surface):
    """No surface: the recommender is trained and measured, also where there are no pictures.

    Example:
        >>> from vrbench import Threat
        >>> Threat(timing="none").acts_on.name
        'none'
    """

    name = "none"
    reads_objective = False

    def __init__(self) -> None:
        self.spec = "pixels"  # what keys have said wherever nobody attacks; the timing tells

    def attack(self, stages: Stages, x: Experiment, world: World, case: Case) -> Change:
        return Change(world)
