"""Composition of a command line into a checked configuration, with Hydra."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from vrbench.cli.checks import NO_SETTINGS, check
from vrbench.cli.effort import without_effort
from vrbench.cli.instantiation import make
from vrbench.cli.overrides import each_choice
from vrbench.cli.plainly import plainly
from vrbench.cli.recorded import NAME, NOT_AXES
from vrbench.core.errors import ConfigError


class Composition:
    """The checked configuration of one command line, whose settings can be replaced.

    Args:
        overrides: as after ``python -m vrbench``; no sweep.
        conf: the folder of the YAML files.
        root: which of its files is composed.

    Raises:
        ConfigError: one line with the nearest valid name.
    """

    def __init__(self, overrides: list[str], conf: Path, root: str = "run") -> None:
        chosen, *more = each_choice(overrides)
        if more:
            raise ConfigError("one value per setting: a sweep cannot be swept again")
        with initialize_config_dir(str(conf), version_base="1.3", job_name="vrbench"):
            self.cfg, self.choices = _with_choices(chosen, conf, root)

    def settings(self, part: str) -> dict[str, Any]:
        """Return every setting of ``part``, by dotted key."""
        whole = OmegaConf.to_container(self.cfg[part], resolve=True)
        found: dict[str, Any] = {}

        def walk(node: dict[Any, Any], where: str) -> None:
            for key, value in node.items():
                if key in NO_SETTINGS:
                    continue
                if isinstance(value, dict):
                    walk(value, f"{where}.{key}")
                else:
                    found[f"{where}.{key}"] = value

        walk(cast(dict[Any, Any], whole), part)
        return found

    def make(self, part: str, changes: dict[str, Any] | None = None) -> Any:
        """Return ``part`` as an object, with ``changes`` by dotted key.

        Raises:
            VRBenchError: if they do not fit.
        """
        node = self._changed(changes)[part]
        check(node, part)
        return make(node)

    def yaml(self, part: str, changes: dict[str, Any]) -> str:
        """Return ``part``, with ``changes``, as a YAML file; not of what search the old was."""
        return OmegaConf.to_yaml(without_effort(self._changed(changes)[part]))

    def _changed(self, changes: dict[str, Any] | None) -> DictConfig:
        cfg = self.cfg.copy()
        for key, value in (changes or {}).items():
            OmegaConf.update(cfg, key, value)
        return cfg


def composed(overrides: list[str], conf: Path, root: str = "run") -> DictConfig:
    """Return the checked configuration of one list of overrides."""
    return _with_choices(overrides, conf, root)[0]


def _with_choices(overrides: list[str], conf: Path, root: str) -> tuple[DictConfig, dict[str, str]]:
    """Return the checked configuration of one list of overrides, and its choices by axis."""
    try:
        cfg = compose(root, overrides=overrides, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        known = _known(overrides, root)
        folders = {p.name for p in conf.iterdir() if p.is_dir() and NAME.fullmatch(p.name)}
        axes = folders.difference(NOT_AXES)
        raise ConfigError(plainly(error, known, axes)) from None
    except (yaml.YAMLError, OSError) as error:  # of a file of the user's own
        raise ConfigError(
            f"a file cannot be read as YAML: {' '.join(str(error).split())}"
        ) from None
    chosen: dict[str, str] = dict(cfg.hydra.runtime.choices)
    with open_dict(cfg):
        del cfg["hydra"]
    check(OmegaConf.masked_copy(cfg, [k for k in map(str, cfg) if k != "experiment"]))
    return cfg, chosen


def _known(overrides: list[str], root: str) -> dict[str, Any]:
    """Return the settings there are under the choices made, for a message."""
    chosen = [o for o in overrides if "." not in o.partition("=")[0]]
    for attempt in (chosen, []):
        try:
            cfg = compose(root, overrides=attempt)
        except (HydraException, OmegaConfBaseException, ValueError, yaml.YAMLError, OSError):
            continue
        return cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=False))
    return {}
