"""Whether the adversary's aim and attack go with what they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vrbench.attacks.base import Attack
from vrbench.attacks.budget import Budget
from vrbench.core.spec import unbound
from vrbench.threats.objectives.base import Objective
from vrbench.threats.surfaces.features import Features
from vrbench.threats.surfaces.joint import Joint
from vrbench.threats.surfaces.mixed import Mixed
from vrbench.threats.surfaces.pixels import Pixels

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


def check_aim(x: Experiment) -> None:
    """Raise if the aim cannot be had of this shop, or the attack not within its budget.

    Raises:
        IncompatibleError: says what goes with it.
    """
    aim = unbound(x.objective)
    makes_it = isinstance(x.threat.acts_on, Features | Joint | Mixed | Pixels)
    if makes_it and isinstance(aim, type) and issubclass(aim, Objective):
        aim.check(x)
    if isinstance(x.attack, Attack) and isinstance(x.budget, Budget) and x.budget.eps != 0:
        x.attack.check_budget(x.budget)
