"""Composition and checks of every cell of a command line before anything is computed."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser

from vrbench.cli.composition import composed
from vrbench.cli.overrides import each_choice
from vrbench.core.errors import ConfigError


def preflight(arguments: Sequence[str], conf: Path) -> None:
    """Compose and check every choice of a command line, so that a sweep cannot fail late.

    Each value of a swept axis is composed once, beside the first value of the others.

    Raises:
        ConfigError: one line with the nearest valid name.
    """
    asked = get_args_parser().parse_args(list(arguments))
    if asked.help or asked.hydra_help or asked.shell_completion:
        return
    if asked.config_path or asked.config_name or asked.experimental_rerun:
        return  # other files than ours
    overrides = list(asked.overrides)
    with initialize_config_dir(str(conf), version_base="1.3", job_name="vrbench"):
        each = each_choice(overrides)
        for chosen in each:
            try:
                composed(chosen, conf)
            except ConfigError as error:
                raise ConfigError(_of_some(str(error), chosen, each, conf)) from None
        _check_launch(overrides, each, asked.multirun)


def _of_some(told: str, chosen: list[str], each: list[list[str]], conf: Path) -> str:
    """Return an error, and what to do where only some choices of a swept axis make it.

    Args:
        told: the error.
        chosen: the overrides that make it.
        each: those of all cells that are checked.
        conf: the folder of choices.
    """
    for at, setting in enumerate(chosen):
        key = setting.lstrip("+").partition("=")[0]
        axis, dot, _ = key.partition(".")
        beside = [*chosen[:at], *chosen[at + 1 :]]
        mine = [o for o in beside if o.startswith(f"{axis}=")]
        if not dot or not mine or not _composes(beside, conf):
            continue
        for other in dict.fromkeys(o for one in each for o in one if o.startswith(f"{axis}=")):
            rest = [o for o in beside if o not in mine]
            if other not in mine and _composes([other, *rest, setting.lstrip("+")], conf):
                return (
                    f"{other} takes {key}, {mine[0]} does not, and a sweep gives it to both: "
                    f"start one sweep for each ({told})"
                )
    return told


def _composes(overrides: list[str], conf: Path) -> bool:
    try:
        composed(overrides, conf)
    except ConfigError:
        return False
    return True


def _check_launch(overrides: list[str], each: list[list[str]], multirun: bool) -> None:
    """Check that what starts the cells can start them, and that a sweep is meant to be one."""
    swept, slurm = len(each) > 1, any("slurm" in override for override in overrides)
    if not slurm and (multirun or not swept):
        return
    hydra = compose("run", overrides=each[0], return_hydra_config=True).hydra
    multirun = multirun or str(hydra.mode).endswith("MULTIRUN")
    if swept and not multirun:
        raise ConfigError(
            "one setting has several values: a sweep is started with -m; a text that has a comma "
            "is quoted twice, as in \"scenario.source='hats, caps'\""
        )
    launcher = str(hydra.runtime.choices.get("hydra/launcher"))
    if multirun and launcher == "submitit_slurm" and shutil.which("srun") is None:
        raise ConfigError("hydra/launcher=submitit_slurm: there is no Slurm here (no srun)")


def cells(arguments: list[str], conf: Path) -> int:
    """Return how many runs a checked command line asks for, an experiment's own sweep included."""
    with initialize_config_dir(str(conf), version_base="1.3", job_name="vrbench"):
        first = each_choice(arguments)[0]
        swept = compose("run", overrides=first, return_hydra_config=True).hydra.sweeper.params
    return count(arguments, swept or {})


def count(arguments: Iterable[str], swept: Mapping[Any, Any]) -> int:
    """Return how many runs overrides and an experiment's own sweep come to."""
    of = {str(key): f"{key}={value}" for key, value in swept.items()}
    of |= {argument.partition("=")[0]: argument for argument in arguments}
    runs = 1
    for override in OverridesParser.create().parse_overrides(list(of.values())):
        if override.is_choice_sweep() or override.is_range_sweep():
            runs *= sum(1 for _ in override.sweep_string_iterator())
    return runs
