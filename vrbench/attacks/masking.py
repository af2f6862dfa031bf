"""Signs that an attack was held up and not defended against, noticed item by item."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from vrbench.core.masking_counts import SUSPECT, Counts

FLAT, ASKED, LIMIT, DRAW = "flat loss", "questions ahead", "no limit fails", "one draw"
SIGNS = (FLAT, ASKED, LIMIT, DRAW)
UNSEEN = -1  # nobody looked


class Signs:
    """What an attack noticed of each item."""

    def __init__(self) -> None:
        self._told: dict[int, dict[str, int]] = {}

    def add(self, sign: str, items: Tensor, shown: Tensor) -> None:
        """Remember of ``items``, ``(B,)``, whether they show a sign, ``(B,)`` bool."""
        for item, yes in zip(items.tolist(), shown.tolist(), strict=True):
            of = self._told.setdefault(item, {})
            of[sign] = max(of.get(sign, UNSEEN), int(yes))

    def table(self, items: Tensor) -> Tensor:
        """Return ``(n, len(SIGNS))`` int8: 1 shown, 0 not, ``UNSEEN`` where nobody looked."""
        rows = [[self._told.get(i, {}).get(sign, UNSEEN) for sign in SIGNS] for i in items.tolist()]
        return torch.tensor(rows, dtype=torch.int8).reshape(len(items), len(SIGNS))


_noticed: ContextVar[Signs | None] = ContextVar("_noticed", default=None)


@contextmanager
def noticed() -> Iterator[Signs]:
    """Within it, signs that attacks notice are remembered."""
    own = Signs()
    token = _noticed.set(own)
    try:
        yield own
    finally:
        _noticed.reset(token)


def notice(sign: str, items: Tensor, shown: Tensor) -> bool:
    """Remember who shows a sign, if anybody listens; return whether it is to be named.

    Args:
        sign: one of ``SIGNS``.
        items: ``(B,)``, who were looked at.
        shown: ``(B,)`` bool.
    """
    if (listener := _noticed.get()) is not None:
        listener.add(sign, items, shown)
    return len(items) > 0 and float(shown.double().mean()) > SUSPECT


def counts(table: Tensor) -> Counts:
    """Return how many items show each sign that was looked for, and of how many."""
    looked, shown = (table != UNSEEN).sum(0).tolist(), (table == 1).sum(0).tolist()
    return {s: [n, of] for s, n, of in zip(SIGNS, shown, looked, strict=True) if of}
