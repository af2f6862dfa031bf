"""Pictures moved a little."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def shifted(x: Tensor, reach: int, rng: torch.Generator) -> Tensor:
    """Return ``x``, ``(B, C, H, W)``, each moved by up to ``reach`` pixels; differentiable.

    What comes in at a border repeats the border.
    """
    n, _, height, width = x.shape
    padded = F.pad(x, (reach,) * 4, mode="replicate")
    dy, dx = torch.randint(0, 2 * reach + 1, (2, n), generator=rng)
    rows = (dy[:, None] + torch.arange(height)).to(x.device)
    columns = (dx[:, None] + torch.arange(width)).to(x.device)
    picture = torch.arange(n, device=x.device)[:, None, None]
    # Advanced indices around a slice put the channels last.
    return padded[picture, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
