"""What of a product picture is background: near its border's colour, and connected to it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

UNIFORM = 0.5  # share of the border that must be of one colour


def background(x: Tensor, tolerance: float = 0.1) -> Tensor:
    """Return, ``(B, H, W)`` bool, which pixels are background.

    Simple, and named so: a pixel is background if none of its values is farther than ``tolerance``
    from the median of the picture's border, and it is connected to the border by such pixels (by
    sides or corners). A picture has none where less than half of its border is of one colour:
    scenes, and products that fill the frame.

    Args:
        x: ``(B, 3, H, W)`` in [0, 1].
        tolerance: of a value, in [0, 1].

    Example:
        >>> import torch
        >>> from vrbench.attacks.semantic.foreground import background
        >>> x = torch.ones(1, 3, 6, 6)
        >>> x[:, :, 2:4, 2:4] = 0  # a black square on a white page
        >>> background(x).sum().item()
        32
    """
    edge = torch.ones(x.shape[2:], dtype=torch.bool, device=x.device)
    edge[1:-1, 1:-1] = False
    usual = x[:, :, edge].median(2).values
    near = ((x - usual[:, :, None, None]).abs() <= tolerance).all(1)
    near = near & ((near & edge).flatten(1).sum(1) >= UNIFORM * edge.sum())[:, None, None]
    found = near & edge
    while True:
        more = F.max_pool2d(found[:, None].float(), 3, 1, 1)[:, 0].bool() & near
        if torch.equal(more, found):
            return found
        found = more
