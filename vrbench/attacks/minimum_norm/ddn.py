"""DDN: minimum-norm attack that decouples direction and norm of the perturbation."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.attacks.base import Cost
from vrbench.attacks.budget import L2, Budget
from vrbench.attacks.goal import Goal, gradient
from vrbench.attacks.minimum_norm.base import MinimumNorm, SearchSettings
from vrbench.attacks.minimum_norm.best_found import Nearest, ascent
from vrbench.attacks.minimum_norm.fmn import SLOWEST, cosine
from vrbench.attacks.places import places
from vrbench.attacks.sums import lengths
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams


class DDN(MinimumNorm):
    """Decoupled direction and norm, L2 (Rony et al., CVPR 2019, alg. 1).

    Every step turns the change down the normalised gradient, by a rate that decays along a cosine,
    and gives it the item's own length, which shrinks by the share ``gamma`` where the goal is
    reached and grows by it where it is not.

    What is descended is the goal's loss, for classes the paper's cross-entropy.

    Differences. The first length is, by default, the distance to the boundary as it looks from the
    clean picture, along the margin's gradient, which costs one more look; ``initial=1.0`` is the
    paper's length. An item whose clean picture reaches the goal, or that has no gradient, leaves
    the batch. An item that never succeeds returns its
    picture of smallest margin. Where the budget rounds, as in the paper's quantised form, success
    is what is left after rounding. A budget of another norm is applied at the end.

    Args:
        steps: gradient steps per item.
        step: L2 length of the first turn, on the ``[0, 1]`` scale of pixels.
        gamma: share by which the length changes.
        initial: first L2 length of the change, on that scale; None estimates it.
        confidence: by how much the margin is to be passed.

    Example:
        >>> from vrbench.attacks import DDN
        >>> from vrbench.budgets import L2
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(DDN(steps=20), L2(eps=200)).gt(1).tolist()
        [True, True, True]
    """

    version: ClassVar[int] = 2
    paper = "Rony et al., CVPR 2019"

    defaults = SearchSettings(steps=100)

    def __init__(
        self,
        *,
        step: float = 1.0,
        gamma: float = 0.05,
        initial: float | None = None,
        **search: Unpack[SearchSettings],
    ) -> None:
        super().__init__(**self.with_defaults(SearchSettings, search))
        self.refuse_if(step <= 0 or not 0 < gamma < 1, "step > 0 and 0 < gamma < 1")
        if initial is not None and initial <= 0:
            raise ConfigError(f"DDN: expected initial > 0 or null, got {initial}")
        self.step, self.gamma, self.initial = step, gamma, initial

    @property
    def cost(self) -> Cost | None:
        looks = self.steps + 1 + (self.initial is None)
        return Cost(looks + self.steps + 1, looks)  # every step may be looked at once more

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        norm = L2(eps=float("inf"), store=budget.store)
        best = Nearest(clean, goal, self.confidence, norm)
        row, x = torch.arange(len(clean), device=clean.device), clean
        length = torch.zeros(len(clean), device=clean.device)
        for n in range(self.steps + 1):
            anchor = clean[row]
            slope, verdict = gradient(goal, x, items[row], of="loss")
            known = verdict.margin + best.bias[row]
            best.update(row, items[row], x, norm.spent(x, anchor), known)
            unit, steepness = ascent(slope, norm)
            stay = places((best.distance[row] > 0) & (steepness > 0))
            if n == self.steps or not len(stay):
                break
            row, x, anchor, unit = row[stay], x[stay], anchor[stay], unit[stay]
            short = best.short(row, verdict.margin[stay])
            length = self._first(x, items[row], goal, norm, short) if n == 0 else length[stay]
            length = length * torch.where(short < 0, 1 - self.gamma, 1 + self.gamma)
            change = x - anchor - cosine(n / self.steps, self.step, SLOWEST * self.step) * unit
            share = length / lengths(change).clamp(min=1e-12)
            x = (anchor + share[:, None, None, None] * change).clamp(0, 1)
        return best.x

    def _first(
        self, clean: Tensor, items: Tensor, goal: Goal, norm: Budget, short: Tensor
    ) -> Tensor:
        """Return the ``(B,)`` lengths to begin with; ``short`` are the margins to be passed."""
        if self.initial is not None:
            return torch.full_like(short, self.initial)
        steepness = ascent(gradient(goal, clean, items, of="margin")[0], norm)[1]
        return (short / steepness.clamp(min=1e-12)).clamp(max=clean[0].numel() ** 0.5)
