"""Universal perturbation: one change for all pictures of a category."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, ask, gradient
from vrbench.attacks.sums import total
from vrbench.core.seeds import Streams

BLOCK = 16  # pictures asked about in one go; changes no number but by rounding
GREY = 0.5  # a change is kept where no value can leave its range


class Universal(Attack):
    """One perturbation for all attacked items, within the budget: that of a whole category.

    After Moosavi-Dezfooli et al. (CVPR 2017), who add up the smallest changes that DeepFool finds,
    picture by picture, until most are fooled. Here the mean of the goal's loss over the items is
    descended by projected gradients, which needs no classes and serves a ranking as well; steps
    shrink, and the change of smallest mean loss is kept. It is in whole grey levels. An item's
    picture is its clean one plus the change, cut where it leaves black or white (and, under L2, to
    the budget). A value changes by half of its range at most.

    Args:
        steps: gradients of every item, at least 1.
        step: length of the first step, as a fraction of the budget's radius.

    Example:
        >>> from vrbench.attacks import Universal
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(Universal()).round().tolist()
        [8.0, 8.0, 8.0]
    """

    paper = "Moosavi-Dezfooli et al., CVPR 2017"
    on_rows: ClassVar[bool] = False
    joint: ClassVar[bool] = True

    def __init__(self, *, steps: int = 50, step: float = 0.25) -> None:
        self.refuse_if(steps < 1 or step <= 0, "steps >= 1 and step > 0")
        self.steps, self.step = steps, step

    @property
    def cost(self) -> Cost | None:
        return Cost(self.steps + 1, self.steps)

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        order = items.argsort()
        change = self.found(clean[order], items[order], goal, budget)
        return budget.project(clean + change, clean)

    def found(self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget) -> Tensor:
        """Return the change, ``(1, 3, H, W)``, in whole grey levels."""
        grey = torch.full_like(clean[:1], GREY)
        change = best = torch.zeros_like(grey)
        least = float("inf")
        for step in range(self.steps):
            x = budget.project(clean + change, clean)
            slope, loss = mean_slope(goal, x, items)
            if loss < least:
                best, least = change, loss
            length = self.step * (1 - step / self.steps) * budget.eps
            there = budget.project(grey + change - length * budget.steepest(slope), grey)
            change = there - grey
        x = budget.project(clean + change, clean)
        with torch.no_grad():
            blocks = zip(x.split(BLOCK), items.split(BLOCK), strict=True)
            losses = torch.cat([ask(goal, *block).loss for block in blocks])
        best = change if float(total(losses.double(), 0)) / len(items) < least else best
        return (best * 255).round() / 255


def mean_slope(goal: Goal, x: Tensor, items: Tensor) -> tuple[Tensor, float]:
    """Return the mean gradient, ``(1, 3, H, W)``, and the mean loss of pictures."""
    slopes, losses = [], []
    for some, own in zip(x.split(BLOCK), items.split(BLOCK), strict=True):
        slope, verdict = gradient(goal, some, own)
        slopes.append(slope)
        losses.append(verdict.loss)
    slope = total(torch.cat(slopes), 0)[None] / len(items)
    return slope, float(total(torch.cat(losses).double(), 0)) / len(items)
