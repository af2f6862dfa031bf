"""Common corruptions: what pictures go through that nobody meant as an attack."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.attacks.base import Attack, Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal
from vrbench.core.errors import IncompatibleError, one_of
from vrbench.core.jpeg_files import saved
from vrbench.core.seeds import Streams

Kind = Literal["brightness", "jpeg", "blur", "noise", "resize"]
Table = dict[Kind, tuple[float, ...]]
# By severity 1 to 5, as published for pictures of so many pixels: CIFAR-10-C, Tiny ImageNet-C and
# ImageNet-C, of which these are brightness, jpeg_compression, gaussian_blur, gaussian_noise and
# pixelate. What is added to the value of HSV, a quality, a standard deviation in pixels, one of
# values, a share of the sides.
PUBLISHED: dict[int, Table] = {
    32: {
        "brightness": (0.05, 0.1, 0.15, 0.2, 0.3),
        "jpeg": (80, 65, 58, 50, 40),
        "blur": (0.4, 0.6, 0.7, 0.8, 1),
        "noise": (0.04, 0.06, 0.08, 0.09, 0.1),
        "resize": (0.95, 0.9, 0.85, 0.75, 0.65),
    },
    64: {
        "brightness": (0.1, 0.2, 0.3, 0.4, 0.5),
        "jpeg": (65, 58, 50, 40, 25),
        "blur": (0.5, 0.75, 1, 1.25, 1.5),
        "noise": (0.04, 0.08, 0.12, 0.15, 0.18),
        "resize": (0.9, 0.8, 0.7, 0.6, 0.5),
    },
    224: {
        "brightness": (0.1, 0.2, 0.3, 0.4, 0.5),
        "jpeg": (25, 18, 15, 10, 7),
        "blur": (1, 2, 3, 4, 6),
        "noise": (0.08, 0.12, 0.18, 0.26, 0.38),
        "resize": (0.6, 0.5, 0.4, 0.3, 0.25),
    },
}
REACH = 4  # standard deviations after which a blur is cut off


class Corruption(Attack):
    """A common corruption (Hendrycks and Dietterich, ICLR 2019): the attack that nobody intended.

    Nothing is searched and no goal is asked: it says what pictures of these items would do if they
    came too bright, too small, blurred, noisy or saved badly, so that a reader sees what an
    adversary adds. ``brightness`` is added to the value of HSV, ``jpeg`` is written and read by
    Pillow, ``noise`` is normal and drawn item by item. How strong a severity is, is published for
    three sizes (CIFAR-10-C, Tiny ImageNet-C, ImageNet-C: 32, 64 and 224 pixels); the one nearest to
    a picture's shorter side, by ratio, is taken.

    Differences. The standard deviation of ``blur`` grows with the side, so that as much of a
    product is blurred at 80 pixels as at 64. ``resize`` makes a picture as much smaller as
    pixelate, but there and back by a bilinear filter, as shops scale, not in squares. Values are
    rounded to 8 bits, not truncated.

    Args:
        kind: which one.
        severity: 1 to 5.

    Raises:
        IncompatibleError: under any budget with a limit, which would make another corruption of it.

    Example:
        >>> from vrbench.attacks import Corruption
        >>> from vrbench.budgets import L2
        >>> from vrbench.testing.world import red_removed
        >>> free = L2(eps=float("inf"))
        >>> red_removed(Corruption(kind="brightness", severity=2), free).round().tolist()
        [-26.0, -10.0, -10.0]
    """

    paper = "Hendrycks and Dietterich, ICLR 2019"
    cost = Cost(0, 0)
    knows = "nothing"
    needs_radius = False

    def __init__(self, *, kind: Kind, severity: int) -> None:
        self.kind = one_of("Corruption.kind", kind, Kind)
        self.refuse_if(severity not in range(1, 6), "severity in 1 to 5")
        self.severity = severity

    def check_budget(self, budget: Budget) -> None:
        if budget.eps != float("inf"):
            raise IncompatibleError(f"{self.name} keeps to no limit: it needs budget=free")

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        much = strength(self.kind, self.severity, min(clean.shape[2:]))
        if self.kind == "noise":
            return (clean + much * rng.normal(items, *clean.shape[1:])).clamp(0, 1)
        if self.kind == "jpeg":
            return saved(clean, int(much))
        change = {"brightness": brighter, "blur": blurred, "resize": resized}
        return torch.cat([change[self.kind](x, much) for x in clean.split(1)])


def strength(kind: Kind, severity: int, side: int) -> float:
    """Return what a severity is for pictures whose shorter side has so many pixels."""
    nearest = min(PUBLISHED, key=lambda size: max(size / side, side / size))
    published = PUBLISHED[nearest][kind][severity - 1]
    return published * side / nearest if kind == "blur" else published


def brighter(x: Tensor, more: float) -> Tensor:
    """Return ``(B, 3, H, W)`` pictures whose HSV value is higher by ``more``, or as high as can be.

    Hue and saturation stay: the channels keep their proportions. Black becomes grey.
    """
    value = x.amax(1, keepdim=True)
    raised = (value + more).clamp(max=1)
    return torch.where(value > 0, x * (raised / value.clamp(min=1e-6)), raised).clamp(0, 1)


def blurred(x: Tensor, sigma: float) -> Tensor:
    """Return one picture through a Gaussian of ``sigma`` pixels, edges repeated."""
    reach = max(1, math.ceil(REACH * sigma))
    at = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-(at**2) / (2 * sigma**2))
    row = (weights / weights.sum()).to(x).expand(3, 1, 1, -1)
    x = F.conv2d(F.pad(x, [reach, reach, 0, 0], mode="replicate"), row, groups=3)
    x = F.pad(x, [0, 0, reach, reach], mode="replicate")
    return F.conv2d(x, row.transpose(2, 3), groups=3).clamp(0, 1)


def resized(x: Tensor, share: float) -> Tensor:
    """Return one picture made smaller, to ``share`` of its sides, and as large as before."""
    whole = [x.shape[2], x.shape[3]]
    small = [max(1, int(share * side)) for side in whole]
    x = F.interpolate(x, small, mode="bilinear", antialias=True)
    return F.interpolate(x, whole, mode="bilinear", antialias=True).clamp(0, 1)
