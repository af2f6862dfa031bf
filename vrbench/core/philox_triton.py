"""The words of ``core.philox`` in one kernel on a GPU; imported only where there is Triton."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 256  # blocks of four words in one program


@triton.jit(do_not_specialize=["low", "high"])  # type: ignore[untyped-decorator]
def _kernel(out, items, draws, low, high, blocks, at_once: tl.constexpr):  # type: ignore[no-untyped-def]
    row = tl.program_id(0).to(tl.int64)
    block = tl.program_id(1) * at_once + tl.arange(0, at_once)
    zero = (block * 0).to(tl.uint64)
    a = (block + 1).to(tl.uint64)
    b = zero + tl.load(draws + row).to(tl.uint64)
    c = zero + tl.load(items + row).to(tl.uint64)
    d = zero
    first, second = zero + low.to(tl.uint64), zero + high.to(tl.uint64)
    one, other = zero + 0xD2E7470EE14C6C93, zero + 0xCA5A826395121157
    for _ in tl.static_range(10):
        upper, under = tl.umulhi(c, other), tl.umulhi(a, one)
        right, left = c * other, a * one
        a, b, c, d = upper ^ b ^ first, right, under ^ d ^ second, left
        first += 0x9E3779B97F4A7C15
        second += 0xBB67AE8584CAA73B
    place, inside = out + (row * blocks + block) * 4, block < blocks
    tl.store(place, a.to(tl.int64, bitcast=True), mask=inside)
    tl.store(place + 1, b.to(tl.int64, bitcast=True), mask=inside)
    tl.store(place + 2, c.to(tl.int64, bitcast=True), mask=inside)
    tl.store(place + 3, d.to(tl.int64, bitcast=True), mask=inside)


def in_triton(low: int, high: int, items: Tensor, draws: Tensor, blocks: int) -> Tensor:
    """Return ``(B, 4 * blocks)`` int64 words under the key ``(low, high)``, as in ``words``."""
    made = torch.empty(len(items), 4 * blocks, dtype=torch.int64, device=items.device)
    if made.numel():
        places = (len(items), triton.cdiv(blocks, BLOCK))
        given = (made, items.contiguous(), draws.contiguous(), low, high, blocks)
        with torch.cuda.device_of(made):  # Triton starts kernels on the current device
            _kernel[places](*given, at_once=BLOCK)
    return made
