"""DeepFool: minimum-norm attack by linearised decision boundaries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.attacks.base import Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, check_finite, classes_of, gradient
from vrbench.attacks.minimum_norm.base import MinimumNorm, SearchSettings
from vrbench.attacks.minimum_norm.best_found import Nearest, ascent
from vrbench.attacks.places import places
from vrbench.core.seeds import Streams

BEYOND = 1e-5  # every step goes so much too far that none ends in a tie; 1e-4 in the authors' code


class Boundary(NamedTuple):
    """A boundary as it looks from ``B`` pictures."""

    lead: Tensor  # (B,) what is to be brought below zero
    slope: Tensor  # (B, 3, H, W) its gradient


class DeepFool(MinimumNorm):
    """DeepFool (Moosavi-Dezfooli et al., CVPR 2016, alg. 2 and, for Linf, sec. 3.4).

    Every step goes to the nearest of the boundaries of the ``candidates`` classes with the largest
    logits, each made flat where the picture is; the gradients of all of them come from one forward
    pass. The picture judged, and returned once it reaches the goal, is the clean one plus the sum
    of all steps, ``1 + overshoot`` times. An item that is through leaves the batch.

    Differences. The norm is the budget's, L2 or Linf. A goal that is not to get away from a class
    has one boundary, its margin's; the paper knows untargeted classes only. Pixels that are black
    or white and would have to be more so take no part in a step. Where the budget rounds, or
    the goal has a quick and an exact judge, a picture that seems there is looked at once more; if
    it falls back, its overshoot grows by half, to 0.015 at least, and the search goes on. An item
    that never succeeds returns its picture of smallest margin.

    Args:
        steps: the most steps per item.
        candidates: classes whose boundaries are looked at.
        overshoot: share by which the sum of the steps is lengthened.
        confidence: by how much the margin is to be passed.

    Example:
        >>> from vrbench.attacks import DeepFool
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(DeepFool()).gt(1).tolist()
        [True, True, True]
    """

    paper = "Moosavi-Dezfooli et al., CVPR 2016"

    defaults = SearchSettings(steps=50)

    def __init__(
        self,
        *,
        candidates: int = 10,
        overshoot: float = 0.02,
        **search: Unpack[SearchSettings],
    ) -> None:
        super().__init__(**self.with_defaults(SearchSettings, search))
        self.refuse_if(candidates < 1 or overshoot < 0, "candidates >= 1 and overshoot >= 0")
        self.candidates, self.overshoot = candidates, overshoot

    @property
    def cost(self) -> Cost | None:
        looks = self.steps + 1
        return Cost(2 * looks, self.candidates * looks)

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        best = Nearest(clean, goal, self.confidence, budget)
        row, x, change = torch.arange(len(clean), device=clean.device), clean, clean - clean
        beyond = torch.full((len(clean),), self.overshoot, device=clean.device)
        for step in range(self.steps + 1):
            anchor = clean[row]
            margin, boundaries = self._look(x, items[row], goal)
            known = margin + best.bias[row]
            going = ~best.update(row, items[row], x, budget.spent(x, anchor), known)
            beyond = torch.where(going & best.looked, 1.5 * beyond.clamp(min=0.01), beyond)
            if step == self.steps or not going.any():
                break
            missing = best.short(row, margin) - margin
            nearest = self._nearest(boundaries, missing, x, budget)
            going &= nearest.lead.isfinite()
            change = change + nearest.slope
            change = (anchor + change).clamp(0, 1) - anchor
            x = (anchor + (1 + beyond)[:, None, None, None] * change).clamp(0, 1)
            stay = places(going)
            if not len(stay):
                break
            row, x, change, beyond = row[stay], x[stay], change[stay], beyond[stay]
        return best.x

    def _look(self, x: Tensor, items: Tensor, goal: Goal) -> tuple[Tensor, Iterator[Boundary]]:
        """Return the ``(B,)`` margins, and the boundaries one after the other."""
        x = x.detach().requires_grad_()
        found = classes_of(goal, x, items)
        if found is None:
            slope, verdict = gradient(goal, x, items, of="margin")
            return verdict.margin, iter([Boundary(verdict.margin, slope)])
        check_finite(goal, items, found.logits)
        lead, margin = found.ahead()
        values = margin[:, None]
        if found.away is not None:
            k = min(self.candidates, lead.shape[1] - 1)
            values = lead.topk(k, dim=1, largest=False, sorted=True).values
        return margin.detach(), self._through(values, x, items, goal)

    @staticmethod
    def _through(values: Tensor, x: Tensor, items: Tensor, goal: Goal) -> Iterator[Boundary]:
        # One backward pass per class through one graph: all at once (is_grads_batched) took 1.4
        # times as long on a processor, and as many times the memory as there are candidates.
        for value in values.unbind(1):
            (slope,) = torch.autograd.grad(value.sum(), x, retain_graph=True)
            check_finite(goal, items, slope)
            yield Boundary(value.detach(), slope)

    @staticmethod
    def _nearest(
        boundaries: Iterator[Boundary], missing: Tensor, x: Tensor, budget: Budget
    ) -> Boundary:
        """Return the ``(B,)`` distances to the nearest boundaries, and the steps onto them.

        Args:
            boundaries: as they look from ``x``.
            missing: ``(B,)``, how far below zero each lead has to go.
            x: ``(B, 3, H, W)``.
            budget: whose norm distances are measured in.
        """
        away = torch.full((len(x),), torch.inf, device=x.device)
        move = torch.zeros_like(x)
        for lead, slope in boundaries:
            slope = slope.masked_fill(((x <= 0) & (slope > 0)) | ((x >= 1) & (slope < 0)), 0)
            unit, steepness = ascent(slope, budget)
            length = torch.where(
                steepness > 0, (lead + missing).clamp(min=0) / steepness, torch.inf
            )
            nearer = length < away
            away = torch.where(nearer, length, away)
            step = -(length + BEYOND)[:, None, None, None] * unit
            move = torch.where(nearer[:, None, None, None], step, move)
        return Boundary(away, move)
