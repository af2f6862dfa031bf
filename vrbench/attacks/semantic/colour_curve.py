"""Adversarial colour curves: the tones of a picture, as any photo editor changes them."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.attacks.budget import Budget
from vrbench.attacks.semantic.edit import Canvas, Edit


class ColourCurve(Edit):
    """One tone curve a channel, the same for all pixels: what was equal stays equal.

    Adversarial Color Enhancement (Zhao, Liu and Larson, BMVC 2020): piecewise linear curves, found
    by gradients; kin of ReColorAdv (Laidlaw and Feizi, NeurIPS 2019), whose one function maps
    colours and not channels. Differences: a curve is told by its values at the knots, not by its
    slopes, and never falls; how far it may leave the diagonal is a limit, not a penalty. A change
    of a whole area's colour is large by any norm: take ``budget=free``, or ``linf_32``.

    Args:
        knots: pieces of a curve, at least 1.
        reach: how far a curve may leave the diagonal, of the range of a value.
        steps: gradient steps, at least 1.
        step: length of the first one, of the range of a value.

    Example:
        >>> from vrbench.attacks import ColourCurve
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(ColourCurve()).gt(7).tolist()
        [True, True, True]
    """

    paper = "Zhao, Liu and Larson, BMVC 2020"

    def __init__(
        self, *, knots: int = 16, reach: float = 0.25, steps: int = 50, step: float = 0.05
    ) -> None:
        super().__init__(steps=steps, step=step)
        self.refuse_if(not 1 <= knots <= 255, "knots in 1 to 255")
        self.refuse_if(not 0 < reach <= 1, "reach in (0, 1]")
        self.knots, self.reach = knots, reach

    def canvas(self, clean: Tensor, slope: Tensor, budget: Budget) -> Canvas:
        straight = torch.linspace(0, 1, self.knots + 1, device=clean.device)
        levels = (clean.flatten(2) * self.knots).clamp(0, self.knots)
        below = levels.floor().clamp(max=self.knots - 1).long()
        share = levels - below

        def draw(curve: Tensor) -> Tensor:
            low, high = curve.gather(2, below), curve.gather(2, below + 1)
            moved = (1 - share) * low + share * high
            return moved.reshape(clean.shape)

        def keep(curve: Tensor) -> Tensor:
            near = torch.minimum(torch.maximum(curve, straight - self.reach), straight + self.reach)
            return near.clamp(0, 1).cummax(2).values

        return Canvas(straight.expand(len(clean), 3, -1).contiguous(), draw, keep)
