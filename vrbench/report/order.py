"""Natural sort order of names that contain numbers."""

from __future__ import annotations

import re

NUMBER = re.compile(r"((?:(?<=[=\s])-)?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")


def natural(name: str) -> list[tuple[int, float, str]]:
    """Return a sort key by which numbers inside names count as numbers.

    >>> sorted(["eps=16", "eps=2", "eps=0.5", "eps=0.25"], key=natural)
    ['eps=0.25', 'eps=0.5', 'eps=2', 'eps=16']
    """
    parts = NUMBER.split(name)  # text, number, text, ...
    return [(0, float(p), "") if n % 2 else (1, 0.0, p) for n, p in enumerate(parts) if p]
