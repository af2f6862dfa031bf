"""The transfer family: momentum iterative FGSM whose gradients mean something to other networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.attacks.base import Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, GoalWrapper, Verdict, ask, gradient
from vrbench.attacks.gradient.eot import mean_verdict
from vrbench.attacks.gradient.mifgsm import MIFGSM
from vrbench.attacks.sums import each, total
from vrbench.core.seeds import Streams

SPREAD = 3.0  # standard deviations from the middle of a translation kernel to its edge


class TransferFGSM(MIFGSM):
    """MI-FGSM with what makes pictures transfer to other networks; each part can be left out.

    With none of them this is ``MIFGSM``. ``diversity``: DI, diverse inputs (Xie et al., CVPR 2019):
    now and then the gradient is taken at a picture made smaller and set somewhere on black.
    ``kernel``: TI, translation invariance (Dong et al., CVPR 2019, eq. 8): the gradient is
    convolved with a Gaussian. ``nesterov`` and ``scales``: NI and SI (Lin et al., ICLR 2020, alg.
    1): the gradient is taken ahead, where the momentum leads, and is that of the mean loss over
    copies of a picture divided by 1, 2, 4 and so on. ``neighbours``: VMI, variance tuning (Wang
    and He, CVPR 2021, alg. 1): what the gradients around a picture differ from its own by is added
    to the next one.

    Differences. The loss falls where the papers' rises. A diverse input keeps the network's size:
    it is at most as large as the picture, where the papers' code enlarges it; it is scaled by a
    bilinear filter. Every copy draws its own. Neighbours are drawn from the budget's ball ``reach``
    times as large and are pictures, cut at black and white. Outside of Linf the step ahead has the
    mean absolute value that a step of the budget's norm has in every value alike. Dong et al.'s
    kernel of 15 is for 299 pixels.

    Args:
        steps: gradient steps; each is one ``steps``-th of the budget long.
        decay: how much of the past gradient each step keeps.
        diversity: probability that an input is made diverse, in [0, 1]; 0 leaves DI out.
        shrink: the smallest share of its sides that a diverse input keeps, in (0, 1].
        kernel: width of the Gaussian in pixels, odd, six standard deviations; 1 leaves TI out.
        nesterov: whether the gradient is taken ahead (NI).
        scales: copies of a picture, at least 1; 1 leaves SI out.
        neighbours: pictures around that are looked at in every step; 0 leaves VMI out.
        reach: how far they may be, in radii of the budget.

    Example:
        >>> from vrbench.attacks import TransferFGSM
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(TransferFGSM(steps=4, nesterov=True, scales=3)).round().tolist()
        [8.0, 8.0, 8.0]
    """

    paper = (
        "Xie et al., CVPR 2019; Dong et al., CVPR 2019; Lin et al., ICLR 2020; "
        "Wang and He, CVPR 2021"
    )
    on_rows = False

    def __init__(
        self,
        *,
        steps: int = 10,
        decay: float = 1.0,
        diversity: float = 0.0,
        shrink: float = 0.9,
        kernel: int = 1,
        nesterov: bool = False,
        scales: int = 1,
        neighbours: int = 0,
        reach: float = 1.5,
    ) -> None:
        super().__init__(steps=steps, decay=decay)
        self.refuse_if(steps < 1 or scales < 1, "steps, scales >= 1")
        self.refuse_if(not 0 <= diversity <= 1, "diversity in [0, 1]")
        self.refuse_if(not 0 < shrink <= 1, "shrink in (0, 1]")
        self.refuse_if(kernel < 1 or kernel % 2 == 0, "kernel odd and >= 1")
        self.refuse_if(neighbours < 0 or reach <= 0, "neighbours >= 0 and reach > 0")
        self.diversity, self.shrink, self.kernel = diversity, shrink, kernel
        self.nesterov, self.scales = nesterov, scales
        self.neighbours, self.reach = neighbours, reach

    @property
    def cost(self) -> Cost:
        passes = self.steps * self.scales * (1 + self.neighbours)
        return Cost(passes, passes)

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        seen, length = Copies(goal, self, rng), budget.eps / self.steps
        pace = self.decay * length * budget.steepest(torch.ones_like(clean))
        x, velocity, variance = clean, torch.zeros_like(clean), torch.zeros_like(clean)
        for _ in range(self.steps):
            at = x - pace * velocity if self.nesterov else x
            slope, _ = gradient(seen, at, items)
            tuned = smoothed(slope + variance, self.kernel)
            if self.neighbours:
                variance = self.around(at, items, seen, budget, rng) - slope
            velocity = self.gathered(velocity, tuned)
            x = budget.project(x - length * budget.steepest(velocity), clean)
        return x

    def around(self, x: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams) -> Tensor:
        """Return the mean gradient at pictures around ``x``."""
        ball = replace(budget, eps=self.reach * budget.eps)
        slopes = [
            gradient(goal, ball.sample(x, items, rng), items)[0] for _ in range(self.neighbours)
        ]
        return total(torch.stack(slopes), 0) / self.neighbours

    def diverse(self, x: Tensor, chance: Sequence[float]) -> Tensor:
        """Return one picture, ``(1, 3, H, W)``, or a smaller one on black, by four numbers."""
        happens, size, down, across = chance
        if happens >= self.diversity:
            return x
        whole = (x.shape[2], x.shape[3])
        least = [max(1, round(self.shrink * side)) for side in whole]
        small = [low + int(size * (side - low + 1)) for low, side in zip(least, whole, strict=True)]
        above, left = (
            int(share * (side - inner + 1))
            for share, side, inner in zip((down, across), whole, small, strict=True)
        )
        x = F.interpolate(x, small, mode="bilinear")
        below, right = whole[0] - small[0] - above, whole[1] - small[1] - left
        return F.pad(x, [left, right, above, below])


class Copies(GoalWrapper):
    """A goal of copies of a picture, each at its scale and made diverse, by the mean.

    Args:
        goal: the aim.
        by: how many copies there are, and what happens to them.
        rng: of the draws.
    """

    def __init__(self, goal: Goal, by: TransferFGSM, rng: Streams) -> None:
        super().__init__(goal)
        self._by, self._rng = by, rng

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return the mean loss and the mean margin."""
        shown = [self._diverse(x / 2**n, items) for n in range(self._by.scales)]
        return mean_verdict([ask(self._goal, copy, items) for copy in shown])

    def _diverse(self, x: Tensor, items: Tensor) -> Tensor:
        if not self._by.diversity or not len(x):
            return x
        chance = self._rng.uniform(items, 4).tolist()
        return torch.cat([self._by.diverse(x[n : n + 1], chance[n]) for n in range(len(x))])


def smoothed(slope: Tensor, width: int) -> Tensor:
    """Return gradients convolved with a Gaussian ``width`` pixels wide, zeros beyond the edges."""
    if width == 1:
        return slope
    kernel = _bell(width, slope.device).to(slope.dtype).expand(3, 1, width, width)
    return each(lambda row: F.conv2d(row, kernel, padding=width // 2, groups=3), slope)


@cache
def _bell(width: int, device: torch.device) -> Tensor:
    """Return the ``(width, width)`` Gaussian, float64; copied to a device once."""
    at = torch.linspace(-SPREAD, SPREAD, width, dtype=torch.float64)
    bell = torch.exp(-at.square() / 2)
    return (bell[:, None] * bell / bell.sum() ** 2).to(device)
