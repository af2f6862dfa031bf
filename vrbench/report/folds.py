"""Folds of one data set, which are aggregated as seeds are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SETTINGS = ("fold", "valid_fold")  # of a data set, also of one inside another


def fold_of(part: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return which fold of the test and of the validation a data set is; None if it has none."""
    told = part.get("fold")
    return None if told is None else (told["number"], told["valid"])


def of_all_folds(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a data set without its fold number, under the key that all folds share.

    A part without folds comes back as it is.
    """
    told = part.get("fold")
    if told is None:
        return dict(part)
    shared = {
        name: {key: value for key, value in part[name].items() if not _says_which(key)}
        for name in ("settings", "changed")
        if isinstance(part.get(name), dict)
    }
    return dict(part) | shared | {"key": told["shared"]}


def _says_which(setting: str) -> bool:
    return setting.rpartition(".")[2] in SETTINGS
