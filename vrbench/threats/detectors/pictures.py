"""What a detector of adversarial pictures is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vrbench.core.spec import Component
from vrbench.core.visuals import BLOCK, Visuals
from vrbench.extractors.base import Extractor

Learnt = Mapping[str, Tensor]  # what a detector has learnt, by name


class PictureDetector(Component, ABC):
    """Who looks at every picture that is uploaded, through the shop's network.

    It sees one picture at a time, not what stood there before, and is told neither which pictures
    are attacked nor how. A shop may teach it on pictures of its own.

    Example:
        >>> import torch
        >>> from vrbench.detectors import PictureDetector
        >>> from vrbench.extractors import Colour
        >>> class Bright(PictureDetector):
        ...     def suspicion(self, network, pixels, learnt):
        ...         return pixels.mean((1, 2, 3))
        ...
        >>> Bright().suspicion(Colour(), torch.ones(2, 3, 4, 4), {}).tolist()
        [1.0, 1.0]
    """

    paper = ""

    def learn(self, network: Extractor, images: Visuals, items: Tensor) -> dict[str, Tensor]:
        """Return what it learns from the honest pictures of ``items``; nothing, unless it says so.

        Args:
            network: the shop's, taught.
            images: the catalogue's pixels.
            items: ``(m,)`` items to learn from, on the CPU.
        """
        return {}

    @abstractmethod
    def suspicion(self, network: Extractor, pixels: Tensor, learnt: Learnt) -> Tensor:
        """Return ``(B,)``: the larger, the more a picture is suspected; differentiable.

        Args:
            network: the shop's.
            pixels: ``(B, 3, H, W)`` in [0, 1], on the network's device.
            learnt: what ``learn`` returned.
        """


@dataclass(frozen=True)
class Watch:
    """A detector behind a network, taught, that knows how honest pictures look to it.

    Attributes:
        detector: who looks.
        network: what it looks through.
        learnt: what it has learnt.
        honest: ``(h,)`` float32 suspicion of honest pictures that it did not learn from.
        spec: its address.
    """

    detector: PictureDetector
    network: Extractor
    learnt: Learnt
    honest: Tensor
    spec: Any = None

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return the ``(B,)`` suspicion of pictures on the network's device."""
        device = self.network.device
        learnt = {name: value.to(device) for name, value in self.learnt.items()}
        return self.detector.suspicion(self.network, pixels, learnt)

    @torch.no_grad()
    def of(self, pixels: Tensor) -> Tensor:
        """Return the same of any number of pictures, without a gradient, on the CPU."""
        blocks = pixels.split(BLOCK)
        return torch.cat([self(block.to(self.network.device)).cpu() for block in blocks]).float()

    def excess(self, pixels: Tensor) -> Tensor:
        """Return how much more suspect pictures are than half of the honest ones, ``(B,)``.

        In units of how far the most suspect twentieth of honest pictures is from that half.
        """
        usual, far = self.honest.double().quantile(torch.tensor([0.5, 0.95]).double()).tolist()
        return (self(pixels) - usual) / max(far - usual, 1e-6)
