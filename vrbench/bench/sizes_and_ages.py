"""Sizes and ages, as people write and read them."""

from __future__ import annotations

import re

from vrbench.core.errors import ConfigError

SIZES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
AGES = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def in_bytes(told: str) -> int:
    """Return ``10GB`` as a number of bytes.

    Raises:
        ConfigError: if it is no size.
    """
    return int(_amount(told.upper(), SIZES, "a size such as 10GB"))


def in_seconds(told: str) -> float:
    """Return ``30d`` as a number of seconds.

    Raises:
        ConfigError: if it is no age.
    """
    return _amount(told, AGES, "an age such as 30d, 12h or 2w")


def _amount(told: str, units: dict[str, int], expected: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]+)", told)
    if not found or found[2] not in units:
        raise ConfigError(f"expected {expected}, got {told!r}")
    return float(found[1]) * units[found[2]]


def size(count: int) -> str:
    """Return a number of bytes for a reader."""
    unit = next((u for u in reversed(SIZES) if count >= SIZES[u]), "B")
    return f"{count / SIZES[unit]:.3g} {unit}"


def age(seconds: float) -> str:
    """Return a span of time for a reader."""
    unit = next((u for u in ("d", "h") if seconds >= AGES[u]), "m")
    return f"{max(seconds, 0) / AGES[unit]:.0f} {unit}"
