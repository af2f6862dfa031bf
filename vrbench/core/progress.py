"""Progress of long work: a bar on a terminal, elsewhere lines for whoever asks for them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
log = logging.getLogger(__name__)
AT_THIS_PACE = "left at this pace"  # ends each line
SOON = 2.0  # seconds between two lines


def progress(steps: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
    """Return ``steps``, drawing a bar on standard error while they are gone through.

    Nothing is drawn in the first second, nor where standard error is not a terminal. There a line
    is logged every two seconds, if this module's logger is set to DEBUG.
    """
    if total is None and isinstance(steps, Sized):
        total = len(steps)
    bar = tqdm(steps, desc=label, total=total, disable=None, leave=False, delay=1.0)
    asked = bar.disable and total and log.isEnabledFor(logging.DEBUG)
    return _told(steps, label, total) if asked and total else bar


def _told(steps: Iterable[T], label: str, total: int) -> Iterator[T]:
    began = last = time.monotonic()
    for done, step in enumerate(steps):
        now = time.monotonic()
        if done and now - last >= SOON:
            left = (now - began) / done * (total - done)
            log.debug("%s: %d of %d, %s %s", label, done, total, duration(left), AT_THIS_PACE)
            last = now
        yield step


def duration(seconds: float) -> str:
    """Return an estimated time, in words.

    Example:
        >>> duration(42), duration(400), duration(9000)
        ('about 40 s', 'about 7 min', 'about 2.5 h')
    """
    if seconds < 95:
        return f"about {max(10 * round(seconds / 10), 5)} s"
    if seconds < 95 * 60:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"
