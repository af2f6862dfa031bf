"""Numbers of a distribution from words of 64 random bits, the same on every device.

No logarithm and no cosine, whose last bit is each device's own: what is done to the bits is exact.
"""

from __future__ import annotations

import sys
from functools import cache

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

BITS = 16  # of a normal number
STEP = 2.0**-20  # of which normal numbers are whole multiples


def uniform(words: Tensor) -> Tensor:
    """Return float32 uniform in ``[0, 1)``, multiples of ``2**-24``; two of each word.

    The words are used up: a copy of a whole picture would cost as much as half of its draws.
    """
    return parts(words, torch.int32).bitwise_right_shift_(8).float().mul_(2.0**-24).add_(0.5)


def normal(words: Tensor) -> Tensor:
    """Return standard normal float32, four of each word: entries of ``quantiles``."""
    drawn = parts(words, torch.int16).int().add_(2 ** (BITS - 1))
    found = quantiles(words.device).index_select(0, drawn.flatten())
    return found.reshape(drawn.shape)


@cache
def quantiles(device: torch.device) -> Tensor:
    """Return the ``(65536,)`` quantiles of a normal distribution in equal steps of probability.

    Their mean is 0 and their deviation 1; none is beyond 4.4, and a normal number strays from its
    nearest one in distribution by less than ``2**-16``.
    """
    found = ndtri((np.arange(2**BITS) + 0.5) / 2**BITS)
    found /= np.sqrt(np.mean(found**2))
    return torch.from_numpy((np.round(found / STEP) * STEP).astype(np.float32)).to(device)


def signs(words: Tensor) -> Tensor:
    """Return float32 of -1 and 1, 64 of each word."""
    places = torch.arange(32, dtype=torch.int32, device=words.device)
    drawn = parts(words, torch.int32)[..., None] >> places
    return drawn.bitwise_and_(1).flatten(1).mul_(2).sub_(1).float()


def integers(words: Tensor, low: int, high: int) -> Tensor:
    """Return int64 in ``[low, high)``, uniform but for ``(high - low) / 2**32``; two of each word.

    ``high - low`` is ``2**31`` or less.
    """
    assert 0 < high - low <= 2**31
    drawn = parts(words, torch.int32).long().bitwise_and_(0xFFFFFFFF)
    return (drawn.mul_(high - low) >> 32).add_(low)


def parts(words: Tensor, kind: torch.dtype) -> Tensor:
    """Return ``(B, n)`` words cut into smaller integers, those of the lowest bits first."""
    cut = words.flatten().view(kind).reshape(*words.shape, 8 // kind.itemsize)
    return (cut if sys.byteorder == "little" else cut.flip(-1)).flatten(1)
