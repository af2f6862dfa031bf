"""Image feature extractors: from pixels to features and class logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.placement import Placed
from vrbench.core.spec import Component
from vrbench.core.visuals import Signal, Visuals


class Features(NamedTuple):
    """All that one forward pass of an extractor yields for ``B`` images."""

    vector: Tensor  # (B, D) input of the classification head
    maps: Tensor  # (B, L, C) last feature map, one row per spatial cell
    logits: Tensor  # (B, K) over the extractor's own classes


@dataclass(frozen=True)
class Lesson:
    """What an extractor is taught from: pictures and their labels, split by item.

    Attributes:
        images: the catalogue's pixels.
        labels: ``(num_items,)`` int64 indices into ``names``.
        names: the classes.
        train, held_out: items to learn from, and items to be judged on.
    """

    images: Visuals
    labels: Tensor
    names: tuple[str, ...]
    train: Tensor
    held_out: Tensor


@dataclass
class Report:
    """What a training says of itself: a curve, and numbers measured on held-out items."""

    curve: list[dict[str, float]] = field(default_factory=list)  # one entry per epoch
    final: dict[str, float] = field(default_factory=dict)  # clean_accuracy, robust_accuracy, ...


class Extractor(Component, Placed, ABC):
    """An image network. Resizing and normalisation are part of it, and differentiable.

    Attributes:
        classes: what its logits stand for; empty until ``build`` where the catalogue decides.
        learns: whether it must be taught on the catalogue before use.
        origin: where its initial weights come from: file, sha256, licence; empty if none.

    Example:
        >>> import torch
        >>> from vrbench.extractors import Extractor
        >>> from vrbench.extractors.base import Features
        >>> class Brightness(Extractor):
        ...     classes = ("dark", "bright")
        ...     def forward(self, pixels):
        ...         light = pixels.mean((1, 2, 3))[:, None]
        ...         return Features(light, light[:, None], torch.cat([1 - light, light], 1))
        ...
        >>> Brightness()(torch.ones(1, 3, 8, 8)).logits.argmax(1).tolist()
        [1]
    """

    classes: tuple[str, ...] = ()
    learns: bool = False

    @property
    def origin(self) -> dict[str, Any]:
        """Where its weights come from; written into its artifact."""
        return {}

    def build(self, names: tuple[str, ...]) -> None:
        """Make whatever depends on the catalogue's categories, such as a head.

        Called once, before ``fit`` or ``load_state_dict``. Networks with classes of their own
        ignore it.
        """

    def head_module(self) -> nn.Module:
        """Return the layer that turns the vector into logits, for those that can be taught."""
        raise AssertionError(f"{type(self).__name__} has no head of its own")

    def halves(self) -> tuple[nn.Module, nn.Module]:
        """Return a trunk and a last block: ``last(trunk(pixels))`` is the vector.

        Raises:
            IncompatibleError: where the network does not say where its last block begins.
        """
        raise IncompatibleError(
            f"{self.name} cannot be cut into a trunk and a last block: use a residual network, "
            "SmallCNN or CNNF, or let another part learn"
        )

    @property
    def bare(self) -> bool:
        """Whether it must be taught and nothing around it says how."""
        return self.learns and type(self).fit is Extractor.fit

    @property
    def undefended(self) -> Extractor:
        """The network behind every step that purifies pictures in front of it.

        Raises:
            IncompatibleError: if there is no such step.
        """
        raise IncompatibleError(
            f"no step stands in front of {self.name}, so nobody can be unaware of it: "
            "threat.aware=false goes with JPEG, BitDepth, Denoised and RandomResize"
        )

    def redrawn(self, salt: int) -> Extractor:
        """Return the same extractor under other draws of chance; itself if it draws nothing.

        Args:
            salt: 0 for the draws that the shop makes, any other number for draws of one's own.
        """
        return self

    def redraw(self, rng: torch.Generator) -> None:
        """Draw all parameters anew."""
        redraw(self, rng)

    def fit(self, lesson: Lesson, rng: torch.Generator) -> Report:
        """Learn from scratch, as a pure function of the arguments and the settings.

        Raises:
            ConfigError: if it needs a training regime around it.
        """
        raise ConfigError(
            f"{self.name} has no weights: wrap it in a training regime, as extractor=standard does"
        )

    @abstractmethod
    def forward(self, pixels: Tensor) -> Features:
        """Map ``(B, 3, H, W)`` images in ``[0, 1]`` to their features."""

    def see(self, pixels: Tensor, signal: Signal) -> Tensor:
        """Return what a model that asks for ``signal`` is shown of ``pixels``; differentiable."""
        return pixels if signal is Signal.PIXELS else getattr(self(pixels), signal.value)


class Prepared(nn.Module):
    """A step without parameters of its own, such as resizing and normalisation."""

    def __init__(self, step: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._step = step

    def forward(self, x: Tensor) -> Tensor:
        return self._step(x)


def redraw(network: nn.Module, rng: torch.Generator) -> None:
    """Draw all parameters of a network anew: He's normal for weights, defaults for the rest.

    He et al. (ICCV 2015) for convolutions and ReLU; batch norm starts as the identity.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan = module.weight[0].numel()
            gain = 2.0 if isinstance(module, nn.Conv2d) else 1.0
            drawn = torch.randn(module.weight.shape, generator=rng) * (gain / fan) ** 0.5
            module.weight.data.copy_(drawn)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
            if module.weight is not None:
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        else:  # class tokens, position embeddings and their kind
            for parameter in module.parameters(recurse=False):
                if parameter.ndim > 1:
                    parameter.data.copy_(0.02 * torch.randn(parameter.shape, generator=rng))
