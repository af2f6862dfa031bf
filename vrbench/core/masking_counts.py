"""Counts of items that show signs of masked gradients, and which signs are named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

SUSPECT = 0.05  # share of the items looked at that must show a sign before it is named

Counts = dict[str, list[int]]  # by sign: items that show it, and items that were looked at


def added(parts: Iterable[Mapping[str, Sequence[int]]]) -> Counts:
    """Return the counts of several blocks of items together."""
    told: Counts = {}
    for part in parts:
        for sign, (shown, looked) in part.items():
            before = told.get(sign, [0, 0])
            told[sign] = [before[0] + shown, before[1] + looked]
    return told


def suspected(told: Mapping[str, Sequence[int]]) -> list[str]:
    """Return the signs that more than a twentieth of the items looked at show.

    Example:
        >>> from vrbench.core.masking_counts import suspected
        >>> suspected({"flat loss": [1, 40], "no limit fails": [3, 8]})
        ['no limit fails']
    """
    return [sign for sign, (shown, looked) in told.items() if looked and shown > SUSPECT * looked]
