"""The nearest picture that reaches a goal: what attacks on a boundary keep, and measure with."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, TwoSpeed, ask
from vrbench.attacks.places import places
from vrbench.attacks.sums import row_sums

NEAR = 0.1  # a quick margin below this is worth an exact look


class Nearest:
    """The nearest successful picture of each item; before the first, that of smallest margin.

    A search may judge quickly, and pictures as they are before they are kept; success is decided
    on what would be uploaded. So where the goal has a quick and an exact judge, or the budget
    rounds, every picture that would become the nearest is looked at once more, rounded, by the
    exact judge; ``bias`` remembers by how much the search's margin was off, to be added to it.

    Args:
        clean: ``(B, 3, H, W)``, where the search begins.
        goal: what is to be reached.
        confidence: by how much the margin is to be passed; a clean picture that reaches the goal
            is as near as can be, and needs none.
        budget: how pictures are kept and distances measured; None keeps them as they are.

    Attributes:
        x: ``(B, 3, H, W)``, the answer.
        distance: ``(B,)`` of the nearest successes; infinite before.
        bias: ``(B,)``, exact minus quick margins at the last look.
        looked: ``(B,)`` bool, which of the last update's pictures were looked at once more.
    """

    def __init__(
        self, clean: Tensor, goal: Goal, confidence: float = 0.0, budget: Budget | None = None
    ) -> None:
        self.x, self._clean, n, device = clean.clone(), clean, len(clean), clean.device
        self.distance = torch.full((n,), torch.inf, device=device)
        self.margin = torch.full((n,), torch.inf, device=device)
        self.bias = torch.zeros(n, device=device)
        self.looked = torch.zeros(n, dtype=torch.bool, device=device)
        self.confidence, self.budget = confidence, budget
        self.rounds = budget is not None and budget.store == "round"
        self._exact = goal.confirm if isinstance(goal, TwoSpeed) else partial(ask, goal)
        self._quick = isinstance(goal, TwoSpeed)

    @torch.no_grad()
    def update(
        self, row: Tensor, item: Tensor, x: Tensor, distance: Tensor, margin: Tensor
    ) -> Tensor:
        """Keep what is better among ``x``; return ``(B,)`` bool, which of them succeed.

        A picture that would not become the nearest is not looked at once more, and the answer is
        no unless there is but one judge and nothing is rounded; ``short`` tells more.

        Args:
            row: ``(B,)`` their places among all items of the search.
            item: ``(B,)`` the items themselves.
            x: pictures in ``[0, 1]``.
            distance: ``(B,)`` from the clean pictures; measured here if the budget rounds.
            margin: ``(B,)`` of ``x``, with the bias added.
        """
        if self.rounds:
            assert self.budget is not None
            x = (x * 255).round() / 255
            distance = self.budget.spent(x, self._clean[row])
        line = torch.where(distance == 0, 0.0, -self.confidence)
        known, nearer = margin.clone(), distance < self.distance[row]
        self.looked = torch.zeros_like(nearer)
        if self._quick or self.rounds:
            self.looked = nearer & (known < line + (NEAR if self._quick else 0.0))
            near = places(self.looked)
            if len(near):
                exact = self._exact(x[near], item[near]).margin
                known[near] = exact
                self.bias[row[near]] += exact - margin[near]
            # Without an exact look nothing counts as a success.
            known = torch.where(self.looked, known, torch.maximum(known, line))
        reached = known < line
        kept = reached & nearer
        closer = ~reached & self.distance[row].isinf() & (known < self.margin[row])
        better = places(kept | closer)
        self.x[row[better]] = x[better]
        self.distance[row] = torch.where(kept, distance, self.distance[row])
        self.margin[row] = torch.minimum(self.margin[row], known)
        return reached

    def short(self, row: Tensor, margin: Tensor) -> Tensor:
        """Return the ``(B,)`` margins still to be passed, by the best knowledge of each item.

        Args:
            row: ``(B,)`` their places among all items of the search.
            margin: ``(B,)`` as the search sees them, without the bias.
        """
        return margin + self.bias[row] + self.confidence


def ascent(slope: Tensor, budget: Budget) -> tuple[Tensor, Tensor]:
    """Return the ascents of length 1 by the budget's norm, and how steep they are, ``(B,)``.

    A flat boundary that is ``m`` away in margin is ``m / steepness`` away in this norm.
    """
    unit = 255 * budget.steepest(slope)
    return unit, row_sums(slope * unit)
