"""How many scores of a row exceed one of them, and how many reach it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vrbench.core.extras import has_triton

CACHED = 2**19  # scores that are compared while they are in a processor's cache
GATHERED = 2**26  # scores that are copied at once on a device without Triton


def counts(score: Tensor, row: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """Return, ``(P,)`` int64, how many of ``score[row[p]]`` exceed ``own[p]``, and reach it.

    Args:
        score: ``(B, N)`` float32, no entry of which is NaN.
        row: ``(P,)`` rows, ascending.
        own: ``(P,)`` float32.
    """
    if not len(row):
        return torch.empty_like(row), torch.empty_like(row)
    if score.device.type == "cpu":
        return _on_processor(score, row, own)
    if score.is_cuda and has_triton():
        from vrbench.recommenders.counting_triton import counts_in_triton

        return counts_in_triton(score, row, own)
    return _in_torch(score, row, own)


def _in_torch(score: Tensor, row: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    width = max(1, GATHERED // score.shape[1])
    pairs = list(zip(row.split(width), own[:, None].split(width), strict=True))
    more = torch.cat([(score[r] > limit).sum(1) for r, limit in pairs])
    return more, torch.cat([(score[r] >= limit).sum(1) for r, limit in pairs])


def _on_processor(score: Tensor, row: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """Some rows at a time, while they are in the cache: their first pairs, then their second ones.

    The pairs of rows that have more than most are taken with copies of their rows.
    """
    table, limits, rows = score.numpy(), own.numpy(), row.numpy()
    found = np.empty((2, len(rows)), dtype=np.int64)
    width = max(1, CACHED // table.shape[1])
    counter = Counter(min(width, len(table)), table.shape[1])
    for first in range(0, len(table), width):
        some = table[first : first + width]
        begin, end = np.searchsorted(rows, (first, first + width))
        mine = rows[begin:end] - first
        nth = np.arange(end - begin) - np.searchsorted(mine, mine)
        for n in range(int(nth.max()) + 1 if len(nth) else 0):
            at = np.flatnonzero(nth == n)
            if 2 * len(at) > len(some):  # of most rows: no copy, the others count for nothing
                limit = np.full(len(some), np.inf, dtype=np.float32)
                limit[mine[at]] = limits[begin + at]
                found[:, begin + at] = counter(some, limit)[:, mine[at]]
            else:
                found[:, begin + at] = counter(some[mine[at]], limits[begin + at])
    return torch.from_numpy(found[0]), torch.from_numpy(found[1])


class Counter:
    """Counts comparisons of rows, eight at a time.

    A comparison is a byte; eight of them are added as one number, as long as no byte overflows.

    Args:
        rows: the most rows at once.
        columns: of each.
    """

    def __init__(self, rows: int, columns: int) -> None:
        words = -(-columns // 8)
        groups = -(-words // 255)
        self._bytes = np.zeros((rows, groups * -(-words // groups) * 8), dtype=bool)
        self._words = self._bytes.view(np.uint64).reshape(rows, groups, -1)
        self._columns = columns

    def __call__(self, rows: NDArray[np.float32], own: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return ``(2, B)``: how many exceed ``own``, ``(B,)``, and how many reach it."""
        found = np.empty((2, len(rows)), dtype=np.int64)
        into, added = self._bytes[: len(rows), : self._columns], self._words[: len(rows)]
        for place, compare in enumerate((np.greater, np.greater_equal)):
            compare(rows, own[:, None], out=into)
            found[place] = added.sum(2).view(np.uint8).sum(1, dtype=np.int64)
        return found
