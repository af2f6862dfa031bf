"""Progress of a run whose time nobody knows yet: which of its stages is being made."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vrbench.bench.store import DRAFT
from vrbench.core.progress import AT_THIS_PACE

log = logging.getLogger(__name__)
WORDS = {  # by stage, in the order in which a run makes them
    "pixels": "reading pictures",
    "extractors": "teaching the network",
    "features": "computing features",
    "models": "training the recommender",
    "attacks": "attacking pictures",
    "rankings": "ranking for every user",
}
PACED = "hydra.verbose=vrbench.core.progress"  # a run with this logs its pace
SOON, AGAIN = 0.5, 30.0  # seconds between two looks, and until the same is said again


@contextmanager
def watched(store: Path, told: Path, say: Callable[[str], None] = log.info) -> Iterator[None]:
    """Say which stage is being made below a store, when it begins and every half minute.

    Where the run says how much of a training is done, so does this, as soon as it is known.

    Args:
        store: its folder, which need not be there yet.
        told: what a run with ``PACED`` prints; need not be there yet.
        say: is given each line.
    """
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(Stages(store, told), over, say), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _watch(stages: Stages, over: threading.Event, say: Callable[[str], None]) -> None:
    began = time.monotonic()
    while not over.wait(SOON):
        if line := stages.line(time.monotonic() - began):
            say(line)


class Stages:
    """What there is to say of a run's stages, look by look.

    Args:
        store: where they are made.
        told: what the run prints.
    """

    def __init__(self, store: Path, told: Path) -> None:
        self.store, self.told = store, told
        self._stage, self._pace, self._when, self._start = "", "", 0.0, 0
        self._left = self._drafts()  # by runs that were killed

    def line(self, now: float) -> str:
        """Return what is to be said now; empty if nothing is new.

        Args:
            now: seconds since the run began.
        """
        drafts = self._drafts().items() - self._left.items()
        making = [stage for stage in WORDS if any(stage == path.parent.name for path, _ in drafts)]
        if not making:
            return ""
        begins = making[-1] != self._stage
        if begins:
            self._stage, self._pace, self._start = making[-1], "", len(self._printed())
        pace = self._last_pace()
        if not (begins or now - self._when >= AGAIN or (pace and not self._pace)):
            return ""
        self._pace, self._when = pace, now
        return f"  {now:.0f} s: {pace or WORDS[self._stage]}"

    def _drafts(self) -> dict[Path, int]:
        """Return what is being written, and when something was last put into it."""
        found = {}
        for path in self.store.glob(f"*/{DRAFT}*"):
            with suppress(OSError):  # it may be finished by now
                found[path] = path.stat().st_mtime_ns
        return found

    def _printed(self) -> bytes:
        try:
            return self.told.read_bytes()
        except OSError:
            return b""

    def _last_pace(self) -> str:
        """Return the last line of this stage that says how much is done; empty if none does."""
        lines = self._printed()[self._start :].decode(errors="replace").splitlines()
        return next((line for line in reversed(lines) if line.endswith(AT_THIS_PACE)), "")
