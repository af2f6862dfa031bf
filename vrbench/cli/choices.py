"""The choices of a configuration axis by name: all as configurations, or one as an object."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vrbench.cli import variants
from vrbench.cli.axes import kinds_of
from vrbench.cli.checks import check
from vrbench.cli.folders import choice_names, conf_dir, own_dir
from vrbench.cli.instantiation import make
from vrbench.cli.plainly import shows
from vrbench.core.errors import ConfigError, offered

AT_ONCE = 24  # choices composed in one go; Hydra's time grows with the square of them


def choose(axis: str, choice: str, **settings: Any) -> Any:
    """Return a choice of an axis as the object that ``axis=choice`` stands for in a run.

    Args:
        axis: ``"attack"``, ``"recommender"``, ...: a folder of ``conf/``.
        choice: one of it, as ``vrbench list AXIS`` shows them.
        settings: plain values in place of those of the file; of a part inside by its dotted name,
            as in ``**{"network.width": 8}``.

    Returns:
        What ``vrbench.run`` takes; of ``"metrics"`` a list.

    Raises:
        ConfigError: if there is no such axis, choice or setting; one line with the nearest name.

    Example:
        >>> from vrbench import choose
        >>> choose("attack", "pgd", steps=3).steps
        3
    """
    conf = conf_dir()
    _one_of("no axis", axis, sorted(kinds_of().keys() - {"judge"}))
    if variants.row(axis, choice, conf) is None:  # that of a number that is not listed
        _one_of(f"{axis}: no choice", choice, choice_names(axis, conf), shows(axis))
    with _hydra(conf):
        node = _alone(axis, choice)
    for key, value in settings.items():
        try:
            OmegaConf.update(node, key, value, force_add=True)
        except OmegaConfBaseException:
            raise ConfigError(f"{axis}.{key}: expected a plain value, got {value!r:.60}") from None
    check(node, axis)
    made = make(node)
    return list(made.values()) if axis == "metrics" else made


def _one_of(missing: str, word: str, known: list[str], more: str = "") -> None:
    """Refuse a word that is not among those there are."""
    if word not in known:
        raise ConfigError(f"{missing} {word!r}{offered(word, known, more)}")


def choices(axis: str, conf: Path) -> dict[str, DictConfig]:
    """Return every choice of an axis by name, composed by itself; nothing is made.

    One whose launcher is not installed is left out.
    """
    return _choices(axis, conf, own_dir())


@cache
def _choices(axis: str, conf: Path, own: Path | None) -> dict[str, DictConfig]:
    del own  # part of the key: what is composed depends on it
    names = choice_names(axis, conf)
    with _hydra(conf):
        found: dict[str, DictConfig] = {}
        for n in range(0, len(names), AT_ONCE):
            lot = names[n : n + AT_ONCE]
            found |= _together(axis, lot) or {name: _alone(axis, name) for name in lot}
    return found


def _together(axis: str, names: list[str]) -> dict[str, DictConfig]:
    """Return choices composed in one go, in a fifth of the time; none if one cannot be."""
    each = [f"+{axis}@c{n}={name}" for n, name in enumerate(names)]
    for first in (None, "run"):  # one that overrides another axis needs the others beside it
        try:
            whole = compose(first, each)
        except (HydraException, yaml.YAMLError):
            continue
        return {name: whole[f"c{n}"] for n, name in enumerate(names)}
    return {}


@contextmanager
def _hydra(conf: Path) -> Iterator[None]:
    """Let Hydra compose files that are no command line's first."""
    with (
        initialize_config_dir(str(conf), version_base="1.3", job_name="vrbench"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", UserWarning)
        yield


def _alone(axis: str, name: str) -> DictConfig:
    """Return one choice, composed by itself."""
    try:
        return compose(overrides=[f"+{axis}={name}"])[axis]
    except HydraException:  # it overrides another axis, so the others must be there
        return compose("run", [f"{axis}={name}"])[axis]
    except yaml.YAMLError as error:
        raise ConfigError(f"{axis}/{name}.yaml: {' '.join(str(error).split())}") from None
