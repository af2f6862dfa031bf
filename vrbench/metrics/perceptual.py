"""How visible a change is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.visuals import BLOCK
from vrbench.metrics.base import ImageMetric


class PSNR(ImageMetric):
    """Peak signal-to-noise ratio in dB; pixels between 0 and 1.

    NaN, and so left out of the mean, where nothing changed: the ratio is infinite there.

    Example:
        >>> from vrbench.metrics import PSNR
        >>> from vrbench.testing.views import two_pictures
        >>> PSNR().measure(two_pictures()).round().tolist()
        [30.0, nan]
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
        >>> from vrbench.testing.views import rounded, two_pictures
        >>> rounded(SSIM().measure(two_pictures()))
        [0.998, 1.0]
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
                _ssim(a, b, self.data_range)
                for a, b in zip(clean.split(BLOCK), attacked.split(BLOCK), strict=True)
            ]
        )


def _ssim(x: Tensor, y: Tensor, data_range: float) -> Tensor:
    at = torch.arange(11, dtype=torch.float64, device=x.device) - 5
    bell = torch.exp(-at.square() / (2 * 1.5**2))
    window = torch.outer(bell, bell) / bell.sum() ** 2
    window = window.expand(3, 1, 11, 11)

    def blur(z: Tensor) -> Tensor:
        return F.conv2d(z, window, groups=3)

    x, y = x.double(), y.double()
    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    shared = blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    top = (2 * mean_x * mean_y + c1) * (2 * shared + c2)
    bottom = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return (top / bottom).flatten(1).mean(1).float()


class L2(ImageMetric):
    """Euclidean length of the change, in grey levels.

    Example:
        >>> from vrbench.metrics import L2
        >>> from vrbench.testing.views import two_pictures
        >>> L2().measure(two_pictures()).round().tolist()
        [222.0, 0.0]
    """

    name = "L2 change"
    better = "higher"

    def compare(self, clean: Tensor, attacked: Tensor) -> Tensor:
        return (attacked - clean).flatten(1).norm(dim=1) * 255


class Linf(ImageMetric):
    """Largest change of a channel of a pixel, in grey levels.

    Example:
        >>> from vrbench.metrics import Linf
        >>> from vrbench.testing.views import two_pictures
        >>> Linf().measure(two_pictures()).round().tolist()
        [8.0, 0.0]
    """

    name = "Linf change"
    better = "higher"

    def compare(self, clean: Tensor, attacked: Tensor) -> Tensor:
        return (attacked - clean).flatten(1).abs().amax(1) * 255
