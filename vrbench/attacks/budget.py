"""How far an attack may go: a norm, a radius, and the grid that images live on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor

from vrbench.attacks.levels import whole_levels
from vrbench.attacks.sums import beside, lengths, units
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams
from vrbench.core.spec import describe

IMAGENET_STD = (0.229, 0.224, 0.225)
MOST = 1e7  # the largest finite eps: more than any change of a picture of 10,000 x 10,000 pixels
FRACTION = 0.13  # an eps up to here is 32/255 or less, as other libraries write it
ROUNDED = 2e-5  # of a grey level: what float32 makes of a difference of two values in [0, 1]


@cache
def channels(scale: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return a number for each channel of pictures; copied to a device once, not at every step."""
    return torch.tensor(scale, dtype=dtype, device=device)[:, None, None]


@dataclass(frozen=True, kw_only=True)
class Budget(ABC):
    """A ball around each image.

    Attributes:
        eps: the radius, in units of one grey level (1/255): 8, not 8/255; infinity is allowed.
        store: how the image is kept, as an upload would: "round" to the nearest value of the
            8-bit grid, "truncate" to the one below (as VAR did: protocol 1.4), or "float" as is.

    Example:
        >>> import torch
        >>> from vrbench.budgets import Linf
        >>> clean = torch.zeros(1, 3, 2, 2)
        >>> Linf(eps=8).project(clean + 1, clean).amax().mul(255).round().item()
        8.0
    """

    eps: float
    store: Literal["round", "truncate", "float"] = "round"

    def __post_init__(self) -> None:
        number = isinstance(self.eps, int | float) and not isinstance(self.eps, bool)
        if not (number and self.eps >= 0):
            raise ConfigError(f"expected eps >= 0, got {self.eps!r}")
        if MOST < self.eps < float("inf"):
            raise ConfigError(f"expected eps <= {MOST:g}, or .inf for no limit, got {self.eps}")
        if self.eps > 0 and self._too_little():
            raise ConfigError(
                f"eps is in grey levels, and no picture can change by {self.eps:g} of one: "
                f"for {self.eps:g} on the scale of [0, 1] write {self.eps * 255:.2g}"
            )

    def _too_little(self) -> bool:
        """Whether nothing can change by ``eps``, or it is a fraction like 8/255 by mistake."""
        return False

    @property
    def radius(self) -> float:
        """The radius on the ``[0, 1]`` scale of pixels."""
        return self.eps / 255

    @abstractmethod
    def spent(self, x: Tensor, clean: Tensor) -> Tensor:
        """Return the ``(B,)`` distances between ``x`` and ``clean``, in grey levels."""

    @abstractmethod
    def steepest(self, gradient: Tensor) -> Tensor:
        """Return the step of length 1/255, within this norm, that ascends ``gradient`` most."""

    @abstractmethod
    def project(self, x: Tensor, clean: Tensor) -> Tensor:
        """Return an image near ``x`` that is in the ball and in ``[0, 1]``."""

    @abstractmethod
    def sample(self, clean: Tensor, items: Tensor, rng: Streams) -> Tensor:
        """Return a random image of the ball for each item."""

    def excess(self, x: Tensor, clean: Tensor) -> Tensor:
        """Return by how much finished ``x`` leave the ball, ``(B,)``: 0 or less, unless by a fault.

        What finishing itself needs is granted: in every value the rounding of float32, the whole
        level that "truncate" takes, and a share of 1e-5 of the radius.
        """
        base = (clean * 255).round() / 255 if self.store == "round" else clean
        level = torch.full_like(clean[:1], 1 / 255)
        granted = ROUNDED + (1 if self.store == "truncate" else 0)
        slack = granted * self.spent(level, torch.zeros_like(level)) + 1e-5 * self.eps
        return (self.spent(x, base) - slack - self.eps).nan_to_num(nan=torch.inf)

    @abstractmethod
    def _round(self, x: Tensor, clean: Tensor) -> Tensor:
        """Return the value of the 8-bit grid nearest to ``x`` that is still in the ball."""

    def finish(self, x: Tensor, clean: Tensor) -> Tensor:
        """Return ``x`` as it would be after upload: in the ball, in ``[0, 1]``, on the grid.

        ``clean`` is on the 8-bit grid. With ``store="truncate"`` the result may leave the ball
        by less than one grey level, as it did in VAR.
        """
        x = self.project(x, clean).clamp(0, 1)
        if self.store == "float":
            return x
        if self.store == "truncate":
            return (x * 255).floor() / 255
        return self._round(x, clean)


@dataclass(frozen=True, kw_only=True)
class Linf(Budget):
    """No channel of any pixel changes by more than ``eps``.

    Attributes:
        space: "pixel", or "normalised": the ball is ``eps`` after division by ImageNet's standard
            deviations and the search is not kept inside ``[0, 1]``, as in VAR (protocol 1.4, 3),
            which makes it 4.4 times smaller in pixels.

    Example:
        >>> import torch
        >>> from vrbench.budgets import Linf
        >>> clean = torch.full((1, 3, 2, 2), 0.5)
        >>> (Linf(eps=8).project(clean + 0.5, clean) - clean).amax().mul(255).round().item()
        8.0
    """

    space: Literal["pixel", "normalised"] = "pixel"

    def _too_little(self) -> bool:
        widest = 1.0 if self.space == "pixel" else max(IMAGENET_STD)
        nothing = self.store == "round" and self.eps * widest < 1 - 1e-4
        return nothing or self.eps <= FRACTION

    def spent(self, x: Tensor, clean: Tensor) -> Tensor:
        return ((x - clean) / self._unit(x)).abs().flatten(1).amax(1) * 255

    def steepest(self, gradient: Tensor) -> Tensor:
        return gradient.sign() * self._unit(gradient) / 255

    def project(self, x: Tensor, clean: Tensor) -> Tensor:
        reach = self.radius * self._unit(x)
        x = torch.minimum(torch.maximum(x, clean - reach), clean + reach)
        return x.clamp(0, 1) if self.space == "pixel" else x

    def sample(self, clean: Tensor, items: Tensor, rng: Streams) -> Tensor:
        noise = 2 * rng.uniform(items, *clean.shape[1:]) - 1
        reach = min(self.radius, 1.0) * self._unit(clean)
        return self.project(clean + reach * noise, clean)

    def _round(self, x: Tensor, clean: Tensor) -> Tensor:
        # Rounding the change, clamped to whole levels inside the ball, keeps zero change exact.
        most = (self.eps * self._unit(x) + 1e-4).floor()
        change = ((x - clean) * 255).round()
        change = torch.minimum(torch.maximum(change, -most), most)
        return (((clean * 255).round() + change) / 255).clamp(0, 1)

    def _unit(self, like: Tensor) -> Tensor:
        scale = (1.0, 1.0, 1.0) if self.space == "pixel" else IMAGENET_STD
        return channels(scale, like.device, like.dtype)


@dataclass(frozen=True, kw_only=True)
class L2(Budget):
    """The Euclidean length of the change is at most ``eps``.

    Rounding keeps the length of a change, not each of its values (``whole_levels``). Within a small
    ``eps`` few values change at all, since a level is the least that one can: along a Gaussian
    gradient of 64 x 64 pixels .38 of the gain is left at ``eps=16``, and .87 at 64.

    Example:
        >>> import torch
        >>> from vrbench.budgets import L2
        >>> clean = torch.full((1, 3, 2, 2), 0.5)
        >>> (L2(eps=51).project(clean + 0.5, clean) - clean).norm().mul(255).round().item()
        51.0
    """

    def _too_little(self) -> bool:
        return (self.store == "round" and self.eps < 1) or self.eps <= FRACTION

    @property
    def spec(self) -> dict[str, Any]:
        """As of any component; its second version is the rounding inside a finite ball."""
        rounds = self.store == "round" and self.eps < float("inf")
        made = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"name": type(self).__name__, "version": 2 if rounds else 1, **describe(made)}

    def spent(self, x: Tensor, clean: Tensor) -> Tensor:
        return lengths(x - clean) * 255

    def steepest(self, gradient: Tensor) -> Tensor:
        return units(gradient) / 255

    def project(self, x: Tensor, clean: Tensor) -> Tensor:
        change = x.clamp(0, 1) - clean
        share = (self.radius / lengths(change).clamp(min=1e-12)).clamp(max=1)
        return clean + change * beside(share, change)

    def sample(self, clean: Tensor, items: Tensor, rng: Streams) -> Tensor:
        noise, size = rng.normal(items, *clean.shape[1:]), clean[0].numel()
        # Powers of float64: how a device rounds them is lost when they become float32.
        share = rng.uniform(items).double().pow(1 / size).to(clean)
        reach = min(self.radius, size**0.5) * share
        return self.project(clean + beside(reach, noise) * units(noise), clean)

    def _round(self, x: Tensor, clean: Tensor) -> Tensor:
        base = (clean * 255).round()
        room = torch.where(x > clean, 255 - base, base)
        change = (x - clean) * 255
        levels = whole_levels(change.abs(), room, self.eps)
        return (base + levels * change.sign()) / 255
