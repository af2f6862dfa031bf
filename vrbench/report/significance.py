"""Paired significance tests between models over users, corrected for multiplicity."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors.numpy import load_file
from scipy.stats import false_discovery_control, ttest_rel, wilcoxon

from vrbench.core.errors import ConfigError, DataError, nearest
from vrbench.core.files import regular
from vrbench.core.plurals import how_many
from vrbench.report.effect_size import Effect, effect
from vrbench.report.identity import Repeat, aim, fold, named, repeat
from vrbench.report.order import natural
from vrbench.report.per_user import OfUsers, Values, averaged, everybody, folds
from vrbench.report.run_records import Entry, read
from vrbench.report.tables import number, probability

Side = Literal["before", "after"]
Correction = Literal["holm", "fdr", "none"]
OF_MODEL = ("extractor", "recommender")  # what can move a number where nobody attacks
OF_ATTACK = ("threat", "objective", "attack", "budget", "scenario", "precision")


@dataclass(frozen=True)
class Sample:
    """Per-user values of one model.

    Attributes:
        label: what tells it from the others.
        values: ``(U,)`` one number per user, a mean over seeds and folds; NaN where undefined.
        seeds: which.
    """

    label: str
    values: Values
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Comparison:
    """Two models on the users for whom both are defined.

    Attributes:
        model, other: labels.
        n: users.
        mean, base: means of ``model`` and of ``other`` over them.
        t, w: two-sided p-values of the paired t-test and of Wilcoxon's signed ranks (zeros kept,
            after Pratt).
        t_corrected, w_corrected: the same, corrected for all comparisons of the table.
        effect: how large the difference is: its 95 % interval, Cohen's d, rank-biserial r.
    """

    model: str
    other: str
    n: int
    mean: float
    base: float
    t: float
    w: float
    t_corrected: float
    w_corrected: float
    effect: Effect


def samples(folders: Iterable[str | Path], metric: str, side: Side) -> list[Sample]:
    """Return one sample per model below ``folders``, averaged per user over seeds and folds.

    Args:
        folders: where runs are.
        metric: a column of theirs that has one number per user.
        side: "before": on clean inputs, so that attacks tell nobody apart; "after": attacked.

    Raises:
        MissingDataError: if there are no runs, or no values beside their rows.
        ConfigError: if the metric is unknown or not per user, or if the runs are of different
            data, or split differently (but for folds), or of different folds: their users cannot
            be paired.
        DataError: if two runs of one model and seed disagree.
    """
    runs = _runs(folders, metric, side)
    _check_data([entry for entry, _ in runs])
    labels = _labels([entry for entry, _ in runs], side, metric)
    found: dict[str, dict[Repeat, OfUsers]] = defaultdict(dict)
    for (entry, of_users), label in zip(runs, labels, strict=True):
        known = found[label].setdefault(repeat(entry), of_users)
        if not np.array_equal(known.values, of_users.values, equal_nan=True):
            raise DataError(
                f"two runs of {label}, seed {entry['seed']}, disagree: name the folders to read"
            )
    _on_the_same_folds(found)
    users = everybody(of_users for _, of_users in runs)
    return [
        Sample(label, averaged(by, users), tuple(sorted({seed for seed, *_ in by})))
        for label, by in sorted(found.items(), key=lambda model: natural(model[0]))
    ]


def _check_data(runs: Sequence[Entry]) -> None:
    """Raise unless all runs are of the same data, split alike: users are paired."""
    data = {(e["parts"]["dataset"]["name"], e["parts"]["dataset"].get("key")) for e in runs}
    if len(data) > 1:
        names = " and ".join(sorted(f"{name} ({key})" for name, key in data))
        raise ConfigError(f"users of different data or splits cannot be paired: {names}")


def _labels(runs: Sequence[Entry], side: Side, metric: str) -> list[str]:
    """Return what tells each run's model from the others; its recommender if nothing does."""
    where = [_where(entry, side, metric) for entry in runs]
    axes = [n for n in range(len(where[0])) if len({place[n] for place in where}) > 1]
    return [
        " ".join(place[n] for n in axes) or entry["parts"]["recommender"]["name"]
        for entry, place in zip(runs, where, strict=True)
    ]


def _on_the_same_folds(found: Mapping[str, Mapping[Repeat, OfUsers]]) -> None:
    """Raise unless all models were run on the same folds: users are averaged over them."""
    first, *others = found
    for other in others:
        if folds(found[first]) != folds(found[other]):
            told = [
                f"{label} on {', '.join(f'{a}.{b}' if b else f'{a}' for a, b in folds(runs))}"
                for label, runs in ((first, found[first]), (other, found[other]))
            ]
            raise ConfigError(f"models on different folds cannot be paired: {'; '.join(told)}")


def compare(
    models: Sequence[Sample], baseline: str | None = None, correction: Correction = "holm"
) -> list[Comparison]:
    """Return every model beside ``baseline``, or every pair where none is named.

    Raises:
        ConfigError: if there is no such baseline, or nothing to compare.
    """
    by_label = {sample.label: sample for sample in models}
    if baseline is not None and baseline not in by_label:
        raise ConfigError(
            f"no model {baseline!r}{nearest(baseline, by_label)} (there is: {', '.join(by_label)})"
        )
    if len(models) < 2:
        raise ConfigError(f"one model, {', '.join(by_label)}: there is nothing to compare it with")
    if baseline is None:
        pairs = list(combinations(models, 2))
    else:
        pairs = [(s, by_label[baseline]) for s in models if s.label != baseline]
    tested = [(a, b, *_tested(a, b)) for a, b in pairs]
    t_corrected = corrected([t for *_, t, _ in tested], correction)
    w_corrected = corrected([w for *_, w in tested], correction)
    both = zip(tested, t_corrected, w_corrected, strict=True)
    return [
        Comparison(
            *(a.label, b.label, len(x), float(x.mean()), float(y.mean())),
            *(t, w, t_all, w_all),
            effect(x - y),
        )
        for (a, b, x, y, t, w), t_all, w_all in both
    ]


def corrected(p: Sequence[float], correction: Correction) -> list[float]:
    """Return p-values corrected for their number.

    "holm" bounds the chance of a single false claim (Holm, 1979), under any dependence; "fdr" the
    expected share of false claims (Benjamini and Hochberg, 1995).
    """
    if correction == "none" or not len(p):
        return list(p)
    if correction == "fdr":
        return [float(v) for v in false_discovery_control(p, method="bh")]
    order = np.argsort(p)
    steps = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    made = np.empty(len(p))
    made[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(v) for v in made]


def table(found: Sequence[Comparison], exact: bool = False) -> tuple[list[str], list[list[str]]]:
    """Return heads and lines; ``exact`` for programs, not for people."""
    value, p = (repr, repr) if exact else (number, probability)
    heads = ["model", "against", "users", "mean", "its mean", "difference", "95 % low", "high"]
    heads += ["d", "t-test p", "corrected", "r", "Wilcoxon p", "corrected"]
    size = repr if exact else "{:.2f}".format
    return heads, [
        [c.model, c.other, str(c.n)]
        + [value(v) for v in (c.mean, c.base, c.mean - c.base, c.effect.low, c.effect.high)]
        + [size(c.effect.d), p(c.t), p(c.t_corrected)]
        + [size(c.effect.r), p(c.w), p(c.w_corrected)]
        for c in found
    ]


def _runs(folders: Iterable[str | Path], metric: str, side: Side) -> list[tuple[Entry, OfUsers]]:
    """Return every run that has the metric's values on this side, and the values."""
    read_from = read(folders)
    found, known = [], set()
    for (path, _), entry in zip(read_from, named([e for _, e in read_from]), strict=True):
        rows = {row["metric"]: row for row in entry.get("rows", []) if row["per"] == "user"}
        known |= set(rows)
        if metric not in rows or rows[metric][side] is None:
            continue
        file = path.parent / "values.safetensors"
        regular(file, f"no {file}: values per user lie beside rows.json; run it again")
        told = load_file(file)
        users = None if fold(entry) is None else told["users"]
        found.append((entry, OfUsers(told[f"{metric}/{side}"].astype(np.float64), users)))
    if not found:
        raise ConfigError(
            f"no run has {metric!r} per user {side} an attack{nearest(metric, known)} "
            f"(there is: {', '.join(sorted(known)) or 'nothing'})"
        )
    return found


def _where(entry: Entry, side: Side, metric: str) -> tuple[str, ...]:
    """Return what tells this run from others, whatever its seeds."""
    parts = OF_MODEL if side == "before" else (*OF_MODEL, *OF_ATTACK)
    names = (entry["parts"].get(part, {}).get("name", "") for part in parts)
    return (*names, entry["parts"]["metrics"]["of"].get(metric, ""), aim(entry))


def _tested(a: Sample, b: Sample) -> tuple[Values, Values, float, float]:
    """Return both models' values where both are defined, and the p-values of both tests."""
    if a.values.shape != b.values.shape:
        raise DataError(f"{a.label} and {b.label} have different numbers of users")
    both = ~(np.isnan(a.values) | np.isnan(b.values))
    x, y = a.values[both], b.values[both]
    if len(x) < 2:
        users = how_many(len(x), "user")
        raise ConfigError(f"{a.label} and {b.label} share {users}: too few for a test")
    if np.array_equal(x, y):
        return x, y, 1.0, 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the same difference for every user
        t = float(ttest_rel(x, y).pvalue)
    return x, y, t, float(wilcoxon(x, y, zero_method="pratt").pvalue)
