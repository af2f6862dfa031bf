"""Median smoothing as an input-transformation defence."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from vrbench.core.errors import ConfigError
from vrbench.extractors.base import Extractor
from vrbench.extractors.defences.base import Front, Purified


class MedianFilter(Purified):
    """Median smoothing of each channel, an input transformation (Xu et al., NDSS 2018).

    Feature squeezing's local smoothing. A window of an even side reaches one pixel further up and
    left, and of an even number of values the upper of the two in the middle is taken, as SciPy
    does; beyond the edge pictures repeat their border. The gradient is the median's own: it goes to
    the pixel that was taken.

    Args:
        inner: what looks at the smoothed pictures.
        window: its side, in pixels; 1 changes nothing.

    Raises:
        ConfigError: if the window has no pixel.

    Example:
        >>> import torch
        >>> from vrbench.extractors import Colour, MedianFilter
        >>> smooth, speck = MedianFilter(Colour(), window=3), torch.zeros(1, 3, 8, 8)
        >>> speck[..., 4, 4] = 1
        >>> smooth.front(speck).max().item()
        0.0
    """

    paper = "Xu et al., NDSS 2018"

    def __init__(self, inner: Extractor, *, window: int = 2) -> None:
        if window < 1:
            raise ConfigError(f"MedianFilter.window: expected 1 or more, got {window}")
        super().__init__(inner, _Smoothed(window))
        self.window = window


class _Smoothed(Front):
    """The median of a square window."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window

    def forward(self, pixels: Tensor) -> Tensor:
        before = self.window // 2
        after = self.window - 1 - before
        framed = F.pad(pixels, (before, after, before, after), mode="replicate")
        seen = framed.unfold(2, self.window, 1).unfold(3, self.window, 1).flatten(-2)
        return seen.sort(dim=-1).values[..., seen.shape[-1] // 2]
