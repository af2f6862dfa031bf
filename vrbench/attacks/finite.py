"""Whether answers are numbers: noted where they are computed, and looked at all together.

To look at once is to wait for the device, at every step of a search. A search notes and goes on;
its caller looks when it is over, and every so often on the way, lest a search that diverged goes on
for hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import torch
from torch import Tensor

from vrbench.core.errors import DivergedError

EVERY = 128  # notes between two looks


class Note(NamedTuple):
    """What somebody answered.

    Attributes:
        name: whose answer it is.
        items: ``(B,)`` asked about.
        fine: ``(B,)`` bool: whether all of it is finite.
    """

    name: str
    items: Tensor
    fine: Tensor


_notes: ContextVar[list[Note] | None] = ContextVar("_notes", default=None)


@contextmanager
def looked_at_later() -> Iterator[None]:
    """Within it, ``note`` may raise late: at the latest when it is left.

    An error that comes out of it is one of numbers, if some were not finite before.

    Raises:
        DivergedError: naming the first item in trouble.
    """
    notes: list[Note] = []
    token = _notes.set(notes)
    try:
        yield
    except Exception as error:
        if not isinstance(error, DivergedError):
            _look(notes, error)
        raise
    else:
        _look(notes)
    finally:
        _notes.reset(token)


def note(name: str, items: Tensor, *found: Tensor) -> None:
    """Raise, or note for later, if what was answered about ``items`` is not all finite.

    Args:
        name: whose answer it is, for the error.
        items: ``(B,)``; the first one in trouble is named too.
        found: tensors of ``B`` rows.

    Raises:
        DivergedError: so that no picture is made out of it.
    """
    rows = [_largest(f.detach()).isfinite() for f in found]
    notes = _notes.get()
    own = [] if notes is None else notes
    own.append(Note(name, items, torch.stack(rows).all(0)))
    if notes is None or len(notes) >= EVERY:
        _look(own)


def _largest(rows: Tensor) -> Tensor:
    """Return, ``(B,)``, a number that is finite if all of a row is: cheaper than to ask each."""
    if rows.ndim == 1 or not rows.numel():
        return rows.reshape(len(rows), -1).sum(1)
    return rows.abs().amax(tuple(range(1, rows.ndim)))


def _look(notes: list[Note], cause: Exception | None = None) -> None:
    """Wait for the notes, once for all, and raise if there is trouble; leave none behind."""
    seen = notes.copy()
    notes.clear()
    if not seen or torch.cat([n.fine for n in seen]).all():
        return
    first = next(n for n in seen if not n.fine.all())
    raise DivergedError(
        f"{first.name} gives item {first.items[~first.fine][0].item()} a loss or a gradient that "
        "is not finite: what answers it has diverged, or needs float32"
    ) from cause
