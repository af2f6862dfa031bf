"""Reading a configuration file of Elliot's: plain data, and nothing of it is executed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vrbench.cli.elliot.table import OPTIONS, REFUSED
from vrbench.core.errors import ConfigError, DataError, nearest
from vrbench.core.files import read_yaml, regular

Node = Mapping[str, Any]
FREE = ("models", "evaluation.complex_metrics", "data_config.side_information")
SPLITS = ("splitting.test_splitting.", "splitting.validation_splitting.")


def read_configuration(file: Path) -> Node:
    """Return what stands below ``experiment``, every option of which is known and not refused.

    Raises:
        MissingDataError: if there is no such file.
        DataError: if it is no YAML, or no configuration of Elliot's.
        ConfigError: if an option is unknown, or refused.
    """
    regular(file, f"no file {file}: name a configuration file of Elliot's")
    told = read_yaml(file)
    experiment = told.get("experiment") if isinstance(told, dict) else None
    if not isinstance(experiment, dict):
        raise DataError(f"{file}: expected `experiment:` and what belongs to it")
    for name in _options(experiment):
        _known(file, name)
    for name in ("dataset", "data_config", "models", "evaluation"):
        if not experiment.get(name):
            raise DataError(f"{file}: no experiment.{name}")
    return experiment


def _options(node: Node, where: str = "") -> Iterator[str]:
    """Yield the dotted names of all options but those below ``FREE``."""
    for key, value in node.items():
        name = f"{where}{key}"
        if name == "negative_sampling" or name in FREE or not isinstance(value, dict | list):
            yield name
        elif isinstance(value, dict) and value:
            yield from _options(value, f"{name}.")
        elif value and all(isinstance(step, dict) for step in value):
            for step in value:
                yield from _options(step, f"{name}.")
        else:
            yield name


def _known(file: Path, name: str) -> None:
    """Raise if an option is unknown, or refused."""
    general = name
    for place in SPLITS:
        general = general.replace(place, "splitting.*.")
    option = OPTIONS.get(general)
    if option is None:
        if any(known.startswith(f"{general}.") for known in OPTIONS):
            return  # a section that holds nothing
        known = [known.replace("*", place.split(".")[1]) for known in OPTIONS for place in SPLITS]
        hint = nearest(name, [*OPTIONS, *known, *(k.partition(".")[0] for k in OPTIONS)])
        raise ConfigError(f"{file}: experiment.{name} is no option of Elliot's{hint}")
    if option.here.startswith(REFUSED):
        raise ConfigError(f"{file}: experiment.{name} is {option.here.replace('`', '')}")


def section(node: Node, name: str) -> Node:
    """Return a section; an empty one where there is none.

    Raises:
        DataError: if it is something else.
    """
    found = node.get(name) or {}
    if not isinstance(found, dict):
        raise DataError(f"experiment.{name}: expected options, got {found!r}")
    return found


def listed(value: Any) -> list[Any]:
    """Return a list as it is, and one thing as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]
