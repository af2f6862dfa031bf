"""Errors of Hydra as one line with the nearest valid name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from hydra.errors import MissingConfigException

from vrbench.core.errors import nearest, offered

EXTRAS = {  # launchers that are no part of Hydra, and what installs them
    "joblib": "joblib",
    "ray": "ray",
    "submitit_slurm": "slurm",
    "submitit_local": "slurm",
}


def plainly(error: Exception, known: dict[str, Any], axes: Iterable[str]) -> str:
    """Return an error of composition as one line.

    Args:
        error: what composing raised.
        known: every setting and choice that could have been meant, as nested mappings.
        axes: what may be chosen from.
    """
    text = " ".join(str(error).split())
    if isinstance(error, MissingConfigException) and error.missing_cfg_file is not None:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        if group == "hydra/launcher" and choice in EXTRAS:
            return f"{group}={choice} is not installed: pip install 'vrbench[{EXTRAS[choice]}]'"
        if not group.startswith("hydra/"):
            group, _, choice = str(error.missing_cfg_file).partition("/")
        if error.options is not None:
            there = sorted(error.options)
            return f"{group}: no choice {choice!r}{offered(choice, there, shows(group))}"
    found = re.search(r"Could not (?:override|append|delete) '([^'=]+)", text)
    if found:
        key = found[1].partition("@")[0]
        if key in axes and key not in known:
            return (
                f"{found[1]}: no {key} is chosen there; of a part that has one it is written with "
                f"its place, as in split@dataset.split=random (--cfg job shows what a part has)"
            )
        return no_setting(key, known, axes)
    if "Config group override" in text:
        return "a choice is written by its name, as in attack=pgd, and cannot be left out"
    return text.partition(" full_key:")[0]


def no_setting(key: str, known: dict[str, Any], axes: Iterable[str]) -> str:
    """Return the message for an unknown setting ``key``, with the nearest valid one."""
    node, parts, right = known, key.split("."), list[str]()
    for part in parts:
        if not isinstance(node, dict) or part not in node:
            break
        node = node[part]
        right.append(part)
    if len(right) == len(parts):
        return f"{key}: expected another kind of value (a choice is written as in attack=pgd)"
    there = [name for name in node if not name.startswith("_")] if isinstance(node, dict) else []
    if not right:
        there = sorted({*there, *axes} - {"hydra"})
    meant = _whole(nearest(parts[len(right)], there), right, parts[len(right) + 1 :])
    if right:
        held = f"{'.'.join(right)} has: {', '.join(there) or 'none'}"
    else:
        held = f"axes: {', '.join(sorted(axes))}"
    return f"no setting {key!r}{meant or f' ({held})'}"


def shows(axis: str) -> str:
    """Return the command that shows the choices of an axis."""
    return f"python -m vrbench list {axis}"


def _whole(meant: str, before: Sequence[str], after: Sequence[str]) -> str:
    """Return a question after one part of a dotted name as one after the whole of it."""
    meant = meant.replace("mean '", "".join(["mean '", *(f"{part}." for part in before)]))
    return meant.replace("'?", "".join([*(f".{part}" for part in after), "'?"]))
