"""How many pictures a device computes at once. No key depends on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vrbench.core.visuals import BLOCK

MOST = 512  # beyond it no GPU gets quicker
LEAST = 3 * 224 * 224  # numbers of a picture: networks enlarge those that are smaller
TIMES = 200  # what a deep network holds for a gradient, in pictures of float32


def at_once(device: torch.device, shape: Sequence[int]) -> int:
    """Return how many pictures of ``shape`` go together: a multiple of 64.

    On a processor 64, as ever: products of networks round by the number of their rows. On a GPU,
    whose answers are the same within a tolerance, as many as half of its free memory holds.
    """
    if device.type != "cuda":
        return BLOCK
    free, _ = torch.cuda.mem_get_info(device)
    shown = max(math.prod(shape), LEAST)
    return multiple(free // 2 // (4 * shown * TIMES))


def multiple(fitting: int) -> int:
    """Return the multiple of 64 below ``fitting``, from 64 to 512."""
    return min(max(fitting // BLOCK, 1) * BLOCK, MOST)


class Ahead:
    """Computes some of the blocks that come next together with the one that is asked for.

    Args:
        blocks: of items.
        compute: returns tensors of one row for each item it is given.
        missing: whether a block is still to be made.
        count: blocks computed together.
    """

    def __init__(
        self,
        blocks: Sequence[Tensor],
        compute: Callable[[Tensor], dict[str, Tensor]],
        missing: Callable[[int], bool],
        count: int,
    ) -> None:
        self._blocks, self._compute, self._missing = blocks, compute, missing
        self._count = count
        self._held: dict[int, dict[str, Tensor]] = {}

    def make(self, number: int) -> dict[str, Tensor]:
        """Return the tensors of a block."""
        if number not in self._held:
            later = range(number + 1, min(number + self._count, len(self._blocks)))
            chosen = [number, *filter(self._missing, later)]
            sizes = [len(self._blocks[n]) for n in chosen]
            found = self._compute(torch.cat([self._blocks[n] for n in chosen]))
            parts = {name: rows.split(sizes) for name, rows in found.items()}
            for place, n in enumerate(chosen):
                self._held[n] = {name: rows[place] for name, rows in parts.items()}
        return self._held.pop(number)
