"""Named random streams: adding a stage never shifts the numbers of another."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from vrbench.core import from_words
from vrbench.core.philox import Key, words
from vrbench.core.same_rows import SameRows

CACHED = 2**17  # words made in one go on a processor, which are then finished in its cache
FAMILIAR = 4  # rows that are known to have drawn before


def stream(seed: int, *names: object) -> torch.Generator:
    """Return a CPU generator that depends on ``seed`` and ``names`` only."""
    text = "/".join(map(str, (seed, *names)))
    state = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return torch.Generator().manual_seed(state % 2**63)


def seeded_from(rng: torch.Generator, device: torch.device) -> torch.Generator:
    """Return a generator of its own on ``device``, seeded by a draw from ``rng``."""
    return torch.Generator(device).manual_seed(int(torch.randint(2**62, (1,), generator=rng)))


class Streams:
    """One random stream per item, so that what an item draws does not depend on its company.

    Every method takes the ``(B,)`` items of the rows wanted, each at most once, and returns
    ``(B, *shape)`` on the device of ``items``, float32 unless said otherwise. An item's numbers
    depend on the seed, the names, the item, and how often this item drew before; never on the
    other rows. They are the same bit for bit on every device: words of Philox (``core.philox``),
    of which all that follows is exact.
    """

    def __init__(self, seed: int, *names: object) -> None:
        self._seed, self._names = seed, names
        self._key = Key.of("/".join(map(str, (seed, *names))))
        # Items that drew, ascending, and how often before the present rows did.
        self._known = self._counts = torch.empty(0, dtype=torch.int64)
        self._familiar: list[SameRows] = []
        self._rows: SameRows | None = None
        self._times = 0
        self._asked = self._before = torch.empty(0, dtype=torch.int64)

    def again(self) -> Streams:
        """Return the same streams, from their beginning."""
        return Streams(self._seed, *self._names)

    def uniform(self, items: Tensor, *shape: int) -> Tensor:
        """Return numbers uniform in ``[0, 1)``, multiples of ``2**-24``."""
        return self._made(items, shape, 2, from_words.uniform)

    def normal(self, items: Tensor, *shape: int) -> Tensor:
        """Return standard normal numbers: quantiles of 65,536 equal steps of probability."""
        return self._made(items, shape, 4, from_words.normal)

    def signs(self, items: Tensor, *shape: int) -> Tensor:
        """Return -1 or 1, each half of the time."""
        return self._made(items, shape, 64, from_words.signs)

    def integers(self, items: Tensor, low: int, high: int, *shape: int) -> Tensor:
        """Return int64 numbers in ``[low, high)``, ``high - low`` at most ``2**31``."""
        return self._made(items, shape, 2, partial(from_words.integers, low=low, high=high))

    def _made(
        self, items: Tensor, shape: tuple[int, ...], each: int, finish: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Return ``(B, *shape)``, of what ``finish`` makes of words: ``each`` numbers of one.

        On a processor a few rows are made and finished at a time, while they are in its cache.
        """
        count, draws = math.prod(shape), self._draws(items)
        needed = -(-count // each)

        def rows(first: int, last: int) -> Tensor:
            drawn = words(self._key, items[first:last], draws[first:last], needed)
            return finish(drawn)[:, :count]

        at_once = max(1, CACHED // max(1, needed))
        if items.device.type != "cpu" or len(items) <= at_once:
            return rows(0, len(items)).reshape(len(items), *shape)
        found = rows(0, at_once)
        made = found.new_empty(len(items), count)
        made[:at_once] = found
        for first in range(at_once, len(items), at_once):
            made[first : first + at_once] = rows(first, first + at_once)
        return made.reshape(len(items), *shape)

    def _draws(self, items: Tensor) -> Tensor:
        """Return how often each item drew before, and count this draw.

        The first rows of all, and rows that drew lately, are told without waiting for the device.
        """
        rows = SameRows.of(items)
        if self._rows is None or not self._rows.same(rows):
            self._remember(items.device)
            self._before = self._counts_of(items, rows)
            self._rows, self._asked, self._times = rows, items.clone(), 0
        self._times += 1
        return self._before + (self._times - 1)

    def _remember(self, device: torch.device) -> None:
        """Count what the present rows drew; they are known, or the first of all."""
        if not len(self._asked):
            return
        drawn = self._before + self._times
        if len(self._known):
            at = torch.searchsorted(self._known, self._asked)
            self._counts = self._counts.index_copy(0, at, drawn)
        else:
            self._known, order = self._asked.sort()
            self._counts = drawn[order]
        self._known, self._counts = self._known.to(device), self._counts.to(device)

    def _counts_of(self, items: Tensor, rows: SameRows) -> Tensor:
        """Return how often each item drew, and know them from now on."""
        familiar = any(known.same(rows) for known in self._familiar)
        if not familiar:
            self._familiar = [*self._familiar[1 - FAMILIAR :], rows]
        if not len(self._known) or not len(items):
            return torch.zeros_like(items)
        wanted = items.contiguous()
        at = torch.searchsorted(self._known, wanted)
        if familiar:
            return self._counts[at]
        there = self._known[at.clamp(max=len(self._known) - 1)]
        new = wanted[(there != wanted).nonzero().squeeze(1)]
        if len(new):
            self._known, order = torch.cat([self._known, new]).sort()
            self._counts = torch.cat([self._counts, torch.zeros_like(new)])[order]
            at = torch.searchsorted(self._known, wanted)
        return self._counts[at]
