"""Batches of an epoch, on the device that computes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

AHEAD = 256  # batches that are brought over at once


def batches_of(
    parts: Sequence[Tensor], size: int, device: torch.device
) -> Iterator[tuple[Tensor, ...]]:
    """Yield the rows of ``parts``, ``size`` at a time, on a device.

    A step does not wait for its batch: many are copied together, and not a whole epoch, whose
    others may be more than the device holds.
    """
    for some in zip(*(part.split(AHEAD * size) for part in parts), strict=True):
        there = [part.to(device) for part in some]
        yield from zip(*(part.split(size) for part in there), strict=True)
