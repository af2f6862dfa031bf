"""How the loss of a search went: heard where goals are asked, and averaged when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from itertools import islice, takewhile
from typing import TypedDict

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

EVERY_ONE = 32  # answers that are all kept; of 33 to 64 every second is, of 65 to 128 every fourth
JOINED = 4096  # answers held apart


class Point(TypedDict):
    """The mean loss after so many answers about each item.

    Attributes:
        step: the number of the answer, from 1.
        loss: the mean over items; an item that left the search earlier counts with its last one.
    """

    step: int
    loss: float


class Heard:
    """The losses that goals answered, in their order."""

    def __init__(self) -> None:
        self.count = 0
        self._items: list[Tensor] = []
        self._losses: list[Tensor] = []

    def add(self, items: Tensor, losses: Tensor) -> None:
        """Remember the losses, ``(B,)``, of ``items``; nothing waits for the device."""
        self.count += 1
        self._items.append(items)
        self._losses.append(losses.detach())
        if len(self._items) >= JOINED:
            self._items, self._losses = [torch.cat(self._items)], [torch.cat(self._losses)]

    def table(self, items: Tensor) -> Tensor:
        """Return ``(n, S)``: the loss of each item at each of ``kept_steps``; NaN past its last.

        What a row holds does not depend on which other items were searched.
        """
        if not self._items:
            return torch.empty(len(items), 0)
        asked, losses = torch.cat(self._items).cpu(), torch.cat(self._losses).float().cpu()
        order = asked.argsort(stable=True)
        found, counts = asked[order].unique_consecutive(return_counts=True)
        of = dict(zip(found.tolist(), losses[order].split(counts.tolist()), strict=True))
        rows = [of.get(item, losses[:0]) for item in items.tolist()]
        longest = max(map(len, rows))
        at = torch.tensor([*takewhile(lambda step: step <= longest, kept_steps())]) - 1
        whole = pad_sequence(rows, batch_first=True, padding_value=torch.nan)
        return whole[:, at]


_heard: ContextVar[Heard | None] = ContextVar("_heard", default=None)


@contextmanager
def heard() -> Iterator[Heard]:
    """Within it, what goals answer is remembered."""
    own = Heard()
    with _told_to(own):
        yield own


def unheard() -> AbstractContextManager[None]:
    """Within it, nobody listens: what is asked is no step of the search."""
    return _told_to(None)


@contextmanager
def _told_to(listener: Heard | None) -> Iterator[None]:
    token = _heard.set(listener)
    try:
        yield
    finally:
        _heard.reset(token)


def listening() -> Heard | None:
    """Return who remembers answers here, if anybody does."""
    return _heard.get()


def kept_steps() -> Iterator[int]:
    """Yield the numbers, from 1, of the answers that are kept.

    Example:
        >>> from itertools import islice
        >>> from vrbench.attacks.loss_curve import kept_steps
        >>> [*islice(kept_steps(), 29, 35)], max(islice(kept_steps(), 160))
        ([30, 31, 32, 34, 36, 38], 8192)
    """
    step, stride = 0, 1
    while True:
        step += stride
        yield step
        if step >= EVERY_ONE * stride:
            stride *= 2


def curve(table: Tensor) -> list[Point]:
    """Return the mean over items of a table of losses; empty where nobody was asked."""
    asked = ~table.isnan()
    rows, there = (part[asked.any(1)][:, asked.any(0)] for part in (table.double(), asked))
    last = torch.where(there, torch.arange(rows.shape[1]), 0).cummax(1).values
    means = rows.gather(1, last).mean(0).tolist() if len(rows) else []
    steps = islice(kept_steps(), len(means))
    return [{"step": step, "loss": mean} for step, mean in zip(steps, means, strict=True)]
