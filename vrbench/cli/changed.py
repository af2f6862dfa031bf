"""Settings of a cell that differ from the defaults of its named choices."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError

from vrbench.cli.axes import PARTS
from vrbench.cli.folders import own_dir
from vrbench.core.spec import flat

Changed = dict[str, dict[str, Any]]


def changed_settings(
    cfg: DictConfig, choices: Mapping[str, str], overrides: Sequence[str], conf: Path
) -> Changed | None:
    """Return the overridden settings of each part, by dotted key.

    Whether the command line, an experiment or a preset changed them. None where the choices cannot
    be composed by themselves, and so nothing can be told.

    Args:
        cfg: as composed.
        choices: by group, as Hydra has them.
        overrides: of the command line.
        conf: the shipped folder.
    """
    wholes = [choices.get(group) for group in ("experiment", "preset")]
    if not any(wholes) and not any("." in o.partition("=")[0].partition("@")[0] for o in overrides):
        return {part: {} for part in PARTS}
    added = {o.partition("=")[0] for o in overrides if o.startswith("+")}
    default = _as_chosen(_of_parts(choices, added), conf, own_dir())
    return None if default is None else {part: _differing(cfg, default, part) for part in PARTS}


def _of_parts(choices: Mapping[str, str], added: Collection[str]) -> tuple[str, ...]:
    """Return the choices of a run's parts, and inside them, as overrides; outer ones first."""
    return tuple(
        f"{'+' if f'+{group}' in added else ''}{group}={name}"
        for group, name in sorted(choices.items(), key=lambda choice: choice[0].count("."))
        if group in PARTS or group.partition("@")[2].partition(".")[0] in PARTS
    )


@cache
def _as_chosen(chosen: tuple[str, ...], conf: Path, own: Path | None) -> DictConfig | None:
    """Return what choices are by themselves."""
    del own  # part of the key: what is composed depends on it
    running = GlobalHydra.instance().is_initialized()  # inside of a cell
    with nullcontext() if running else initialize_config_dir(str(conf), version_base="1.3"):
        try:
            return compose("run", list(chosen))
        except HydraException:
            return None


def _differing(cfg: DictConfig, default: DictConfig, part: str) -> dict[str, Any]:
    now, before = _flat(cfg[part]), _flat(default[part])
    return {key: value for key, value in now.items() if value != before.get(key, KeyError)}


def _flat(part: DictConfig) -> dict[str, Any]:
    """Return settings by dotted key; unresolved if one is taken from where no value is yet."""
    try:
        return flat(OmegaConf.to_container(part, resolve=True))
    except InterpolationToMissingValueError:
        return flat(OmegaConf.to_container(part, resolve=False))
