"""The counts of ``recommenders.counting`` in one kernel; imported only where there is Triton."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 4096  # scores that one program compares at a time


@triton.jit  # type: ignore[untyped-decorator]
def _kernel(score, row, own, more, as_much, columns, stride, at_once: tl.constexpr):  # type: ignore[no-untyped-def]
    pair = tl.program_id(0)
    limit = tl.load(own + pair)
    begin = score + tl.load(row + pair).to(tl.int64) * stride
    above, level = tl.zeros((at_once,), tl.int32), tl.zeros((at_once,), tl.int32)
    for first in range(0, columns, at_once):
        at = first + tl.arange(0, at_once)
        value = tl.load(begin + at, mask=at < columns, other=float("-inf"))
        inside = at < columns
        above += (inside & (value > limit)).to(tl.int32)
        level += (inside & (value >= limit)).to(tl.int32)
    tl.store(more + pair, tl.sum(above, 0).to(tl.int64))
    tl.store(as_much + pair, tl.sum(level, 0).to(tl.int64))


def counts_in_triton(score: Tensor, row: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """Return what ``counts`` returns, in one pass over the row of each pair."""
    more, as_much = torch.empty_like(row), torch.empty_like(row)
    given = (score, row, own, more, as_much, score.shape[1], score.stride(0))
    with torch.cuda.device_of(score):  # Triton starts kernels on the current device
        _kernel[(len(row),)](*given, at_once=BLOCK)
    return more, as_much
