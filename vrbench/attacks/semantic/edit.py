"""Edits: pictures made of a few numbers, and the search for these numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, ask, gradient
from vrbench.attacks.sums import beside
from vrbench.core.seeds import Streams


class Canvas(NamedTuple):
    """What an edit of some pictures is made of.

    Attributes:
        numbers: ``(B, ...)`` where the search begins.
        draw: makes of such numbers ``(B, 3, H, W)`` pictures, differentiably.
        keep: brings such numbers back to what they may be.
    """

    numbers: Tensor
    draw: Callable[[Tensor], Tensor]
    keep: Callable[[Tensor], Tensor]


class Edit(Attack):
    """A search for the numbers of an edit: down the sign of their gradient, by shrinking steps.

    The picture of smallest loss is kept. Subclasses say what an edit is (``canvas``). What it draws
    is brought into the budget at every step, and the gradient passes as if it were not.

    Args:
        steps: gradient steps, at least 1.
        step: length of the first one, of the range of a number; the last one's is ``1 / steps`` of
            it.

    Example:
        >>> from vrbench.attacks import ColourCurve, Edit
        >>> issubclass(ColourCurve, Edit), ColourCurve(steps=5).steps
        (True, 5)
    """

    needs_radius = False

    def __init__(self, *, steps: int, step: float) -> None:
        self.refuse_if(steps < 1 or not 0 < step <= 1, "steps >= 1 and step in (0, 1]")
        self.steps, self.step = steps, step

    @property
    def cost(self) -> Cost | None:
        return Cost(self.steps + 1, self.steps)

    @abstractmethod
    def canvas(self, clean: Tensor, slope: Tensor, budget: Budget) -> Canvas:
        """Return what is edited in ``clean``, whose loss ascends along ``slope``."""

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        slope, verdict = gradient(goal, clean, items)
        best, least = clean, verdict.loss
        canvas = self.canvas(clean, slope, budget)
        numbers = canvas.numbers
        for step in range(self.steps):
            numbers = numbers.detach().requires_grad_()
            made = canvas.draw(numbers)
            x = budget.project(made.detach(), clean)
            if step:
                slope, verdict = gradient(goal, x, items)
                best, least = better(best, least, x, verdict.loss)
            (down,) = torch.autograd.grad(made, numbers, slope)
            length = self.step * (1 - step / self.steps)
            numbers = canvas.keep(numbers.detach() - length * down.sign())
        x = budget.project(canvas.draw(numbers), clean)
        with torch.no_grad():
            return better(best, least, x, ask(goal, x, items).loss)[0]


def better(best: Tensor, least: Tensor, x: Tensor, loss: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pictures of smaller loss, row by row, and their losses."""
    lower = loss < least
    return torch.where(beside(lower, x), x, best), torch.where(lower, loss, least)
