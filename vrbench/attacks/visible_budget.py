"""Budgets of edits that may be seen: a share of the picture, or its likeness to the clean one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from vrbench.attacks.budget import Budget
from vrbench.attacks.sums import beside, total
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import Streams
from vrbench.core.ssim import WINDOW, ssim

SAME = 0.5 / 255  # a change of less is none on the 8-bit grid


@dataclass(frozen=True, kw_only=True)
class Visible(Budget):
    """A budget whose ``eps`` is a percentage; a value may change as far as it can.

    What lies outside is moved toward the clean picture, straight, until it is inside; that is no
    nearest point, which has no closed form for a likeness.

    Attributes:
        eps: in percent, above 0 and at most 100.
        store: "round"; the picture is on the 8-bit grid.

    Example:
        >>> from vrbench.budgets import Area, Visible
        >>> issubclass(Area, Visible), Area(eps=5).eps
        (True, 5)
    """

    store: Literal["round"] = "round"
    halvings: ClassVar[int] = 20  # of the share of a change that is kept

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.eps <= 100:
            raise ConfigError(f"expected eps in percent, 0 to 100, got {self.eps}")

    def steepest(self, gradient: Tensor) -> Tensor:
        """Return a step such that ``eps`` of them move the value of steepest ascent by all."""
        most = gradient.abs().flatten(1).amax(1).clamp(min=1e-30)
        return gradient / beside(most, gradient) / self.eps

    def sample(self, clean: Tensor, items: Tensor, rng: Streams) -> Tensor:
        """Return random pictures, brought into the budget."""
        return self.project(rng.uniform(items, *clean.shape[1:]), clean)

    def project(self, x: Tensor, clean: Tensor) -> Tensor:
        return self._inside(x.clamp(0, 1), clean, rounds=False)

    def _round(self, x: Tensor, clean: Tensor) -> Tensor:
        return self._inside(x, clean, rounds=True)

    def _inside(self, x: Tensor, clean: Tensor, *, rounds: bool) -> Tensor:
        """Return the farthest point toward ``x`` found to be inside by halving the way."""

        def at(share: Tensor) -> Tensor:
            there = clean + beside(share, x) * (x - clean)
            return (there * 255).round() / 255 if rounds else there

        low, high = torch.zeros(len(x), device=x.device), torch.ones(len(x), device=x.device)
        low = torch.where(self.spent(at(high), clean) <= self.eps, high, low)
        for _ in range(self.halvings):
            if (low == high).all():
                break
            middle = (low + high) / 2
            inside = self.spent(at(middle), clean) <= self.eps
            low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
        return at(low)


@dataclass(frozen=True, kw_only=True)
class Area(Visible):
    """At most ``eps`` percent of the pixels change, each by any amount: a patch's budget.

    The L0 ball of pixels. ``project`` keeps those that change most, by Euclidean length, as PGD
    for sparse changes does (Croce and Hein, ICCV 2019, sec. 4); of ties the first by place.

    Example:
        >>> import torch
        >>> from vrbench.budgets import Area
        >>> clean = torch.zeros(1, 3, 10, 10)
        >>> x = Area(eps=5).project(torch.rand(1, 3, 10, 10) + 0.1, clean)
        >>> (x != clean).any(1).sum().item(), round(Area(eps=5).spent(x, clean).item(), 3)
        (5, 5.0)
    """

    def spent(self, x: Tensor, clean: Tensor) -> Tensor:
        changed = ((x - clean).abs() > SAME).any(1).flatten(1)
        return changed.sum(1) * (100 / changed.shape[1])

    def project(self, x: Tensor, clean: Tensor) -> Tensor:
        x = x.clamp(0, 1)
        pixels = clean.shape[2] * clean.shape[3]
        most = int(self.eps * pixels / 100 + 1e-6)
        size = total((x - clean).square()).flatten(1)
        first = size.sort(dim=1, descending=True, stable=True).indices[:, :most]
        kept = torch.zeros_like(size, dtype=torch.bool).scatter_(1, first, value=True)
        return torch.where(kept.reshape(-1, 1, *clean.shape[2:]), x, clean)

    def _round(self, x: Tensor, clean: Tensor) -> Tensor:
        return (x * 255).round() / 255


@dataclass(frozen=True, kw_only=True)
class Likeness(Visible):
    """The structural similarity to the clean picture is at least ``1 - eps / 100``.

    SSIM by its usual window (``core.ssim``).

    Raises:
        IncompatibleError: for pictures of less than 11 x 11 pixels.

    Example:
        >>> import torch
        >>> from vrbench.budgets import Likeness
        >>> clean, budget = torch.full((1, 3, 16, 16), 0.5), Likeness(eps=5)
        >>> noise = torch.rand(1, 3, 16, 16)
        >>> 4 < budget.spent(budget.project(noise, clean), clean).item() <= 5
        True
    """

    def spent(self, x: Tensor, clean: Tensor) -> Tensor:
        if min(clean.shape[2:]) < WINDOW:
            raise IncompatibleError("a budget of SSIM needs pictures of at least 11 x 11 pixels")
        return torch.cat([100 * (1 - ssim(x[n : n + 1], clean[n : n + 1])) for n in range(len(x))])
