"""How far designed pictures are from real ones, and from each other."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vrbench.core.seeds import stream
from vrbench.core.visuals import BLOCK, Signal, Visuals
from vrbench.extractors.base import Extractor
from vrbench.generators.networks import resized
from vrbench.metrics.perceptual import SSIM

PAIRS = 8  # of pictures, per user, whose SSIM is taken
Row = dict[str, Any]


class Nearest:
    """Distances to the nearest picture that the GAN learnt from, mirrored or not.

    Args:
        images: the catalogue's pixels.
        learnt: the items that it learnt from.
        extractor: of distances between features.
        size: height and width at which pictures are compared.
    """

    def __init__(self, images: Visuals, learnt: Tensor, extractor: Extractor, size: int) -> None:
        self._extractor, self._size = extractor, size
        x = images[learnt]
        x = torch.cat([x, x.flip(3)])
        self._pixels, self._vectors = self._seen(x)

    def __call__(self, pictures: Tensor) -> Row:
        """Return means over ``(n, S, 3, H, W)``: root mean square, and between unit features."""
        pixels, vectors = self._seen(pictures.flatten(0, 1))
        apart = torch.cdist(pixels, self._pixels).amin(1) / pixels.shape[1] ** 0.5 * 255
        return {
            "nearest (grey levels)": float(apart.mean()),
            "nearest (features)": float(torch.cdist(vectors, self._vectors).amin(1).mean()),
        }

    @torch.no_grad()
    def _seen(self, x: Tensor) -> tuple[Tensor, Tensor]:
        device = self._extractor.device
        blocks = x.split(BLOCK)
        vectors = [self._extractor.see(b.to(device), Signal.VECTOR).cpu() for b in blocks]
        pixels = resized(x, self._size, self._size).flatten(1).cpu()
        return pixels, torch.nn.functional.normalize(torch.cat(vectors), dim=1)


def opposite_ssim(pictures: Tensor) -> float:
    """Return the mean of ``1 - SSIM`` over random pairs within the rows of ``(n, S, 3, H, W)``.

    How much pictures of one kind differ (Kang et al., ICDM 2017). The pairs are the
    same for every set of this size.
    """
    n, count = pictures.shape[:2]
    rng = stream(0, "pairs")
    one = torch.randint(count, (n, PAIRS), generator=rng)
    other = (one + torch.randint(1, count, (n, PAIRS), generator=rng)) % count
    row = torch.arange(n)[:, None]
    shown = pictures.cpu()
    found = SSIM().compare(shown[row, one].flatten(0, 1), shown[row, other].flatten(0, 1))
    return float(1 - found.mean())
