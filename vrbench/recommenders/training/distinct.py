"""The distinct items, or users, of a batch."""

from __future__ import annotations

import torch
from torch import Tensor


def distinct(items: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct ones of ``items``, ``(n,)``, ascending, and where each is among them.

    On a GPU there are always ``n`` of them, the first one again behind those that there are: how
    many is for the device to know, and a step of training waits for nothing.
    """
    if not items.is_cuda:
        return items.unique(return_inverse=True)
    return _padded(items)


def _padded(items: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``n`` distinct items, the rest padded with the first, and where each is."""
    ordered, order = items.sort()
    new = torch.ones_like(ordered)
    new[1:] = ordered[1:] != ordered[:-1]
    place = new.cumsum(0) - 1
    found = ordered[:1].repeat(len(items)).scatter(0, place, ordered)
    return found, torch.empty_like(place).scatter(0, order, place)
