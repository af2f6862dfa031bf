"""Max pooling and its way back in one kernel each; imported only where there is Triton.

Pictures lie channels last. PyTorch's own kernels for that layout take a tenth of a ResNet-50's
gradient on a GPU; what they move through memory is a fiftieth.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 1024  # numbers of a row of pixels that one program computes


@triton.jit  # type: ignore[untyped-decorator]
def _forward(  # type: ignore[no-untyped-def]
    x, found, place, high, wide, rows, columns,
    channels: tl.constexpr, size: tl.constexpr, stride: tl.constexpr, pad: tl.constexpr,
    at_once: tl.constexpr,
):  # fmt: skip
    line = tl.program_id(0).to(tl.int64)
    picture, row = line // rows, line % rows
    at = tl.program_id(1) * at_once + tl.arange(0, at_once)
    inside = at < columns * channels
    column, channel = at // channels, at % channels
    best = tl.full((at_once,), float("-inf"), tl.float32)
    which = tl.full((at_once,), -1, tl.int32)
    for down in tl.static_range(size):
        y = row * stride - pad + down
        for right in tl.static_range(size):
            z = column * stride - pad + right
            there = inside & (y >= 0) & (y < high) & (z >= 0) & (z < wide)
            value = tl.load(
                x + ((picture * high + y) * wide + z) * channels + channel,
                mask=there,
                other=float("-inf"),
            ).to(tl.float32)
            taken = there & ((value > best) | (value != value) | (which < 0))
            best = tl.where(taken, value, best)
            which = tl.where(taken, down * size + right, which)
    out = line * columns * channels + at
    tl.store(found + out, best.to(found.dtype.element_ty), mask=inside)
    tl.store(place + out, which.to(tl.uint8), mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def _backward(  # type: ignore[no-untyped-def]
    slope, place, back, high, wide, rows, columns,
    channels: tl.constexpr, size: tl.constexpr, stride: tl.constexpr, pad: tl.constexpr,
    windows: tl.constexpr, at_once: tl.constexpr,
):  # fmt: skip
    line = tl.program_id(0).to(tl.int64)
    picture, y = line // high, line % high
    at = tl.program_id(1) * at_once + tl.arange(0, at_once)
    inside = at < wide * channels
    z, channel = at // channels, at % channels
    total = tl.zeros((at_once,), tl.float32)
    for up in tl.static_range(windows):
        row = (y + pad) // stride - up
        down = y + pad - row * stride
        for left in tl.static_range(windows):
            column = (z + pad) // stride - left
            right = z + pad - column * stride
            there = inside & (row >= 0) & (row < rows) & (down < size)
            there = there & (column >= 0) & (column < columns) & (right < size)
            whence = ((picture * rows + row) * columns + column) * channels + channel
            which = tl.load(place + whence, mask=there, other=255).to(tl.int32)
            value = tl.load(slope + whence, mask=there, other=0.0).to(tl.float32)
            total += tl.where(there & (which == down * size + right), value, 0.0)
    tl.store(back + line * wide * channels + at, total.to(back.dtype.element_ty), mask=inside)


def largest(x: Tensor, size: int, stride: int, pad: int) -> tuple[Tensor, Tensor]:
    """Return the largest number of each window, and its place there; ties: the first one.

    Args:
        x: ``(B, C, H, W)``, channels last.
        size, stride, pad: of the square windows; pads are never the largest.
    """
    count, channels, high, wide = x.shape
    rows, columns = ((n + 2 * pad - size) // stride + 1 for n in (high, wide))
    found = torch.empty(
        (count, channels, rows, columns),
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last,
    )
    place = torch.empty_like(found, dtype=torch.uint8)
    sizes = (high, wide, rows, columns, channels, size, stride, pad)
    _start(_forward, x, count * rows, columns * channels, (x, found, place, *sizes))
    return found, place


def back_to_largest(
    slope: Tensor, place: Tensor, high: int, wide: int, size: int, stride: int, pad: int
) -> Tensor:
    """Return the ``(B, C, high, wide)`` slopes in what was pooled.

    Args:
        slope, place: ``(B, C, h, w)``, channels last: of the windows, and the second of
            ``largest``.
        high, wide: of the pictures.
        size, stride, pad: of the windows.
    """
    count, channels, rows, columns = slope.shape
    back = torch.empty(
        (count, channels, high, wide),
        dtype=slope.dtype,
        device=slope.device,
        memory_format=torch.channels_last,
    )
    sizes = (high, wide, rows, columns, channels, size, stride, pad, -(-size // stride))
    _start(_backward, slope, count * high, wide * channels, (slope, place, back, *sizes))
    return back


def _start(kernel: Any, x: Tensor, lines: int, numbers: int, given: tuple[Any, ...]) -> None:
    if not lines:
        return
    with torch.cuda.device_of(x):  # Triton starts kernels on the current device
        kernel[(lines, triton.cdiv(numbers, BLOCK))](*given, at_once=BLOCK)
