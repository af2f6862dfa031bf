"""Regression of attack effects on characteristics of data sets (Deldjoo et al., 2020)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vrbench.core.errors import ConfigError, offered
from vrbench.core.extras import extra
from vrbench.report.grid import columns
from vrbench.report.run_records import Entry

Floats = NDArray[np.float64]
CHARACTERISTICS = ("space size", "shape", "density", "user Gini", "item Gini", "rating deviation")


@dataclass(frozen=True)
class Effect:
    """The effect of one characteristic: standardised coefficient and p-value."""

    coefficient: float
    low: float  # of the 95 % interval
    high: float
    p: float
    inflation: float  # of its variance by the others: 1 if they say nothing of it, above 10 much


@dataclass(frozen=True)
class Fit:
    """The regression of one attack on one recommender, over parts of a data set or over items.

    Attributes:
        attack, recommender: their names.
        parts: how many data sets there are, or items.
        mean: of the change that is explained.
        r2: the share of its variance that is explained; and adjusted for the number of terms.
        effects: of what differs between the parts, by name.
        by_items: what the logarithm of the number of items explains alone; NaN over items.
    """

    attack: str
    recommender: str
    parts: int
    mean: float
    r2: tuple[float, float]
    effects: dict[str, Effect]
    by_items: float = math.nan


def fits(entries: Sequence[Entry], metric: str, per_item: bool = False) -> list[Fit]:
    """Return a regression for each attack and recommender (Deldjoo et al., SIGIR 2020).

    Explained is how the metric changes from clean to attacked, as a mean over the seeds of one
    data set, by ordinary least squares on the characteristics in deviations from their mean. What
    is the same everywhere, or not defined (the ratings of implicit feedback), is left out.

    Args:
        entries: runs with the rows of ``metrics=study``.
        metric: whose change is explained; of a metric of a change, it itself.
        per_item: divide the change by the number of items: places gained are more where there are
            more places.

    Raises:
        ConfigError: if no run has the metric or the characteristics, or there are too few data sets
            to fit that many terms; or if statsmodels is not installed.
    """
    known = columns(entries)
    for name in (metric, CHARACTERISTICS[0]):
        if name not in known:
            hint = offered(name, sorted(known)) if name == metric else ": run with metrics=study"
            raise ConfigError(f"no run has {name!r}{hint}")
    return [_fit(*pair, metric, cell, per_item) for pair, cell in _cells(entries).items()]


def _cells(entries: Sequence[Entry]) -> dict[tuple[str, str], list[list[Entry]]]:
    """Return, by attack and recommender, the runs of each data set."""
    found: dict[tuple[str, str], dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        if entry.get("rows"):
            parts = entry["parts"]
            pair = (parts["attack"]["name"], parts["recommender"]["name"])
            found[pair][parts["dataset"]["key"]].append(entry)
    return {pair: list(runs.values()) for pair, runs in sorted(found.items())}


def _fit(
    attack: str, recommender: str, metric: str, cell: Sequence[Sequence[Entry]], per_item: bool
) -> Fit:
    """Return one regression.

    Raises:
        ConfigError: if there are too few data sets.
    """
    change = np.array([fmean(_change(entry, metric) for entry in runs) for runs in cell])
    told = np.array([[_value(runs[0], name) for name in CHARACTERISTICS] for runs in cell])
    items = 10 ** ((told[:, 0] - told[:, 1] + 3) / 2)  # of log users * items / 1000, users / items
    change = change / items if per_item else change
    usable = np.isfinite(told).all(0)
    usable[usable] = told[:, usable].std(0) > 1e-9
    names = [name for name, use in zip(CHARACTERISTICS, usable, strict=True) if use]
    if len(cell) < len(names) + 3:
        raise ConfigError(
            f"{attack} on {recommender}: {len(cell)} data sets cannot tell {len(names)} "
            "characteristics apart; run more of them (dataset.draw)"
        )
    r2, effects = regression(names, told[:, usable], change)
    alone = math.nan
    if np.isfinite(items).all():
        differ = items.std() > 1e-6
        alone = regression(["items"], np.log(items)[:, None], change)[0][0] if differ else 0.0
    return Fit(attack, recommender, len(cell), float(change.mean()), r2, effects, alone)


def regression(
    names: Sequence[str], told: Floats, change: Floats, groups: Floats | None = None
) -> tuple[tuple[float, float], dict[str, Effect]]:
    """Return R2 and adjusted R2, and the effects, of ordinary least squares.

    Args:
        names: of the columns.
        told: ``(n, len(names))`` what explains; put into deviations from its mean.
        change: ``(n,)`` what is explained.
        groups: ``(n,)`` the cluster of each line, where lines are not independent.

    Raises:
        ConfigError: if statsmodels is not installed.
    """
    linear = extra("statsmodels.api", needed_by="vrbench study", group="study")
    known = linear.add_constant((told - told.mean(0)) / told.std(0))
    model = linear.OLS(change, known)
    if groups is None:
        made = model.fit()
    else:
        made = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    within = np.asarray(made.conf_int())
    effects = {
        name: Effect(
            coefficient=float(made.params[n]),
            low=float(within[n][0]),
            high=float(within[n][1]),
            p=float(made.pvalues[n]),
            inflation=_inflation(linear, known, n),
        )
        for n, name in enumerate(names, start=1)
    }
    return (float(made.rsquared), float(made.rsquared_adj)), effects


def _inflation(linear: Any, known: Floats, n: int) -> float:
    """Return how much the other columns inflate the variance of the ``n``-th coefficient."""
    others = linear.OLS(known[:, n], np.delete(known, n, axis=1)).fit()
    return float(1 / max(1 - others.rsquared, 1e-12))


def _change(entry: Entry, metric: str) -> float:
    row = next(row for row in entry["rows"] if row["metric"] == metric)
    before = row.get("before")
    return float(row["after"]) - (0.0 if before is None else float(before))


def _value(entry: Entry, name: str) -> float:
    """Return a characteristic; NaN where there is none."""
    found = [row.get("before") for row in entry["rows"] if row["metric"] == name]
    return float(found[0]) if found and found[0] is not None else math.nan


def names_of(found: Sequence[Fit]) -> list[str]:
    """Return the names of all effects, each once, in the order of the regressions."""
    return list(dict.fromkeys(name for fit in found for name in fit.effects))


def table(
    found: Sequence[Fit], unit: str = "data sets", exact: bool = False
) -> tuple[list[str], list[list[str]]]:
    """Return heads and lines: a coefficient and its p for each thing that explains.

    "largest VIF" is the largest inflation of a coefficient's variance: far above 10, what explains
    can hardly be told apart.

    Args:
        found: the regressions.
        unit: what they run over.
        exact: for programs, not for people: a p however small.
    """
    names, whole = names_of(found), not any(math.isnan(fit.by_items) for fit in found)
    heads = ["attack", "recommender", unit, "mean change", "R2", "adjusted R2"]
    heads += ["R2 of items alone"] if whole else []
    heads += ["largest VIF"]
    lines = [
        [fit.attack, fit.recommender, str(fit.parts), f"{fit.mean:.4g}"]
        + [f"{share:.2f}" for share in (*fit.r2, *([fit.by_items] if whole else []))]
        + [f"{max(effect.inflation for effect in fit.effects.values()):.1f}"]
        + [_told(fit.effects.get(name), exact) for name in names]
        for fit in found
    ]
    return [*heads, *names], lines


def _told(effect: Effect | None, exact: bool) -> str:
    if effect is None:
        return "-"
    if exact:
        p = f"p = {effect.p:.3g}"
    else:
        p = "p < 0.001" if effect.p < 0.001 else f"p = {effect.p:.3f}"
    return f"{effect.coefficient:+.3g} ({p})"
