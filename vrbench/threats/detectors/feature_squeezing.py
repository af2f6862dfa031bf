"""Feature squeezing: detection by how predictions change under input transformations."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError
from vrbench.extractors.base import Extractor
from vrbench.extractors.defences.base import BitDepth
from vrbench.extractors.defences.median import MedianFilter
from vrbench.threats.detectors.pictures import Learnt, PictureDetector

Compared = Literal["classes", "features"]


class FeatureSqueezing(PictureDetector):
    """Suspects pictures that a network takes for something else once they are squeezed.

    Xu et al. (NDSS 2018), joint detection: each picture is looked at as it is, with fewer values
    per channel and smoothed by a median, and the largest distance between what the network makes
    of the first and of the others is the suspicion. Their third squeezer, non-local means, is left
    out. Nothing is learnt.

    Args:
        bits: of the coarser picture.
        window: side of the median's window, in pixels.
        compared: "classes", as in the paper: the L1 distance of the probabilities, between 0 and 2;
            or "features", what a visual recommender reads: their Euclidean distance, relative to
            the length of the first.

    Example:
        >>> import torch
        >>> from vrbench.detectors import FeatureSqueezing
        >>> from vrbench.extractors import Colour
        >>> flat = torch.full((1, 3, 8, 8), 1.0)  # squeezing leaves it as it is
        >>> round(FeatureSqueezing(bits=1).suspicion(Colour(), flat, {}).item(), 6)
        0.0
    """

    paper = "Xu et al., NDSS 2018"

    def __init__(self, *, bits: int = 5, window: int = 2, compared: Compared = "classes") -> None:
        if not 1 <= bits <= 8 or window < 1 or compared not in get_args(Compared):
            raise ConfigError(
                f"{self.name}: expected bits from 1 to 8, a window of 1 or more, and compared to "
                f"be classes or features; got {bits}, {window}, {compared!r}"
            )
        self.bits, self.window, self.compared = bits, window, compared

    def suspicion(self, network: Extractor, pixels: Tensor, learnt: Learnt) -> Tensor:
        as_it_is = self._seen(network, pixels)
        squeezed = (
            BitDepth(network, bits=self.bits),
            MedianFilter(network, window=self.window),
        )
        found = [self._distance(as_it_is, self._seen(each, pixels)) for each in squeezed]
        return torch.stack(found).amax(0)

    def _seen(self, network: Extractor, pixels: Tensor) -> Tensor:
        seen = network(pixels)
        return seen.vector if self.compared == "features" else seen.logits.softmax(1)

    def _distance(self, first: Tensor, other: Tensor) -> Tensor:
        if self.compared == "classes":
            return (first - other).abs().sum(1)
        # the square root of 0 has no gradient
        away = ((first - other).square().sum(1) + 1e-12).sqrt() - 1e-6
        return away / first.norm(dim=1).clamp(min=1e-6)
