"""FMN: fast minimum-norm attack with an adaptive radius."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.attacks.base import Cost
from vrbench.attacks.budget import Budget, Linf
from vrbench.attacks.goal import Goal, gradient
from vrbench.attacks.minimum_norm.base import MinimumNorm, SearchSettings
from vrbench.attacks.minimum_norm.best_found import Nearest, ascent
from vrbench.attacks.places import places
from vrbench.attacks.sums import beside, lengths, units
from vrbench.core.seeds import Streams

SLOWEST = 0.01  # of the first step and of the first gamma, where cosine decay ends


class FMN(MinimumNorm):
    """The fast minimum-norm attack (Pintor et al., NeurIPS 2021, alg. 1), for L2 and Linf.

    Every step goes down the margin's gradient, normalised in L2, and back into a ball of the
    budget's norm whose radius belongs to the item. Before the first success the radius is the
    distance to the boundary as it looks from here; after it, the radius shrinks by the share
    ``gamma`` inside the goal, not above the nearest success, and grows by it outside. Step and
    ``gamma`` decay along a cosine.

    Differences. The first radius is ``1 + gamma`` times the estimate, so that a flat boundary is
    crossed and not only touched. An item whose clean picture reaches the goal, or whose margin has
    no gradient, leaves the batch; the others take all steps. An item that never succeeds returns
    its picture of smallest margin. Where the budget rounds, success is what is left after
    rounding.

    Args:
        steps: gradient steps per item.
        step: L2 length of the first step, on the ``[0, 1]`` scale of pixels.
        gamma: first share by which the radius changes.
        confidence: by how much the margin is to be passed.

    Example:
        >>> from vrbench.attacks import FMN
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(FMN()).gt(1).tolist()
        [True, True, True]
    """

    paper = "Pintor et al., NeurIPS 2021"

    defaults = SearchSettings(steps=100)

    def __init__(
        self, *, step: float = 1.0, gamma: float = 0.05, **search: Unpack[SearchSettings]
    ) -> None:
        super().__init__(**self.with_defaults(SearchSettings, search))
        self.refuse_if(step <= 0 or not 0 < gamma < 1, "step > 0 and 0 < gamma < 1")
        self.step, self.gamma = step, gamma

    @property
    def cost(self) -> Cost | None:
        return Cost(2 * (self.steps + 1), self.steps + 1)  # every step may be looked at once more

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        best = Nearest(clean, goal, self.confidence, budget)
        row, x = torch.arange(len(clean), device=clean.device), clean
        radius = torch.full((len(clean),), torch.inf, device=clean.device)
        for n in range(self.steps + 1):
            anchor, length = clean[row], budget.spent(x, clean[row])
            slope, verdict = gradient(goal, x, items[row], of="margin")
            best.update(row, items[row], x, length, verdict.margin + best.bias[row])
            short, nearest = best.short(row, verdict.margin), best.distance[row]
            _, steepness = ascent(slope, budget)
            stay = places((nearest > 0) & (steepness > 0))
            if n == self.steps or not len(stay):
                break
            gamma = cosine(n / self.steps, self.gamma, SLOWEST * self.gamma)
            guess = (1 + gamma) * (length + 255 * short.clamp(min=0) / steepness)
            outside = torch.where(nearest.isinf(), guess, radius * (1 + gamma))
            inside = torch.minimum(radius * (1 - gamma), nearest)
            radius = torch.where(short < 0, inside, outside)
            rate = cosine(n / self.steps, self.step, SLOWEST * self.step)
            x = (x - rate * units(slope)).clamp(0, 1)
            x = _within(x, anchor, radius, budget)
            row, x, radius = row[stay], x[stay], radius[stay]
        return best.x


def cosine(share: float, first: float, last: float) -> float:
    """Return the value, ``share`` of the way from ``first`` to ``last`` along a half cosine."""
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


def _within(x: Tensor, clean: Tensor, radius: Tensor, budget: Budget) -> Tensor:
    """Return ``x`` brought into balls of ``(B,)`` radii, in grey levels, each item its own."""
    change, radius = x - clean, radius[:, None, None, None]
    if isinstance(budget, Linf):
        most = radius * budget.steepest(torch.ones_like(x))
        return clean + torch.minimum(torch.maximum(change, -most), most)
    length = beside(lengths(change).clamp(min=1e-12), change)
    return clean + change * (radius / 255 / length).clamp(max=1)
