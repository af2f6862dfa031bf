"""Regression of an item's gain under attack on its characteristics before it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from vrbench.core.errors import ConfigError
from vrbench.report.run_records import Entry
from vrbench.report.study import Fit, Floats, regression

PREDICTORS = ("clean CHR", "popularity", "clean margin", "category size")
Of = tuple[str, str]  # attack and recommender
Item = tuple[str, str, str]  # data set, category, item


def picture_fits(entries: Sequence[Entry]) -> list[Fit]:
    """Return a regression for each attack and recommender, over attacked items.

    Explained are the places that an item gains in the mean over users, and over the seeds of its
    runs. By what was there before: the clean CHR of its category, how often it was bought and how
    large its category is (both as ``log10(1 + n)``), and the margin of the adversary's aim on its
    clean picture, negative where the aim is reached already. All are in deviations from their mean.

    Items of a category share two of the four and are not independent: errors are robust to that
    (clusters of a category of a data set), with a t distribution of as many degrees of freedom as
    there are categories, less one.

    Args:
        entries: runs in which pictures of many categories were attacked (``every_source``).

    Raises:
        ConfigError: if no run attacked pictures, or there are too few categories to fit that many
            terms; or if statsmodels is not installed.
    """
    found: dict[Of, dict[Item, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        parts = entry.get("parts", {})
        for item in entry.get("items", []):
            told = _told(entry, item)
            if told is not None:
                of = parts["attack"]["name"], parts["recommender"]["name"]
                name = parts["dataset"]["key"], entry["case"]["source"], str(item["item"])
                found[of][name].append(told)
    if not found:
        raise ConfigError("no run attacked pictures of items: see scenario=every_source")
    return [_fit(of, items) for of, items in sorted(found.items())]


def _told(entry: Entry, item: dict[str, Any]) -> list[float] | None:
    """Return places gained, then the predictors; None where one is missing."""
    case = entry["case"]
    standing = (case.get("standing") or {}).get("source") or {}
    told = [item.get(n) for n in ("rank_before", "rank_after", "popularity", "margin")]
    told += [standing.get("chr"), case.get("size")]
    known = [float(value) for value in told if value is not None]
    if len(known) < len(told):
        return None
    before, after, bought, margin, shown, size = known
    return [before - after, shown, math.log10(1 + bought), margin, math.log10(1 + size)]


def _fit(of: Of, items: dict[Item, list[list[float]]]) -> Fit:
    rows: Floats = np.array([np.mean(seeds, 0) for seeds in items.values()])
    labels = sorted({name[:2] for name in items})
    groups = np.array([labels.index(name[:2]) for name in items])
    told = rows[:, 1:]
    usable = told.std(0) > 1e-9
    names = [name for name, use in zip(PREDICTORS, usable, strict=True) if use]
    if len(labels) < len(names) + 2:
        raise ConfigError(
            f"{of[0]} on {of[1]}: {len(labels)} categories cannot tell {len(names)} things apart; "
            "attack items of more of them (scenario=every_source)"
        )
    r2, effects = regression(names, told[:, usable], rows[:, 0], groups)
    return Fit(*of, len(rows), float(rows[:, 0].mean()), r2, effects)
