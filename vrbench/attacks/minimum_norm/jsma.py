"""JSMA: sparse (L0) attack by saliency maps, two pixels at a time."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from vrbench.attacks.base import Attack
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, check_finite, classes_of, gradient
from vrbench.attacks.minimum_norm.best_found import Nearest
from vrbench.attacks.places import places
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams


class JSMA(Attack):
    """The saliency map attack (Papernot et al., EuroS&P 2016, alg. 2 and eq. 8), on logits.

    With ``a`` the gradient of the target's logit and ``b`` minus that of the sum of all others,
    every step moves the two values of the picture whose ``(a_p + a_q) * (b_p + b_q)`` is largest,
    both factors above zero, by ``theta``; a value is one channel of one pixel. It stops at success,
    when no pair is left, or when the share ``gamma`` of the values has been moved.

    Differences. Two backward passes per step, whatever the number of classes; pairs are sought
    among the ``candidates`` values with the largest ``a``, the largest ``b`` and the largest sum
    of both, each over its maximum, so that memory grows with the picture, not with its square.
    ``direction="both"`` moves each value up or down, whichever serves, and never back (the paper
    moves all up, so that a white page could not be attacked). To get away from a class, ``a`` and
    ``b`` change their signs and the class its role (NT-JSMA, Wiyatno and Xu, 2018). A goal that is
    not about classes has only ``a``, minus its margin's gradient, and the pair with the largest sum
    is moved. Where the budget rounds, values move to the 8-bit grid. Changing few values as far as
    they go, it suits a budget without a limit; another one is applied at the end.

    Args:
        theta: how far a value moves, in ``(0, 1]``; 1 is from anywhere to white or black.
        gamma: the share of the values that may be moved, in ``(0, 1]``.
        direction: "up", "down" or "both".
        pairs: move two values per step; False moves the one with the largest ``a * b``.
        candidates: see above.

    Example:
        >>> from vrbench.attacks import JSMA
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(JSMA()).gt(0).tolist()
        [True, True, True]
    """

    paper = "Papernot et al., EuroS&P 2016"
    version: ClassVar[int] = 2
    needs_radius: ClassVar[bool] = False

    def __init__(
        self,
        *,
        theta: float = 1.0,
        gamma: float = 0.1,
        direction: str = "both",
        pairs: bool = True,
        candidates: int = 128,
    ) -> None:
        self.refuse_if(
            not 0 < theta <= 1 or not 0 < gamma <= 1 or candidates < 2,
            "0 < theta, gamma <= 1 and candidates >= 2",
        )
        if direction not in ("up", "down", "both"):
            raise ConfigError(f"JSMA: expected direction up, down or both, got {direction!r}")
        self.theta, self.gamma, self.direction = theta, gamma, direction
        self.pairs, self.candidates = pairs, candidates

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        best, grid = Nearest(clean, goal), budget.store == "round"
        row, x = torch.arange(len(clean), device=clean.device), clean
        steps = int(self.gamma * clean[0].numel()) // (2 if self.pairs else 1)
        for step in range(steps + 1):
            margin, toward, others = _saliency(x, items[row], goal)
            moved = (x != clean[row]).flatten(1).sum(1).float()
            going = ~best.update(row, items[row], x, moved, margin + best.bias[row])
            if step == steps or not going.any():
                break
            a, b = self._moves(x, clean[row], toward, others)
            chosen = self._pairs(a, b) if self.pairs else _singles(a, b)
            going &= (chosen >= 0).all(1)
            stay = places(going)
            if not len(stay):
                break
            row, x = row[stay], self._move(x[stay], chosen[stay], grid)
        return best.x

    def _moves(
        self, x: Tensor, clean: Tensor, toward: Tensor, others: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return ``a`` and ``b`` of all moves, ``(B, 2 * D)``: ``D`` values up, then all down.

        They are minus infinity where a value may not, or cannot, go.
        """
        up = (x < 1) & (x >= clean) & (self.direction != "down")
        down = (x > 0) & (x <= clean) & (self.direction != "up")
        stuck = ~torch.cat([up.flatten(1), down.flatten(1)], 1)
        a = torch.cat([toward.flatten(1), -toward.flatten(1)], 1)
        b = torch.ones_like(a)
        if others is not None:
            b = torch.cat([-others.flatten(1), others.flatten(1)], 1)
        return a.masked_fill(stuck, -torch.inf), b.masked_fill(stuck, -torch.inf)

    def _pairs(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the best pairs of moves, ``(B, 2)``; -1 where there is none."""
        k, num_values = min(self.candidates, a.shape[1]), a.shape[1] // 2
        both = a / a.amax(1, keepdim=True).abs() + b / b.amax(1, keepdim=True).abs()
        both = both.nan_to_num(nan=-torch.inf)  # where nothing may move, or nothing helps
        at = torch.cat([of.topk(k, dim=1).indices for of in (a, b, both)], 1)
        a, b, value = a.gather(1, at), b.gather(1, at), at % num_values
        a, b = a[:, :, None] + a[:, None], b[:, :, None] + b[:, None]
        good = (a > 0) & (b > 0) & (value[:, :, None] != value[:, None])
        score = torch.where(good, a * b, -torch.inf).flatten(1)
        highest, where = score.max(1)
        found = torch.stack([where // at.shape[1], where % at.shape[1]], 1)
        return at.gather(1, found).masked_fill(highest[:, None] == -torch.inf, -1)

    def _move(self, x: Tensor, chosen: Tensor, grid: bool) -> Tensor:
        """Return ``x`` after the chosen moves; all other values are what they were, to the bit.

        A device may round ``n / 255`` otherwise than the clean picture was, and what is off by that
        would count as moved.
        """
        values, num_values = x.flatten(1), x[0].numel()
        at = chosen % num_values
        by = torch.where(chosen < num_values, self.theta, -self.theta)
        moved = (values.gather(1, at) + by).clamp(0, 1)
        if grid:
            moved = (moved * 255).round().div(255)
        return values.scatter(1, at, moved).reshape(x.shape)


def _singles(a: Tensor, b: Tensor) -> Tensor:
    """Return the best single moves, ``(B, 1)``; -1 where there is none."""
    score = torch.where((a > 0) & (b > 0), a * b, -torch.inf)
    highest, where = score.max(1, keepdim=True)
    return where.masked_fill(highest == -torch.inf, -1)


def _saliency(x: Tensor, items: Tensor, goal: Goal) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the margins, the gradient to go along, and that of all other logits' sum.

    To get away from a class the signs are changed; where there are no classes there is no third.
    """
    x = x.detach().requires_grad_()
    found = classes_of(goal, x, items)
    if found is None:
        slope, verdict = gradient(goal, x, items, of="margin")
        return verdict.margin, -slope, None
    own = found.logits[:, found.named].sum()
    (toward,) = torch.autograd.grad(own, x, retain_graph=True)
    (others,) = torch.autograd.grad(found.logits.sum() - own, x)
    check_finite(goal, items, found.logits, toward, others)
    margin = found.ahead()[1].detach()
    if found.towards is None:
        return margin, -toward, -others
    return margin, toward, others
