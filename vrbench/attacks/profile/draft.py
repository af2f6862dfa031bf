"""Profiles in the making: rows of items, none twice in a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vrbench.attacks.profile.shop import Floats, Ints
from vrbench.core.dice import Dice

Source = Callable[[Ints, Dice], Ints]  # from (m,) fakes to one drawn item for each
TRIES = 16  # rounds in which a source may offer what a profile has already
BLOCK = 2**24  # cells of a dense block, where nearly all items are to be had


class Profiles(NamedTuple):
    """Fake users in compressed sparse rows, items ascending within a row."""

    indptr: Ints  # (fakes + 1,)
    items: Ints  # (N,)
    stars: Floats | None  # (N,) ratings; None where feedback is implicit

    @property
    def lengths(self) -> Ints:
        """The ``(fakes,)`` number of items of each."""
        return np.diff(self.indptr)


class Draft:
    """Rows to which items are added.

    Args:
        count: number of rows.
        num_items: size of the catalogue.
        barred: items that no source may add.
    """

    def __init__(self, count: int, num_items: int, barred: Ints) -> None:
        assert count * num_items < 2**62, "a key is one int64"
        self.count, self.num_items = count, num_items
        self._free = np.ones(num_items, dtype=bool)
        self._free[barred] = False
        self._keys = np.empty(0, dtype=np.int64)  # of all rows, ascending

    def put(self, rows: Ints, items: Ints) -> tuple[Ints, Ints]:
        """Add these items, which may be barred to sources; return them, by row."""
        return self._take(_once(rows * self.num_items + items))

    def fill(self, wanted: Ints, source: Source, dice: Dice) -> tuple[Ints, Ints]:
        """Add ``wanted`` items to each row, ``(count,)``, and return ``(rows, items)`` of these.

        Every draw that a row has already is drawn again. What a source has not given after 16 tries
        comes from all items alike; a row is shorter only where the catalogue has no more.
        """
        wanted = np.minimum(wanted, self._free.sum() - self._had())
        found = [self._draw(wanted, source, dice)]
        missing = wanted - np.bincount(found[0][0], minlength=self.count)
        if missing.any():
            found.append(self._draw(missing, uniform(self.num_items), dice))
            missing -= np.bincount(found[1][0], minlength=self.count)
            found.append(self._rest(missing, dice))
        rows, items = (np.concatenate(part) for part in zip(*found, strict=True))
        return rows, items

    def _had(self) -> Ints:
        """Return how many of the free items each row has."""
        free = self._free[self._keys % self.num_items]
        return np.bincount(self._keys[free] // self.num_items, minlength=self.count)

    def _draw(self, wanted: Ints, source: Source, dice: Dice) -> tuple[Ints, Ints]:
        """Return what a source gave in a number of rounds, each as many draws as are missing."""
        missing, found = wanted.copy(), []
        for _ in range(TRIES):
            rows = np.repeat(np.arange(self.count), missing)
            if not len(rows):
                break
            items = source(rows, dice)
            keys = _once((rows * self.num_items + items)[self._free[items]])
            taken = self._take(keys[~_within(keys, self._keys)])
            missing -= np.bincount(taken[0], minlength=self.count)
            found.append(taken)
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        rows, items = (np.concatenate(part) for part in zip(*found, strict=True))
        return rows, items

    def _rest(self, missing: Ints, dice: Dice) -> tuple[Ints, Ints]:
        """Return items for rows that have nearly all there are, by one random order for each."""
        (late,) = np.nonzero(missing)
        keys = [np.empty(0, dtype=np.int64)]
        step = max(1, BLOCK // self.num_items)
        for rows in (late[n : n + step] for n in range(0, len(late), step)):
            grid = rows[:, None] * self.num_items + np.arange(self.num_items)
            open_ = self._free & ~_within(grid, self._keys)
            order = np.where(open_, dice.words(*grid.shape), 2**32)
            chosen = np.argsort(order, axis=1, kind="stable")
            nth = np.arange(self.num_items) < missing[rows][:, None]
            keys.append(np.take_along_axis(grid, chosen, axis=1)[nth])
        return self._take(np.sort(np.concatenate(keys)))

    def _take(self, keys: Ints) -> tuple[Ints, Ints]:
        """Add new ``keys``, ascending; return their rows and items."""
        self._keys = np.sort(np.concatenate([self._keys, keys]), kind="stable")
        return keys // self.num_items, keys % self.num_items


def _once(keys: Ints) -> Ints:
    """Return each of ``keys`` once, ascending; several times as fast as ``np.unique``."""
    keys = np.sort(keys)
    first = np.ones(len(keys), dtype=bool)
    first[1:] = keys[1:] != keys[:-1]
    return keys[first]


def _within(keys: Ints, known: Ints) -> np.ndarray:
    """Return, for keys of any shape, whether each is among ``known``, ascending."""
    if not len(known):
        return np.zeros(keys.shape, dtype=bool)
    return np.asarray(known[np.searchsorted(known, keys).clip(max=len(known) - 1)] == keys)


def uniform(num_items: int) -> Source:
    """Return a source of all items alike."""
    return lambda rows, dice: dice.integers(num_items, len(rows))


def among(pool: Ints) -> Source:
    """Return a source of the items of a pool, all alike."""
    return lambda rows, dice: pool[dice.integers(len(pool), len(rows))]


def weighted(counts: Ints) -> Source:
    """Return a source of items in proportion to whole numbers, ``(num_items,)``."""
    upto = counts.cumsum()
    total = int(upto[-1])
    assert 0 < total < 2**31

    def draw(rows: Ints, dice: Dice) -> Ints:
        return np.searchsorted(upto, dice.words(len(rows)) * total >> 32, side="right")

    return draw


def of_rows(indptr: Ints, items: Ints, which: Ints) -> Source:
    """Return a source that gives fake ``f`` items of row ``which[f]`` of a table, all alike."""
    start, count = indptr[:-1][which], np.diff(indptr)[which]
    assert (count > 0).all()

    def draw(rows: Ints, dice: Dice) -> Ints:
        return items[start[rows] + (dice.words(len(rows)) * count[rows] >> 32)]

    return draw
