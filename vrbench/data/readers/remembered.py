"""Files of feedback read once by all cells of a sweep in one process."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
FILES = 4  # train, validation and test of one data set, and one more
LARGEST = 32 * 2**20  # bytes of a file that is kept: as names it takes some ten times as many


def remembered(read: Callable[[Path], T]) -> Callable[[Path], T]:
    """Return a reader that reads a small file again only where it was written since.

    What it returns is shared, so nobody may change it.
    """

    @lru_cache(maxsize=FILES)
    def kept(path: Path, state: tuple[int, ...]) -> T:
        return read(path)

    @wraps(read)
    def reader(path: Path) -> T:
        if not path.is_file():
            return read(path)  # which says what is missing
        stat = path.stat()
        if stat.st_size > LARGEST:
            return read(path)
        which, when = (stat.st_dev, stat.st_ino), (stat.st_mtime_ns, stat.st_ctime_ns)
        return kept(path, (*which, *when, stat.st_size))

    return reader
