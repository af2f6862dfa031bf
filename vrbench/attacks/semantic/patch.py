"""Adversarial patch: a sticker in a product picture."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.attacks.budget import Budget
from vrbench.attacks.semantic.compose import Place, check_area, corner, square_side, window
from vrbench.attacks.semantic.edit import Canvas, Edit
from vrbench.attacks.sums import total
from vrbench.core.errors import one_of

PatchPlace = Literal["best", Place]


class Patch(Edit):
    """Adversarial patch (Brown et al., 2017): a square in the picture is whatever serves the goal.

    As in LaVAN (Karmon et al., ICML 2018) every picture has a patch of its own, at one place; the
    published patch is one for all pictures and places. Robustness to crops, sizes and JPEG
    (expectation over transformation) is added by ``Reencoded``: ``attack=patch_eot``.

    Args:
        area: of the square, in percent of the picture; None: what ``budget=area_N`` allows.
        place: a corner or the middle of a side; "auto": of these the emptiest, which hides least
            of the product; "best": wherever black or white values would lower a loss most that
            went on along its gradient at the clean picture, which is exact for a linear loss.
        steps: gradient steps, at least 1.
        step: length of the first one, of the range of a value.

    Raises:
        IncompatibleError: if neither the budget nor ``area`` says how large it is.

    Example:
        >>> from vrbench.attacks import Patch
        >>> from vrbench.budgets import Area
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(Patch(steps=20), Area(eps=25)).gt(20).tolist()
        [True, True, True]
    """

    paper = "Brown et al., 2017; Karmon et al., ICML 2018"

    def __init__(
        self,
        *,
        area: float | None = None,
        place: PatchPlace = "best",
        steps: int = 100,
        step: float = 0.25,
    ) -> None:
        super().__init__(steps=steps, step=step)
        self.refuse_if(area is not None and not 0 < area <= 100, "area in percent, in (0, 100]")
        self.area = area
        self.place: Any = one_of("Patch.place", place, PatchPlace)

    def check_budget(self, budget: Budget) -> None:
        super().check_budget(budget)
        check_area(self, budget)

    def canvas(self, clean: Tensor, slope: Tensor, budget: Budget) -> Canvas:
        side = square_side(self, clean, budget)
        size = (side, side)
        top, left = (
            promising(clean, slope, size)
            if self.place == "best"
            else corner(clean, size, self.place)
        )
        inside, _, _ = window(clean, size, top, left)

        def keep(values: Tensor) -> Tensor:
            return values.clamp(0, 1)

        return Canvas(clean, lambda values: torch.where(inside, values, clean), keep)


def promising(clean: Tensor, slope: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the ``(B,)`` first rows and columns of the windows where a linear loss falls most."""
    most = total(torch.where(slope > 0, slope * clean, slope * (clean - 1)))
    fall = F.avg_pool2d(most.double()[:, None], size, 1)[:, 0]
    at = fall.flatten(1).argmax(1)
    return at // fall.shape[2], at % fall.shape[2]
