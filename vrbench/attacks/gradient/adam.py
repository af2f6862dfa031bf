"""Projected gradient attack with Adam's steps."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, GradientSteps
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, gradient
from vrbench.attacks.places import places
from vrbench.attacks.sums import beside, row_sums
from vrbench.core.errors import one_of
from vrbench.core.seeds import Streams

Start = Literal["clean", "random", "unit"]
DECAY = (0.9, 0.999)  # of both moments, as everywhere
SHARE = 0.3  # of the radius, that a value moves by at a step, if no length is given


class AdamPGD(GradientSteps, Attack):
    """Projected Adam on raw pixels, the optimiser of adversarial item promotion's code.

    Liu and Larson (WWW 2021) descend the loss by Adam (Kingma and Ba, ICLR 2015) on the change
    itself, no signs taken, and clamp it to the budget and the image to its range after every step;
    the last image is kept. EXPA took 5000 steps of 0.01. Every item has moments of its own, so
    its picture does not depend on its batch.

    ``start="unit"`` is a fault of that code, to be measured: the change begins uniform in
    ``[0, 1)``, which the budget cuts to ``+eps`` in nearly every entry (at ``eps = 32/255``, 87 %
    of them), and with ``lr=1e-4``, as for VBPR, some 670 steps never leave that bright corner.

    Args:
        steps: at least 1.
        lr: of Adam, on the ``[0, 1]`` scale of pixels; a step moves a pixel by about this much.
            None: three tenths of what the budget's steepest step of its radius would in the mean,
            so that any budget and radius has steps that suit it.
        start: at the "clean" image, at a "random" one of the budget, or at "unit" noise.
        enough: an item whose margin falls below ``-enough`` leaves the batch with the image it
            has; None, the authors' way, takes every step whatever happens.

    Example:
        >>> from vrbench.attacks import AdamPGD
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(AdamPGD()).gt(7).tolist()
        [True, True, True]
    """

    version: ClassVar[int] = 2
    paper = "Liu and Larson, WWW 2021"

    def __init__(
        self,
        *,
        steps: int = 100,
        lr: float | None = 0.01,
        start: Start = "clean",
        enough: float | None = None,
    ) -> None:
        self.refuse_if(steps < 1 or (lr is not None and lr <= 0), "steps >= 1 and lr > 0, or null")
        self.start = one_of("AdamPGD.start", start, Start)
        self.steps, self.lr, self.enough = steps, lr, enough

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        x = self._begin(clean, items, budget, rng)
        final, alive = x.clone(), torch.arange(len(x), device=x.device)
        mean, square = torch.zeros_like(x), torch.zeros_like(x)
        slow, slower = DECAY
        for step in range(1, self.steps + 1):
            slope, verdict = gradient(goal, x, items[alive])
            if self.enough is not None:
                stay = places(verdict.margin >= -self.enough)
                final[alive] = x
                alive, x, slope = alive[stay], x[stay], slope[stay]
                mean, square = mean[stay], square[stay]
                if not len(alive):
                    return final
            mean = slow * mean + (1 - slow) * slope
            square = slower * square + (1 - slower) * slope.square()
            spread = (square / (1 - slower**step)).sqrt() + 1e-8
            ahead = self._length(slope, budget) * mean / (1 - slow**step) / spread
            x = budget.project(x - ahead, clean[alive])
        final[alive] = x
        return final

    def _length(self, slope: Tensor, budget: Budget) -> Tensor | float:
        """Return how far a value moves at a step, one number a row unless it is given."""
        if self.lr is not None:
            return self.lr
        usual = row_sums(budget.steepest(slope).abs()) / slope[0].numel()
        return beside(SHARE * budget.eps * usual, slope)

    def _begin(self, clean: Tensor, items: Tensor, budget: Budget, rng: Streams) -> Tensor:
        if self.start == "clean":
            return clean
        if self.start == "random":
            return budget.sample(clean, items, rng)
        return budget.project(clean + rng.uniform(items, *clean.shape[1:]), clean)
