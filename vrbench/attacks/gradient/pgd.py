"""Projected gradient descent on the image."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, ask, gradient
from vrbench.attacks.places import places
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams


class PGD(Attack):
    """Projected gradient descent (Madry et al., ICLR 2018, sec. 2.1).

    Each step goes down the gradient of the goal's loss, as far as the norm of the budget
    allows, and back into the budget. The best image of all restarts is kept, item by item.
    With ``steps=1, step=1.0, random_start=False`` this is FGSM (Goodfellow et al., ICLR 2015);
    with ``random_start=False`` it is BIM (Kurakin et al., 2017).

    Args:
        steps: gradient steps per restart, at least 1.
        step: length of a step, as a fraction of the budget's radius.
        restarts: independent searches, at least 1; more than 1 needs ``random_start``.
        random_start: begin at a random image of the budget, not at the clean one.
        enough: an item whose margin falls below ``-enough`` leaves the batch with the image it
            has; None, the default and the papers' way, takes every step whatever happens.

    Example:
        >>> from vrbench.attacks import PGD
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(PGD()).gt(7).tolist()
        [True, True, True]
    """

    version: ClassVar[int] = 2
    paper = "Madry et al., ICLR 2018; Goodfellow et al., ICLR 2015; Kurakin et al., 2017"
    on_rows = True

    def __init__(
        self,
        *,
        steps: int = 10,
        step: float = 0.25,
        restarts: int = 1,
        random_start: bool = True,
        enough: float | None = None,
    ) -> None:
        wrong = steps < 1 or restarts < 1 or step <= 0
        self.refuse_if(wrong, "steps, restarts >= 1 and step > 0")
        if restarts > 1 and not random_start:
            raise ConfigError("restarts > 1 without random_start repeats one search")
        self.steps, self.step = steps, step
        self.restarts, self.random_start, self.enough = restarts, random_start, enough

    @property
    def cost(self) -> Cost | None:
        passes = self.steps * self.restarts
        return Cost(passes + (self.restarts if self.restarts > 1 else 0), passes)

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        best = clean
        least = torch.full((len(clean),), float("inf"), device=clean.device)
        for _ in range(self.restarts):
            x = budget.sample(clean, items, rng) if self.random_start else clean
            x = self._descend(x, clean, items, goal, budget)
            if self.restarts == 1:
                return x
            with torch.no_grad():
                loss = ask(goal, x, items).loss
            better = loss < least
            best = torch.where(better.reshape(-1, *[1] * (x.ndim - 1)), x, best)
            least = torch.where(better, loss, least)
        return best

    def _descend(
        self, x: Tensor, clean: Tensor, items: Tensor, goal: Goal, budget: Budget
    ) -> Tensor:
        if self.enough is None:
            for _ in range(self.steps):
                x = self._step(x, gradient(goal, x, items)[0], clean, budget)
            return x
        final = x.clone()
        alive = torch.arange(len(x), device=x.device)
        for _ in range(self.steps):
            slope, verdict = gradient(goal, x, items[alive])
            stay = places(verdict.margin >= -self.enough)
            final[alive] = x
            alive, x, slope = alive[stay], x[stay], slope[stay]
            if not len(alive):
                return final
            x = self._step(x, slope, clean[alive], budget)
        final[alive] = x
        return final

    def _step(self, x: Tensor, slope: Tensor, clean: Tensor, budget: Budget) -> Tensor:
        return budget.project(x - self.step * budget.eps * budget.steepest(slope), clean)
