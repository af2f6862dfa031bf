"""Input transformations as defences, and their straight-through gradients."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vrbench.core.errors import ConfigError
from vrbench.core.jpeg_files import saved
from vrbench.extractors.base import Extractor, Features, Lesson, Report
from vrbench.extractors.training.base import accuracy, robust_accuracy


class Front(nn.Module):
    """What pictures pass through: ``(B, 3, H, W)`` in [0, 1] to the same, row by row.

    Steps without a useful gradient let it pass unchanged (BPDA, Athalye et al., ICML 2018, sec.
    4.1), so that an adversary who knows the defence can descend through it.
    """

    @abstractmethod
    def forward(self, pixels: Tensor) -> Tensor:
        """Return the purified pictures."""

    def redrawn(self, salt: int) -> Front:
        """Return the same step under other draws of chance; itself if it draws nothing."""
        return self


class Purified(Extractor):
    """An extractor behind an input transformation; to everyone else, an extractor.

    The inner extractor is taught first and kept on its own, so that all that stands in front of
    one network shares it; what is kept of this one is what the step itself has learnt.

    Args:
        inner: what looks at the purified pictures.
        front: the step.

    Example:
        >>> from vrbench.extractors import JPEG, Purified, SmallCNN
        >>> shop = JPEG(SmallCNN(width=4), quality=50)
        >>> isinstance(shop, Purified), shop.undefended.name
        (True, 'SmallCNN')
    """

    def __init__(self, inner: Extractor, front: Front) -> None:
        super().__init__()
        self.inner, self.front = inner, front
        self.learns = inner.learns

    @property
    def origin(self) -> dict[str, Any]:
        return self.inner.origin

    @property
    def bare(self) -> bool:
        return self.inner.bare

    @property
    def undefended(self) -> Extractor:
        return self.inner.undefended if isinstance(self.inner, Purified) else self.inner

    def redrawn(self, salt: int) -> Extractor:
        front, inner = self.front.redrawn(salt), self.inner.redrawn(salt)
        if front is self.front and inner is self.inner:
            return self
        other = copy.copy(self)
        other._modules = dict(self._modules)  # else both would share one table of modules
        other.front, other.inner = front, inner
        return other

    def with_fitted_parts(self, fit: Callable[[Any], Any]) -> Purified:
        other = copy.copy(self)
        other._modules = dict(self._modules)  # else both would share one table of modules
        other.inner = fit(self.inner)
        other.spec = self.spec | {"of": {"inner": other.inner.spec}}
        return other

    @property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the inner one's logits stand for."""
        return self.inner.classes

    def build(self, names: tuple[str, ...]) -> None:
        self.inner.build(names)

    def head_module(self) -> nn.Module:
        return self.inner.head_module()

    def halves(self) -> tuple[nn.Module, nn.Module]:
        trunk, last = self.inner.halves()
        return nn.Sequential(self.front, trunk), last

    def forward(self, pixels: Tensor) -> Features:
        return self.inner(self.front(pixels))

    def logits(self, x: Tensor) -> Tensor:
        """Return the ``(B, K)`` logits of ``x``."""
        return self(x).logits

    def fit(self, lesson: Lesson, rng: torch.Generator) -> Report:
        """Measure the defended network; the inner one is taught, and a plain step learns nothing.

        Robust accuracy is that against the adversary who descends through the step.
        """
        self.eval().requires_grad_(False)
        return Report(final=self.accuracies(lesson))

    def accuracies(self, lesson: Lesson) -> dict[str, float]:
        """Return clean and robust accuracy; nothing where the classes are not the lesson's."""
        if self.classes != lesson.names:
            return {}
        return {
            "clean_accuracy": accuracy(self.logits, lesson, lesson.held_out, self.device),
            "robust_accuracy": robust_accuracy(self.logits, lesson, self.device),
        }


class JPEG(Purified):
    """JPEG compression as an input transformation: saved and read again, as with uploads.

    Pillow's own encoder with its usual settings (chroma at half the resolution), so what the
    network sees is exactly what such a shop would show it. The gradient passes unchanged.

    Args:
        inner: what looks at the pictures.
        quality: 1 to 100; smaller files lose more, attacks included.

    Raises:
        ConfigError: if the quality is out of range.

    Example:
        >>> import torch
        >>> from vrbench.extractors import JPEG, Colour
        >>> saved = JPEG(Colour(), quality=10)
        >>> grey = torch.full((1, 3, 16, 16), 0.5)
        >>> saved.front(grey).sub(grey).abs().max().lt(0.05).item()
        True
    """

    paper = ""

    def __init__(self, inner: Extractor, *, quality: int = 75) -> None:
        if not 1 <= quality <= 100:
            raise ConfigError(f"JPEG.quality: expected 1 to 100, got {quality}")
        super().__init__(inner, _Saved(quality))
        self.quality = quality


class BitDepth(Purified):
    """Bit-depth reduction to ``2 ** bits`` values per channel (Xu et al., NDSS 2018).

    Feature squeezing: black and white stay, and what lies between moves to the nearest of
    ``2 ** bits - 1`` equal steps. The gradient passes unchanged.

    Args:
        inner: what looks at the pictures.
        bits: 1 to 8; 8 changes no picture on the 8-bit grid.

    Raises:
        ConfigError: if there are fewer or more bits.

    Example:
        >>> import torch
        >>> from vrbench.extractors import BitDepth, Colour
        >>> coarse = BitDepth(Colour(), bits=1)
        >>> coarse.front(torch.tensor([0.4, 0.6]).view(1, 1, 1, 2)).flatten().tolist()
        [0.0, 1.0]
    """

    paper = "Xu et al., NDSS 2018"

    def __init__(self, inner: Extractor, *, bits: int = 4) -> None:
        if not 1 <= bits <= 8:
            raise ConfigError(f"BitDepth.bits: expected 1 to 8, got {bits}")
        super().__init__(inner, _Rounded(2**bits - 1))
        self.bits = bits


class _Saved(Front):
    """A round trip through a JPEG file in memory."""

    def __init__(self, quality: int) -> None:
        super().__init__()
        self.quality = quality

    def forward(self, pixels: Tensor) -> Tensor:
        return straight_through(pixels, saved(pixels, self.quality))


class _Rounded(Front):
    """The nearest of some equally spaced values."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, pixels: Tensor) -> Tensor:
        return straight_through(pixels, (pixels.detach() * self.steps).round().div(self.steps))


def straight_through(pixels: Tensor, served: Tensor) -> Tensor:
    """Return exactly ``served``, whose gradient in ``pixels`` is that of the identity."""
    # The bracket is zero, bit for bit; it is there for its gradient.
    return served + (pixels - pixels.detach()) if pixels.requires_grad else served
