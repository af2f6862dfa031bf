"""Random numbers for what is data: the same on every machine, under every version of a library."""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray


class Dice:
    """Draws that depend on ``seed``, ``names`` and what was drawn before, and on nothing else.

    How libraries turn random bits into numbers changes with their versions, with the processor and
    with what they are linked to. Here the bits are those of MT19937 as NumPy's ``RandomState``
    seeds it, which NumPy keeps for ever, and all that is done to them is exact: integer arithmetic
    and multiplication by powers of two. ``order``, ``integers`` and ``uniform`` give what PyTorch 2
    gives for ``core.seeds.stream`` of the same names on the CPU (``randperm``, ``randint``,
    ``rand`` of float64), so that splits published with it stay what they are.
    """

    def __init__(self, seed: int, *names: object) -> None:
        text = "/".join(map(str, (seed, *names)))
        state = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        self._bits = np.random.RandomState(state % 2**32)

    def words(self, *shape: int) -> NDArray[np.int64]:
        """Return integers uniform in ``[0, 2**32)``."""
        drawn = np.frombuffer(self._bits.bytes(4 * math.prod(shape)), dtype="<u4")
        return drawn.astype(np.int64).reshape(shape)

    def integers(self, high: int, *shape: int) -> NDArray[np.int64]:
        """Return integers in ``[0, high)``, uniform but for ``high / 2**32`` of their share."""
        assert 0 < high < 2**28
        return self.words(*shape) % high

    def uniform(self, *shape: int) -> NDArray[np.float64]:
        """Return float64 uniform in ``[0, 1)``, multiples of ``2**-53``."""
        pairs = self.words(*shape, 2)
        joined = (pairs[..., 0] % 2**21 << 32) + pairs[..., 1]
        return np.asarray(joined, dtype=np.float64) * 2.0**-53

    def normal(self, *shape: int) -> NDArray[np.float64]:
        """Return float64 of mean 0 and deviation 1, normal within 6: sums of twelve uniform ones.

        No logarithm and no cosine, whose last bit is each machine's own.
        """
        return np.asarray(self.words(*shape, 12).sum(-1), dtype=np.float64) * 2.0**-32 - 6

    def order(self, count: int) -> NDArray[np.int64]:
        """Return a permutation of ``0 .. count - 1``, uniform among all (Fisher and Yates)."""
        order = list(range(count))
        ahead = self.words(max(0, count - 1)) % np.arange(count, 1, -1)
        for n, step in enumerate(ahead.tolist()):
            order[n], order[n + step] = order[n + step], order[n]
        return np.array(order, dtype=np.int64)

    def between(self, low: float, high: float) -> float:
        """Return one number uniform in ``[low, high)``."""
        return low + (high - low) * float(self.uniform())
