"""Backdoor trigger: the same small pattern in every picture."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal
from vrbench.attacks.semantic.compose import Place, check_area, corner, square_side, window
from vrbench.core.errors import one_of
from vrbench.core.seeds import Streams


class Trigger(Attack):
    """Backdoor trigger (Gu et al., BadNets, 2017): a checkerboard at one place, the same for all.

    Nothing is searched. By itself it is a sticker without meaning, the control of a backdoor; it
    means something to a network that was taught on pictures which carry it (``Backdoor``, chosen by
    ``threat=backdoor``).

    Args:
        area: of the square, in percent of the picture; None: what ``budget=area_N`` allows.
        place: a corner or the middle of a side; "auto": of these the emptiest, picture by picture.
        cells: squares of the checkerboard along its side; the first one is black.
        opacity: of the pattern, in (0, 1].

    Raises:
        IncompatibleError: if neither the budget nor ``area`` says how large it is.

    Example:
        >>> import torch
        >>> from vrbench.attacks import Trigger
        >>> from vrbench.budgets import Area
        >>> grey = torch.full((1, 3, 8, 8), 0.5)
        >>> Trigger(cells=2).stamped(grey, Area(eps=25))[0, 0, 4:, 4:].tolist()
        [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]
    """

    paper = "Gu et al., 2017"
    cost = Cost(0, 0)
    knows = "nothing; pictures of its own among those that the network is taught on"
    needs_radius = False

    def __init__(
        self,
        *,
        area: float | None = None,
        place: Place = "bottom_right",
        cells: int = 4,
        opacity: float = 1.0,
    ) -> None:
        self.refuse_if(area is not None and not 0 < area <= 100, "area in percent, in (0, 100]")
        self.area = area
        self.refuse_if(cells < 1 or not 0 < opacity <= 1, "cells >= 1 and opacity in (0, 1]")
        self.place = one_of("Trigger.place", place, Place)
        self.cells, self.opacity = cells, opacity

    def check_budget(self, budget: Budget) -> None:
        super().check_budget(budget)
        check_area(self, budget)

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        return self.stamped(clean, budget)

    def stamped(self, clean: Tensor, budget: Budget) -> Tensor:
        """Return ``(B, 3, H, W)`` pictures with the pattern, as large as the budget's area allows.

        Raises:
            IncompatibleError: if neither the budget nor ``area`` says how large it is.
        """
        side = square_side(self, clean, budget)
        top, left = corner(clean, (side, side), self.place)
        inside, rows, columns = window(clean, (side, side), top, left)
        cell = rows[:, :, None] * self.cells // side + columns[:, None] * self.cells // side
        pattern = (cell % 2).to(clean.dtype)[:, None]
        return torch.where(inside, (1 - self.opacity) * clean + self.opacity * pattern, clean)
