"""Bias, shortcut and ReLU of a convolution in one kernel; imported only where there is Triton."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 1024


@triton.jit  # type: ignore[untyped-decorator]
def _kernel(  # type: ignore[no-untyped-def]
    found, bias, shortcut, count, each: tl.constexpr, channels: tl.constexpr,
    added: tl.constexpr, at_once: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * at_once + tl.arange(0, at_once)
    inside = at < count
    value = tl.load(found + at, mask=inside, other=0.0)
    value += tl.load(bias + (at // each) % channels, mask=inside, other=0.0)
    if added:
        value += tl.load(shortcut + at, mask=inside, other=0.0)
    value = tl.where(value < 0, 0.0, value)
    tl.store(found + at, value, mask=inside)


def finish_(found: Tensor, bias: Tensor, shortcut: Tensor | None) -> Tensor:
    """Return, in its place, the positive part of ``found + bias + shortcut``.

    Args:
        found: ``(B, C, H, W)``, dense in either layout.
        bias: ``(C,)``.
        shortcut: of the shape of ``found``, or None.
    """
    channels, places = found.shape[1], found.shape[2] * found.shape[3]
    each = 1 if found.is_contiguous(memory_format=torch.channels_last) else places
    if shortcut is not None and shortcut.stride() != found.stride():
        shortcut = torch.empty_like(found).copy_(shortcut)
    other = found if shortcut is None else shortcut
    count = found.numel()
    if count:
        with torch.cuda.device_of(found):  # Triton starts kernels on the current device
            _kernel[(triton.cdiv(count, BLOCK),)](
                found, bias, other, count, each, channels, shortcut is not None, at_once=BLOCK
            )
    return found
