"""Carlini and Wagner's search for the smallest change."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, Goal, TwoSpeed
from vrbench.attacks.budget import Budget
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams

SHRINK = 0.999999  # keeps pure black and pure white inside tanh's range
CHECKS = 10  # looks per search step at whether an item still makes progress
UPPER = 1e10
NEAR = 0.1  # a quick margin below this is worth an exact look


class CW(Attack):
    """The L2 attack of Carlini and Wagner (IEEE S&P 2017, sec. V-A and VI).

    Minimises ``|x' - x|^2 + c * max(margin + confidence, 0)`` with Adam over ``w``, where
    ``x' = (tanh(w) + 1) / 2``, and searches ``c`` item by item: halved or bisected after a success,
    tenfold until the first. The margin is the goal's own, so any goal will do. Every search step
    starts at the clean picture with a fresh Adam, as in the paper.

    Differences: all state belongs to the item (constants, best picture, Adam's moments, giving
    up), and an item that stopped making progress leaves the batch, so no result depends on the
    batch. An item that never succeeds returns its picture of smallest margin, not the clean one.
    The budget is applied at the end; this attack looks for the smallest change by itself.

    Args:
        search_steps: values of ``c`` tried per item.
        steps: Adam steps for each.
        lr: of Adam, in the space of ``w``.
        initial_c: first ``c``; distances are those of pixels in [0, 1].
        confidence: by how much the margin is to be passed.
        abort_early: an item whose loss fell by less than 0.01 % over a tenth of ``steps`` is done
            with this ``c``.

    Raises:
        ConfigError: if a setting is out of range.
    """

    needs_radius: ClassVar[bool] = False

    def __init__(
        self,
        *,
        search_steps: int = 5,
        steps: int = 100,
        lr: float = 0.01,
        initial_c: float = 0.1,
        confidence: float = 0.0,
        abort_early: bool = True,
    ) -> None:
        if min(search_steps, steps) < 1 or lr <= 0 or initial_c <= 0 or confidence < 0:
            raise ConfigError(
                "CW: expected search_steps, steps >= 1, lr, initial_c > 0 and confidence >= 0, "
                f"got {self.spec}"
            )
        self.search_steps, self.steps, self.lr = search_steps, steps, lr
        self.initial_c, self.confidence, self.abort_early = initial_c, confidence, abort_early

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        n, device = len(clean), clean.device
        best = _Best(clean)
        bias = torch.zeros(n, device=device)  # exact margin minus quick margin, last seen
        c = torch.full((n,), self.initial_c, device=device)
        low, high = torch.zeros(n, device=device), torch.full((n,), UPPER, device=device)
        for _ in range(self.search_steps):
            won = self._minimise(clean, items, goal, c, best, bias)
            high = torch.where(won, torch.minimum(high, c), high)
            low = torch.where(won, low, torch.maximum(low, c))
            c = torch.where(high < UPPER, (low + high) / 2, c * 10)
        return best.x

    def _minimise(
        self, clean: Tensor, items: Tensor, goal: Goal, c: Tensor, best: _Best, bias: Tensor
    ) -> Tensor:
        """Run Adam for one ``c`` per item; return ``(B,)`` bool: who succeeded at least once."""
        confirm = goal.confirm if isinstance(goal, TwoSpeed) else None
        start = torch.atanh((2 * clean - 1) * SHRINK)
        won = torch.zeros(len(clean), dtype=torch.bool, device=clean.device)
        alive = torch.arange(len(clean), device=clean.device)
        w, first, second = start.clone(), torch.zeros_like(start), torch.zeros_like(start)
        anchor, weight = clean, c
        last = torch.full_like(c, float("inf"))
        every = max(1, self.steps // CHECKS)
        for step in range(1, self.steps + 1):
            w.requires_grad_()
            x = (torch.tanh(w) + 1) / 2
            margin = goal.judge(x, items[alive]).margin + bias[alive]
            distance = (x - anchor).square().flatten(1).sum(1)
            loss = distance + weight * (margin + self.confidence).clamp(min=0)
            (slope,) = torch.autograd.grad(loss.sum(), w)
            with torch.no_grad():
                known = margin.detach().clone()
                if confirm is not None:
                    near = (known < NEAR - self.confidence) & (distance < best.distance[alive])
                    rows = alive[near]
                    if len(rows):
                        exact = confirm(x[near], items[rows]).margin
                        bias[rows] += exact - known[near]
                        known[near] = exact
                    known = torch.where(near, known, known.clamp(min=-self.confidence))
                reached = known < -self.confidence
                won[alive] |= reached
                best.update(alive, x.detach(), distance.detach(), known, reached)
                if self.abort_early and step % every == 0 and step < self.steps:
                    going = loss.detach() <= 0.9999 * last
                    last = loss.detach()
                    if not going.all():
                        alive, last, weight = alive[going], last[going], weight[going]
                        w, first, second = w[going], first[going], second[going]
                        anchor, slope = anchor[going], slope[going]
                        if not len(alive):
                            break
                w = w.detach()
                first.mul_(0.9).add_(slope, alpha=0.1)
                second.mul_(0.999).addcmul_(slope, slope, value=0.001)
                rate = self.lr * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
                w = w - rate * first / (second.sqrt() + 1e-8)
        return won


class _Best:
    """The nearest successful picture of each item; before the first, that of smallest margin."""

    def __init__(self, clean: Tensor) -> None:
        self.x = clean.clone()
        self.distance = torch.full((len(clean),), float("inf"), device=clean.device)
        self.margin = torch.full((len(clean),), float("inf"), device=clean.device)

    def update(
        self, rows: Tensor, x: Tensor, distance: Tensor, margin: Tensor, reached: Tensor
    ) -> None:
        """Keep what is better among ``x``, the pictures of ``rows``."""
        nearer = reached & (distance < self.distance[rows])
        closer = ~reached & self.distance[rows].isinf() & (margin < self.margin[rows])
        kept = rows[nearer | closer]
        self.x[kept] = x[nearer | closer]
        self.distance[rows[nearer]] = distance[nearer]
        self.margin[rows] = torch.minimum(self.margin[rows], margin)
