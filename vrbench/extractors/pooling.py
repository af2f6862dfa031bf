"""Max pooling of a frozen network: two quick kernels on a GPU that has Triton."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.core.extras import has_triton

LARGEST = 15  # a window's side: its places are kept in a byte


class _Pooled(torch.autograd.Function):
    """Max pooling that remembers where in its window each number came from."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: Tensor, size: int, stride: int, pad: int
    ) -> Tensor:
        from vrbench.extractors.pooling_triton import largest

        found, place = largest(x, size, stride, pad)
        ctx.save_for_backward(place)
        ctx.shape, ctx.window = x.shape[2:], (size, stride, pad)
        return found

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        from vrbench.extractors.pooling_triton import back_to_largest

        (place,) = ctx.saved_tensors
        slope = slope.contiguous(memory_format=torch.channels_last)
        return back_to_largest(slope, place, *ctx.shape, *ctx.window), None, None, None


def max_pool(x: Tensor, size: int, stride: int, pad: int) -> Tensor:
    """Return what ``torch.nn.functional.max_pool2d`` does, differentiable once.

    Args:
        x: ``(B, C, H, W)``.
        size, stride, pad: of the square windows.
    """
    if torch.compiler.is_compiling() or not _quick(x):
        return F.max_pool2d(x, size, stride, pad)
    found: Tensor = _Pooled.apply(x, size, stride, pad)
    return found


def _quick(x: Tensor) -> bool:
    last = x.is_contiguous(memory_format=torch.channels_last)  # else all after it would be turned
    return x.is_cuda and last and has_triton()
