"""Randomised input transformation: random resizing and padding."""

from __future__ import annotations

import hashlib

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.core.errors import ConfigError
from vrbench.extractors.base import Extractor
from vrbench.extractors.defences.base import Front, Purified


class RandomResize(Purified):
    """Randomised input transformation: random resizing and padding (Xie et al., ICLR 2018).

    Differences: the frame keeps its size, so any network will do, and what the picture leaves
    free repeats its border instead of being black, which product photos on white are used to.

    What is drawn for a picture depends on the picture, to the last bit of it, and on ``seed``:
    the same upload always looks the same to the shop, whatever comes with it, and no adversary
    knows the draw of a picture beforehand. ``redrawn`` gives an adversary draws of his own to
    average over (``Expected``).

    Args:
        inner: what looks at the pictures.
        reach: the factor is uniform between ``1 - reach`` and 1.
        seed: of the shop's draws.

    Raises:
        ConfigError: unless ``0 < reach < 1``.

    Example:
        >>> import torch
        >>> from vrbench.extractors import Colour, RandomResize
        >>> from vrbench.testing.world import toy_world
        >>> network = RandomResize(Colour(), reach=0.2)
        >>> picture = toy_world().catalogue.images[torch.tensor([0])]
        >>> network(picture).vector.equal(network(picture).vector)
        True
    """

    paper = "Xie et al., ICLR 2018"

    def __init__(self, inner: Extractor, *, reach: float = 0.2, seed: int = 0) -> None:
        if not 0 < reach < 1:
            raise ConfigError(f"RandomResize.reach: expected between 0 and 1, got {reach}")
        super().__init__(inner, _Resized(reach, seed, 0))
        self.reach, self.seed = reach, seed


class _Resized(Front):
    """Every picture at a size and a place of its own."""

    def __init__(self, reach: float, seed: int, salt: int) -> None:
        super().__init__()
        self.reach, self.seed, self.salt = reach, seed, salt

    def redrawn(self, salt: int) -> Front:
        return _Resized(self.reach, self.seed, salt)

    def forward(self, pixels: Tensor) -> Tensor:
        drawn = self.draws(pixels).to(pixels)
        scale = 1 - self.reach * drawn[:, :1]
        shift = (2 * drawn[:, 1:] - 1) * (1 - scale)  # of the picture's middle, (B, 2): x, y
        height, width = pixels.shape[2:]
        x = (_middles(width, pixels) - shift[:, :1]) / scale
        y = (_middles(height, pixels) - shift[:, 1:]) / scale
        grid = torch.stack(
            [x[:, None, :].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], 3
        )
        return F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)

    def draws(self, pixels: Tensor) -> Tensor:
        """Return ``(B, 3)`` numbers in [0, 1) that look random and depend on the picture only."""
        levels = (pixels.detach() * 255).round().clamp(0, 255).byte().cpu().contiguous()
        start = f"{self.seed}/{self.salt}/".encode()
        rows = [list(hashlib.sha256(start + p.numpy().tobytes()).digest()[:12]) for p in levels]
        digits = torch.tensor(rows, dtype=torch.float64).reshape(-1, 3, 4)
        return (digits * 256.0 ** -torch.arange(1, 5)).sum(2)


def _middles(n: int, like: Tensor) -> Tensor:
    """Return where the middles of ``n`` cells lie between -1 and 1."""
    return (torch.arange(n, device=like.device, dtype=like.dtype) * 2 + 1) / n - 1
