"""Sweeps over pairs of source and target category, written as ``scenario=nine_pairs``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig

from vrbench.cli.instantiation import make
from vrbench.cli.overrides import each_choice
from vrbench.cli.targets import find
from vrbench.core.errors import ConfigError
from vrbench.core.plurals import how_many
from vrbench.threats.scenario.by_lift import EachPair

OWN = ("scenario.low", "scenario.high")
WHETHER = ("scenario", "experiment", "preset")  # axes, and settings inside them
HOW_MANY = (*WHETHER, "dataset")


def with_pairs(arguments: Sequence[str], conf: Path) -> list[str]:
    """Return a command line whose scenario is expanded to a sweep over category pairs.

    One that names ``scenario.low`` or ``.high``, or has another scenario, is left as it is. To
    count the categories of "every" pair the data set is made.

    Raises:
        ConfigError: if no sweep was asked for, or its data sets differ in their categories.
    """
    asked = get_args_parser().parse_args(list(arguments))
    overrides = list(asked.overrides)
    keys = {override.partition("=")[0] for override in overrides}
    if not keys & {"scenario", "experiment"} or keys & set(OWN):
        return list(arguments)
    each = each_choice(overrides)
    cells = _composed(each, WHETHER, conf)
    pairs = [cfg for cfg in cells if _visits_pairs(cfg.scenario)]
    if not pairs or _swept(cells[0]) & set(OWN):
        return list(arguments)
    if len(pairs) < len(cells):
        raise ConfigError("a sweep over pairs of categories has one scenario: sweep it by itself")
    if not (asked.multirun or str(cells[0].hydra.mode).endswith("MULTIRUN")):
        raise ConfigError(
            "a scenario of many pairs is a sweep, which is started with -m; one pair of it is "
            "scenario.low=0 scenario.high=0"
        )
    visited = _visited(_composed(each, HOW_MANY, conf))
    at = list(arguments).index(overrides[0])  # options that take a value may stand at the end
    more = [f"scenario.{end}={','.join(map(str, range(n)))}" for end, n in visited.items()]
    return [*arguments[:at], *more, *arguments[at:]]


def _composed(each: Sequence[list[str]], decides: tuple[str, ...], conf: Path) -> list[DictConfig]:
    """Return what override lists compose, a cell for each that differs in what decides."""
    with initialize_config_dir(str(conf), version_base="1.3", job_name="vrbench"):
        return [
            compose("run", overrides=chosen, return_hydra_config=True)
            for chosen in _deciding(each, decides)
        ]


def _swept(cell: DictConfig) -> set[str]:
    """Return the settings that a composed experiment sweeps by itself."""
    return {str(key) for key in cell.hydra.sweeper.params or {}}


def _visited(cells: Sequence[DictConfig]) -> dict[str, int]:
    """Return how far each end of the pairs runs, the same in all ``cells``.

    Raises:
        ConfigError: if it is not.
    """
    visited, *others = (_visits(cfg) for cfg in _distinct(cells))
    if any(other != visited for other in others):
        raise ConfigError(
            "these data sets or scenarios have different numbers of categories: run them one by "
            "one, or say how many pairs: scenario.low=0,1,2 scenario.high=0,1,2"
        )
    return visited


def _deciding(each: Sequence[list[str]], decides: tuple[str, ...]) -> list[list[str]]:
    """Return the first override list, and those that differ from it in what decides.

    The others were composed when the command line was checked, and visit what the first does.
    """
    first = each[0]
    return [
        chosen
        for chosen in each
        if chosen is first
        or any(
            told != other and told.startswith(decides)
            for told, other in zip(chosen, first, strict=True)
        )
    ]


def _visits_pairs(scenario: DictConfig) -> bool:
    return "_target_" in scenario and find(scenario["_target_"]) is EachPair


def _distinct(cells: Iterable[DictConfig]) -> list[DictConfig]:
    """Return one cell of each data set under each scenario."""
    return list({f"{cfg.dataset} {cfg.scenario}": cfg for cfg in cells}.values())


def what_helps(categories: int, least: int) -> str:
    """Return what helps where too few categories are large enough for a pair."""
    if categories > 1 and least > 1:
        return ": lower scenario.min_items"
    return ": a pair needs two, so give the items categories (dataset.categories of features)"


def _visits(cfg: DictConfig) -> dict[str, int]:
    scenario: EachPair = make(cfg.scenario)
    if scenario.pairs == "nine":
        return scenario.visits(3)
    if scenario.labels != "catalogue":
        raise ConfigError(
            "how many categories an extractor predicts is known once it is trained: name the "
            "pairs, as in scenario.low=0,1,2 scenario.high=0,1,2"
        )
    catalogue: Any = make(cfg.dataset).catalogue
    counts = torch.bincount(catalogue.categories, minlength=len(catalogue.names))
    named = {scenario.source, scenario.target}
    for name in filter(None, (scenario.source, scenario.target)):
        catalogue.category(name)  # or says which there are
    large = [
        name
        for name, count in zip(catalogue.names, counts.tolist(), strict=True)
        if count >= scenario.min_items and name not in named
    ]
    found = scenario.visits(len(large))
    if not all(found.values()):
        of = how_many(len(counts), "category", "categories")
        raise ConfigError(
            f"too few of {of} have {scenario.min_items} items for a pair"
            f"{what_helps(len(counts), scenario.min_items)}"
        )
    return found
