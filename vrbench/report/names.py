"""Names of a run's components: the choice, and its overridden settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def label(part: Mapping[str, Any]) -> str:
    """Return the choice made for a part and the settings changed, as in ``linf_8 eps=4``.

    Of a path its last name. A record of an earlier version tells the choice alone.
    """
    changed = part.get("changed") or {}
    told = {name: _last(shown(value)) for name, value in sorted(changed.items())}
    return " ".join(filter(None, [str(part["name"]), text(told)]))


def text(settings: Mapping[str, str]) -> str:
    """Return settings as they are typed; what is called ``#`` is a key."""
    return " ".join(f"#{v}" if name == "#" else f"{name}={v}" for name, v in settings.items())


def shown(value: Any) -> str:
    """Return the value of a setting as YAML has it."""
    if isinstance(value, bool | None):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _last(value: str) -> str:
    return value.rstrip("/").rpartition("/")[2] or value
