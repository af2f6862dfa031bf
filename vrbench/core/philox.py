"""Philox-4x64-10: random words that depend on a key and a counter, and on nothing else.

Salmon et al., *Parallel random numbers: as easy as 1, 2, 3* (SC 2011). Every block of four words
is made on its own, so a row is the same alone or in company, and the same on every device: only
products and exclusive ors of whole numbers are taken. There are three ways to them, each bit for
bit the same: NumPy's generator on a processor, one kernel on a GPU that has Triton, and plain
operations of PyTorch anywhere else.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vrbench.core.extras import has_triton

ROUNDS = 10
FACTORS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
HALF = 0xFFFFFFFF  # of a word


class Key(NamedTuple):
    """What a family of streams hangs on: two words, kept as signed numbers of 64 bits."""

    low: int
    high: int

    @classmethod
    def of(cls, text: str) -> Key:
        """Return the key of a text: the first half of its SHA-256."""
        found = hashlib.sha256(text.encode()).digest()
        return cls(*(int.from_bytes(found[n : n + 8], "little", signed=True) for n in (0, 8)))

    @property
    def schedule(self) -> list[tuple[int, int]]:
        """The key of each round, signed."""
        return [
            (signed(self.low + n * WEYL[0]), signed(self.high + n * WEYL[1])) for n in range(ROUNDS)
        ]


def signed(word: int) -> int:
    """Return the number in ``[-2**63, 2**63)`` with the last 64 bits of ``word``."""
    return (word + 2**63) % 2**64 - 2**63


def words(key: Key, items: Tensor, draws: Tensor, count: int) -> Tensor:
    """Return ``(B, n)`` int64, uniform over all words, on the device of ``items``.

    ``n`` is ``count`` rounded up to whole blocks of four.
    Word ``n`` of a row is word ``n % 4`` of the block with counter ``(1 + n // 4, draw, item, 0)``.

    Args:
        key: of the family.
        items: ``(B,)`` int64, whose row it is.
        draws: ``(B,)`` int64, how often this item drew before.
        count: words of a row.
    """
    blocks = -(-count // 4)
    if items.device.type == "cpu":
        return in_numpy(key, items, draws, blocks)
    if items.is_cuda and has_triton():
        from vrbench.core.philox_triton import in_triton

        return in_triton(*key, items, draws, blocks)
    return in_torch(key, items, draws, blocks)


def in_numpy(key: Key, items: Tensor, draws: Tensor, blocks: int) -> Tensor:
    """Return ``(B, 4 * blocks)`` words as NumPy's generator makes them, row by row."""
    source = np.random.Philox(key=np.array(key, dtype=np.int64).view(np.uint64))
    state = source.state
    counters = np.zeros((len(items), 4), dtype=np.int64)  # NumPy adds one before it makes a block
    counters[:, 1], counters[:, 2] = draws.numpy(), items.numpy()
    made = np.empty((len(items) if len(items) != 1 else 0, 4 * blocks), dtype=np.uint64)
    for row, counter in enumerate(counters.view(np.uint64)):
        state["state"]["counter"], state["buffer_pos"] = counter, 4
        source.state = state
        found = source.random_raw(4 * blocks)
        if len(items) == 1:  # no copy of a whole picture
            made = found[None]
        else:
            made[row] = found
    return torch.from_numpy(made.view(np.int64))


def in_torch(key: Key, items: Tensor, draws: Tensor, blocks: int) -> Tensor:
    """Return ``(B, 4 * blocks)`` words by operations that every device of PyTorch knows."""
    block = torch.arange(1, blocks + 1, device=items.device).expand(len(items), blocks)
    draw, item = (x[:, None].expand_as(block) for x in (draws, items))
    found = mixed((block, draw, item, torch.zeros_like(block)), key)
    return torch.stack(found, -1).flatten(1)


def mixed(counter: tuple[Tensor, ...], key: Key) -> tuple[Tensor, ...]:
    """Return the four words of each counter, which is four words as well."""
    a, b, c, d = counter
    for low, high in key.schedule:
        a, b, c, d = (
            _upper(c, FACTORS[1]) ^ b ^ low,
            c * signed(FACTORS[1]),
            _upper(a, FACTORS[0]) ^ d ^ high,
            a * signed(FACTORS[0]),
        )
    return a, b, c, d


def _upper(word: Tensor, factor: int) -> Tensor:
    """Return the upper 64 of the 128 bits of a product of unsigned words.

    Halves are multiplied, since numbers of PyTorch have 64 bits and a sign.
    """
    low, high = word & HALF, word >> 32 & HALF
    first, second = low * (factor & HALF), low * (factor >> 32)
    third, fourth = high * (factor & HALF), high * (factor >> 32)
    middle = (first >> 32 & HALF) + (second & HALF) + (third & HALF)
    return fourth + (second >> 32 & HALF) + (third >> 32 & HALF) + (middle >> 32)
