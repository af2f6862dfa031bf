"""Progress bars, in one place: on a terminal only, and only for work that takes a while."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(steps: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
    """Return ``steps``, drawing a bar on standard error while they are gone through.

    Nothing is drawn in the first second, nor where standard error is not a terminal.
    """
    if total is None and isinstance(steps, Sized):
        total = len(steps)
    return tqdm(steps, desc=label, total=total, disable=None, leave=False, delay=1.0)
