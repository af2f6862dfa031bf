"""Momentum iterative FGSM."""

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, GradientSteps
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, gradient
from vrbench.attacks.sums import beside, row_sums
from vrbench.core.seeds import Streams


class MIFGSM(GradientSteps, Attack):
    """Momentum iterative FGSM (Dong et al., CVPR 2018, alg. 1).

    Args:
        steps: gradient steps; each is one ``steps``-th of the budget long.
        decay: how much of the past gradient each step keeps.

    Example:
        >>> from vrbench.attacks import MIFGSM
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(MIFGSM(steps=4)).round().tolist()
        [8.0, 8.0, 8.0]
    """

    paper = "Dong et al., CVPR 2018"
    on_rows = True

    def __init__(self, *, steps: int = 10, decay: float = 1.0) -> None:
        self.steps, self.decay = steps, decay

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        x, velocity = clean, torch.zeros_like(clean)
        for _ in range(self.steps):
            slope, _ = gradient(goal, x, items)
            velocity = self.gathered(velocity, slope)
            x = budget.project(x - budget.eps / self.steps * budget.steepest(velocity), clean)
        return x

    def gathered(self, velocity: Tensor, slope: Tensor) -> Tensor:
        """Return the momentum with one more gradient, of a mean absolute value of one a picture."""
        scale = (row_sums(slope.abs()) / slope[0].numel()).clamp(min=1e-12)
        return self.decay * velocity + slope / beside(scale, slope)
