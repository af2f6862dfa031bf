"""Named random streams: adding a stage never shifts the numbers of another."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def stream(seed: int, *names: object) -> torch.Generator:
    """Return a CPU generator that depends on ``seed`` and ``names`` only."""
    text = "/".join(map(str, (seed, *names)))
    state = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return torch.Generator().manual_seed(state % 2**63)


class Streams:
    """One random stream per item, so that what an item draws does not depend on its company.

    Every method takes the ``(B,)`` items of the rows wanted, each at most once, and returns
    ``(B, *shape)`` float32 on the device of ``items``. An item's numbers depend on the seed, the
    names, the item, and what this item drew before; never on the other rows.
    """

    def __init__(self, seed: int, *names: object) -> None:
        self._seed, self._names = seed, names
        self._made: dict[int, torch.Generator] = {}

    def again(self) -> Streams:
        """Return the same streams, from their beginning."""
        return Streams(self._seed, *self._names)

    def uniform(self, items: Tensor, *shape: int) -> Tensor:
        """Return numbers uniform in ``[0, 1)``."""
        return self._stack(items, [torch.rand(shape, generator=g) for g in self._of(items)])

    def normal(self, items: Tensor, *shape: int) -> Tensor:
        """Return standard normal numbers."""
        return self._stack(items, [torch.randn(shape, generator=g) for g in self._of(items)])

    def signs(self, items: Tensor, *shape: int) -> Tensor:
        """Return -1 or 1, each half of the time."""
        bits = [torch.randint(0, 2, shape, generator=g, dtype=torch.int8) for g in self._of(items)]
        return self._stack(items, bits).float().mul_(2).sub_(1)

    def integers(self, items: Tensor, low: int, high: int, *shape: int) -> Tensor:
        """Return int64 numbers in ``[low, high)``."""
        drawn = [torch.randint(low, high, shape, generator=g) for g in self._of(items)]
        return self._stack(items, drawn)

    def _of(self, items: Tensor) -> list[torch.Generator]:
        for item in items.tolist():
            if item not in self._made:
                self._made[item] = stream(self._seed, *self._names, item)
        return [self._made[item] for item in items.tolist()]

    @staticmethod
    def _stack(items: Tensor, rows: list[Tensor]) -> Tensor:
        return torch.stack(rows).to(items.device)
