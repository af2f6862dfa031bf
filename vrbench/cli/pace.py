"""Progress of long work: a bar on a terminal, elsewhere a line per finished part."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from vrbench.core.progress import duration

log = logging.getLogger(__name__)
TRUSTED = 0.05  # of expected seconds: taken as if they had passed as expected


class Pace:
    """Counts finished parts and estimates the remaining time.

    What is left is what was expected of it, as much longer or shorter as what is done took.

    Args:
        expected: of every part, in the order in which they are done; in any unit.
        seconds: whether that unit is a second. Then it was measured, and the first parts, which may
            be no more than a start, do not decide alone: they count beside ``TRUSTED`` of it all.
    """

    def __init__(self, expected: Sequence[float], *, seconds: bool = False) -> None:
        self.expected = list(expected)
        self._trusted = TRUSTED * sum(expected) if seconds else 0.0
        self._bar = tqdm(
            total=len(self.expected),
            desc="cells",
            disable=None,
            bar_format="{l_bar}{bar}| {postfix}",
        )
        self._done, self._began = 0, time.monotonic()

    def step(self) -> None:
        """Count one more part."""
        self._done = min(self._done + 1, len(self.expected))
        told = progress(self._done, len(self.expected), self.left())
        if self._bar.disable:
            log.info("%s", told)
        else:
            self._bar.set_postfix_str(told, refresh=False)
            self._bar.update()

    def left(self) -> float:
        """Return the seconds that are left."""
        spent = time.monotonic() - self._began + self._trusted
        done = sum(self.expected[: self._done]) + self._trusted
        return spent / done * sum(self.expected[self._done :]) if done else 0.0

    @contextmanager
    def shown(self) -> Iterator[Pace]:
        """Show it until the end; what is logged meanwhile stands above the bar."""
        self._began = time.monotonic()
        with self._bar, logging_redirect_tqdm():
            yield self


def progress(done: int, of: int, seconds: float) -> str:
    """Return progress and remaining time, in words."""
    told = f"{done} of {of} cells"
    return told if done == of else f"{told}, {duration(seconds)} left"
