"""Progress of a run whose time nobody knows yet: which of its stages is being made."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vrbench.bench.store import DRAFT

log = logging.getLogger(__name__)
WORDS = {  # by stage, in the order in which a run makes them
    "pixels": "reading pictures",
    "extractors": "teaching the network",
    "features": "computing features",
    "models": "training the recommender",
    "attacks": "attacking pictures",
    "rankings": "ranking for every user",
}
SOON, AGAIN = 0.5, 30.0  # seconds between two looks, and until the same is said again


@contextmanager
def watched(store: Path, say: Callable[[str], None] = log.info) -> Iterator[None]:
    """Say which stage is being made below a store, when it begins and every half minute.

    Args:
        store: its folder, which need not be there yet.
        say: is given each line.
    """
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(store, over, say), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def in_making(store: Path) -> list[str]:
    """Return the stages of which an artifact is being written, in a run's order."""
    return [stage for stage in WORDS if any((store / stage).glob(f"{DRAFT}*"))]


def _watch(store: Path, over: threading.Event, say: Callable[[str], None]) -> None:
    began, last, when = time.monotonic(), "", 0.0
    while not over.wait(SOON):
        now = time.monotonic() - began
        making = in_making(store)
        told = WORDS[making[-1]] if making else ""
        if told and (told != last or now - when >= AGAIN):
            say(f"  {now:.0f} s: {told}")
            last, when = told, now
