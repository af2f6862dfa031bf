"""Hyperparameter searches: tuned component, metric and search space."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vrbench.bench.space import Space, Told
from vrbench.cli.axes import PARTS as OF_A_CELL
from vrbench.cli.choices import choose
from vrbench.cli.composition import Composition
from vrbench.cli.folders import files_of, tuned
from vrbench.core.errors import ConfigError
from vrbench.metrics.base import Metric

if TYPE_CHECKING:
    from vrbench.bench.validation import Validation, Watch

PARTS = ("recommender", "extractor", "attack")  # what can be tuned, one at a time
BY = {"recommender": "ndcg_20", "extractor": "ndcg_20", "attack": "item_hr_20"}


def spaces(conf: Path) -> dict[str, Path | Told]:
    """Return by name the shipped search spaces, and the files of the user's own ``tune/``."""
    return {**tuned(conf), **files_of("tune", conf)}


def space_for(choice: str, known: Mapping[str, Any]) -> str:
    """Return the name of the space of a choice: its own, or that of what it is over.

    Raises:
        ConfigError: if there is none.
    """
    name = choice
    while name and name not in known:
        name = name.rpartition("/")[0]
    if not name:
        raise ConfigError(f"no search space for {choice!r}: name one (--space {', '.join(known)})")
    return name


def swept(overrides: Sequence[str]) -> list[list[str]]:
    """Return one list of overrides for each value of the part that has several.

    ``recommender=vbpr,amr`` are two searches, ``-m`` or not.
    """
    for n, override in enumerate(overrides):
        part, _, told = override.partition("=")
        if part in PARTS and "," in told and not told.startswith(("[", "{")):
            names = [name.strip() for name in told.split(",")]
            one = [[*overrides[:n], f"{part}={name}", *overrides[n + 1 :]] for name in names]
            return [each for chosen in one for each in swept(chosen)]
    return [list(overrides)]


def by_fold(overrides: Sequence[str]) -> list[list[str]]:
    """Return one list of overrides for each fold that is named.

    As in ``dataset.fold=0,1,2`` or ``dataset.fold=range(3)``.
    """
    for n, override in enumerate(overrides):
        key, _, told = override.partition("=")
        if counted := re.fullmatch(r"range\((\d+)\)", told.strip()):
            told = ",".join(map(str, range(int(counted[1]))))
        if key.rpartition(".")[2] in ("fold", "valid_fold") and "," in told:
            each = [f"{key}={value.strip()}" for value in told.split(",")]
            one = [[*overrides[:n], fold, *overrides[n + 1 :]] for fold in each]
            return [found for chosen in one for found in by_fold(chosen)]
    return [list(overrides)]


def part_of(space: Mapping[str, Any]) -> str:
    """Return the tuned component of a space: ``recommender``, ``extractor`` or ``attack``.

    Raises:
        ConfigError: if it is about two of them, or another.
    """
    found = sorted({key.partition(".")[0] for key in map(str, space)})
    if len(found) != 1 or found[0] not in PARTS:
        told = " and ".join(found)
        raise ConfigError(f"a search tunes one of {', '.join(PARTS)}, and this space has {told}")
    return found[0]


def known_settings(composition: Composition) -> list[str]:
    """Return every setting that a space may name, by dotted key."""
    return [key for part in PARTS for key in composition.settings(part)]


def metric_of(name: str) -> Metric:
    """Return the one metric that a choice of ``metrics`` stands for, as in ``ndcg_10``.

    Raises:
        ConfigError: if there is none of that name, or it is a set of several.
    """
    made = choose("metrics", name)
    if len(made) != 1:
        raise ConfigError(f"--metric {name} is a set of {len(made)} metrics: name one, as ndcg_10")
    found: Metric = made[0]
    return found


def lower_is_better(metric: Metric, part: str, goal: str | None) -> bool:
    """Return whether smaller is better; of an attack, what is worse for the shop is better.

    Args:
        metric: what is measured.
        part: what is tuned.
        goal: "lower" or "higher" if somebody said so; else None.
    """
    if goal is not None:
        return goal == "lower"
    good_for_the_shop = metric.better == "lower"
    return not good_for_the_shop if part == "attack" else good_for_the_shop


def seeds_of(told: str) -> list[int]:
    """Return the seeds of a list with commas.

    Raises:
        ConfigError: if it is none.
    """
    try:
        return [int(seed) for seed in told.split(",")]
    except ValueError:
        raise ConfigError(f"expected --seeds such as 0,1,2, got {told!r}") from None


def judge_of(part: str, metric: str | None, goal: str | None) -> tuple[Metric, bool]:
    """Return the metric that settings of a part are judged by, and whether lower is better."""
    by = metric_of(metric or BY[part])
    return by, lower_is_better(by, part, goal)


def judged_on(
    folds: Sequence[Composition], part: str, seeds: list[int], by: Metric
) -> tuple[Validation, list[Validation]]:
    """Return what scores settings of a part on the first fold, and on the others.

    Raises:
        ConfigError: if an attack is to be tuned on several.
    """
    if part != "attack":
        first, *others = [_validation(fold, seeds, by) for fold in folds]
        return first, others
    if len(folds) > 1:
        raise ConfigError("an attack is tuned on one fold: name it, as in dataset.fold=0")
    return _validation(folds[0], seeds, None), []


def _validation(composition: Composition, seeds: list[int], by: Metric | None) -> Validation:
    """Return what scores a recommender on the shop that is composed, on its machine."""
    from vrbench.bench.store import Store
    from vrbench.bench.validation import Validation

    machine, cfg = composition.make("machine"), composition.cfg
    machine.use()
    return Validation(
        composition.make("dataset"),
        composition.make("extractor"),
        Store(Path(cfg.store)),
        machine,
        seeds=seeds,
        extractor_seed=cfg.extractor_seed,
        metric=by,
    )


def asked_of(
    composition: Composition,
    validation: Validation,
    folds: Sequence[Validation],
    part: str,
    space: Space,
    by: Metric,
) -> dict[str, Any]:
    """Return what a search depends on beside its seeds: one journal each."""
    parts = OF_A_CELL if part == "attack" else ("extractor", "recommender")
    return {
        **{name: composition.make(name) for name in parts if name != "dataset"},
        "data": validation.data,
        "extractor_seed": composition.cfg.extractor_seed,
        "space": {key: asdict(values) for key, values in space.items()},
        "metric": by,
        **({"folds": [fold.data for fold in folds]} if folds else {}),
    }


def score_of(
    composition: Composition,
    validation: Validation,
    part: str,
    by: Metric,
    folds: Sequence[Validation],
) -> Callable[[dict[str, Any], Watch], float]:
    """Return how good settings of a part are, in the mean over ``validation`` and other folds."""
    from vrbench.bench.validation import OverFolds

    every = OverFolds([validation, *folds]) if folds else validation

    def of_a_recommender(changes: Mapping[str, Any], watch: Watch) -> float:
        return every.score(composition.make(part, dict(changes)), watch)

    def of_an_extractor(changes: Mapping[str, Any], watch: Watch) -> float:
        extractor = composition.make(part, dict(changes))
        return every.score(composition.make("recommender"), watch, extractor)

    def of_an_attack(changes: Mapping[str, Any], watch: Watch) -> float:
        from vrbench.bench.attack_strength import attack_strength

        names = [name for name in OF_A_CELL if name not in (part, "dataset")]
        parts = {name: composition.make(name) for name in names}
        parts[part] = composition.make(part, dict(changes))
        return attack_strength(validation, parts, by, watch)

    return {
        "recommender": of_a_recommender,
        "extractor": of_an_extractor,
        "attack": of_an_attack,
    }[part]
