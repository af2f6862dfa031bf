"""How visible a change is."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.ssim import ssim
from vrbench.core.visuals import BLOCK
from vrbench.metrics.base import ImageMetric


class PSNR(ImageMetric):
    """Peak signal-to-noise ratio in dB; pixels between 0 and 1.

    NaN, and so left out of the mean, where nothing changed: the ratio is infinite there.

    Example:
        >>> from vrbench.metrics import PSNR
        >>> from vrbench.testing.views import measured
        >>> measured(PSNR())
        {'after': [30.069, nan]}
    """

    better = "higher"

    def compare(self, clean: Tensor, attacked: Tensor) -> Tensor:
        error = (clean - attacked).square().flatten(1).mean(1)
        return torch.where(error > 0, -10 * torch.log10(error), torch.nan)


class SSIM(ImageMetric):
    """Structural similarity (Wang et al., 2004) of the three channels, at most 1.

    Gaussian window of 11 pixels, sigma 1.5; windows that reach over the border are left out, as in
    the authors' code.

    Args:
        data_range: what the constants are made for; pixels span 1. Published code left it to a
            library that took 2, which makes every value too high (protocol 2.6).

    Example:
        >>> from vrbench.metrics import SSIM
        >>> from vrbench.testing.views import measured
        >>> measured(SSIM())
        {'after': [0.998, 1.0]}
    """

    better = "higher"

    def __init__(self, *, data_range: float = 1.0) -> None:
        if data_range <= 0:
            raise ConfigError(f"expected data_range > 0, got {data_range}")
        self.data_range = data_range

    @property
    def column(self) -> str:
        return self.name if self.data_range == 1 else f"{self.name} (range {self.data_range:g})"

    def compare(self, clean: Tensor, attacked: Tensor) -> Tensor:
        if min(clean.shape[-2:]) < 11:
            raise IncompatibleError("SSIM needs pictures of at least 11 x 11 pixels")
        return torch.cat(
            [
                ssim(a, b, self.data_range)
                for a, b in zip(clean.split(BLOCK), attacked.split(BLOCK), strict=True)
            ]
        )


class L2(ImageMetric):
    """Euclidean length of the change, in grey levels.

    Example:
        >>> from vrbench.metrics import L2
        >>> from vrbench.testing.views import measured
        >>> measured(L2())
        {'after': [221.702, 0.0]}
    """

    name = "L2 change"
    better = "higher"

    def compare(self, clean: Tensor, attacked: Tensor) -> Tensor:
        return (attacked - clean).flatten(1).norm(dim=1) * 255


class Linf(ImageMetric):
    """Largest change of a channel of a pixel, in grey levels.

    Example:
        >>> from vrbench.metrics import Linf
        >>> from vrbench.testing.views import measured
        >>> measured(Linf())
        {'after': [8.0, 0.0]}
    """

    name = "Linf change"
    better = "higher"

    def compare(self, clean: Tensor, attacked: Tensor) -> Tensor:
        return (attacked - clean).flatten(1).abs().amax(1) * 255
