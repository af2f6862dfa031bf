"""A random image of the budget; the control of every attack."""

from torch import Tensor

from vrbench.attacks.base import Attack, Goal
from vrbench.attacks.budget import Budget
from vrbench.core.seeds import Streams


class Noise(Attack):
    """Draws once and looks at nothing."""

    on_rows = True

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        return budget.sample(clean, items, rng)
