"""Structural similarity of pictures, differentiable."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 11  # pixels: the least height and width of a picture


def ssim(x: Tensor, y: Tensor, data_range: float = 1.0) -> Tensor:
    """Return, ``(B,)`` float32, the mean SSIM of pictures (Wang et al., IEEE TIP 2004).

    Args:
        x, y: ``(B, 3, H, W)``, at least 11 x 11 pixels, as a window of 11 x 11 with a Gaussian of
            deviation 1.5 is moved over them.
        data_range: of a value.
    """
    at = torch.arange(WINDOW, dtype=torch.float64, device=x.device) - 5
    bell = torch.exp(-at.square() / (2 * 1.5**2))
    window = torch.outer(bell, bell) / bell.sum() ** 2
    window = window.expand(3, 1, WINDOW, WINDOW)

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
