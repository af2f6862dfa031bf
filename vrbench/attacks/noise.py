"""Random noise within the budget: the control of every attack."""

from typing import ClassVar

from torch import Tensor

from vrbench.attacks.base import Attack, Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal
from vrbench.core.seeds import Streams


class Noise(Attack):
    """Random noise of the budget's size, without a look at any model.

    Example:
        >>> from vrbench.attacks import Noise
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(Noise()).abs().lt(2).tolist()
        [True, True, True]
    """

    version: ClassVar[int] = 2
    paper = ""
    cost = Cost(0, 0)
    knows = "nothing"
    on_rows = True

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        return budget.sample(clean, items, rng)
