"""Hyperparameter searches: tuned component, metric and search space."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vrbench.bench.space import Told
from vrbench.cli.choices import choose
from vrbench.cli.composition import Composition
from vrbench.cli.folders import files_of, tuned
from vrbench.core.errors import ConfigError
from vrbench.metrics.base import Metric

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
