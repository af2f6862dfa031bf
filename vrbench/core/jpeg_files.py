"""Pictures as a JPEG file keeps them."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def saved(pixels: Tensor, quality: int) -> Tensor:
    """Return pictures as they are after a round trip through a JPEG file in memory.

    Pillow's own encoder with its usual settings (chroma at half the resolution). No gradient.

    Args:
        pixels: ``(B, 3, H, W)`` in [0, 1]; they are rounded to 8 bits first.
        quality: 1 to 100.
    """
    levels = (pixels.detach() * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1)
    pictures = levels.cpu().contiguous().numpy()
    read = np.empty_like(pictures)
    for n, picture in enumerate(pictures):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        with Image.open(file) as again:
            read[n] = np.asarray(again)
    served = torch.from_numpy(read).to(pixels.device).permute(0, 3, 1, 2).contiguous()
    return served.to(pixels.dtype).div(255)
