"""JPEG compression that can be differentiated: what an adversary trains against."""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

# ITU-T T.81, tables K.1 and K.2: the steps of luminance and of chrominance at quality 50
LIGHT = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
HUE = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99), (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)  # fmt: skip
TO_YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def jpeg(x: Tensor, quality: int) -> Tensor:
    """Return pictures as JPEG would keep them, with gradients that say what it discards.

    The usual path: YCbCr with chroma at half the resolution, a cosine transform of blocks of 8 x 8,
    steps of the standard's tables scaled by quality as libjpeg scales them. Rounding to these steps
    is replaced by ``round(v) + (v - round(v)) ** 3``, which has a gradient (Shin and Song, NeurIPS
    2017 workshop). Within a few grey levels it is what Pillow writes and reads.

    Args:
        x: ``(B, 3, H, W)`` in [0, 1].
        quality: 1 to 100.
    """
    height, width = x.shape[2:]
    x = F.pad(x, [0, -width % 16, 0, -height % 16], mode="replicate") * 255
    bands = torch.einsum("ij,bjhw->bihw", _on(x, TO_YCBCR), x)
    light, hue = bands[:, :1] - 128, F.avg_pool2d(bands[:, 1:], 2)
    light, hue = _coded(light, LIGHT, quality) + 128, _coded(hue, HUE, quality)
    hue = F.interpolate(hue, scale_factor=2, mode="bilinear")
    back = torch.einsum("ij,bjhw->bihw", _on(x, TO_RGB), torch.cat([light, hue], 1))
    return (back / 255).clamp(0, 1)[:, :, :height, :width]


def _coded(band: Tensor, table: tuple[tuple[int, ...], ...], quality: int) -> Tensor:
    """Return a band after its blocks' cosine coefficients were rounded to the table's steps."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    steps = ((_on(band, table) * scale + 50) / 100).floor().clamp(1, 255)
    turn = _cosines(band.device).to(band.dtype)
    blocks = band.unfold(2, 8, 8).unfold(3, 8, 8)  # (B, C, H/8, W/8, 8, 8)
    found = turn @ blocks @ turn.T / steps
    near = found.detach().round()
    kept = (near + (found - near) ** 3) * steps
    back = turn.T @ kept @ turn
    return back.transpose(3, 4).reshape(band.shape)


def _on(x: Tensor, table: tuple[tuple[float, ...], ...]) -> Tensor:
    """Return a table where ``x`` is, in its type."""
    return _copied(table, x.device).to(x.dtype)


@cache
def _copied(table: tuple[tuple[float, ...], ...], device: torch.device) -> Tensor:
    """Return a table in float64; copied to a device once, not for every picture."""
    return torch.tensor(table, dtype=torch.float64, device=device)


@cache
def _cosines(device: torch.device) -> Tensor:
    """Return the ``(8, 8)`` orthonormal cosine transform (DCT-II)."""
    at = torch.arange(8, dtype=torch.float64)
    turn = torch.cos((2 * at + 1) * at[:, None] * math.pi / 16) / 2
    turn[0] /= 2**0.5
    return turn.to(device)
