"""A search space: which settings may take which values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from vrbench.core.errors import ConfigError, DataError, nearest
from vrbench.core.files import regular

if TYPE_CHECKING:
    from optuna import Trial

KEYS = ("low", "high", "log", "int", "points", "choices")


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Attributes:
        log: whether ratios count, not differences.
        whole: integers only.
        points: how many a grid takes, evenly spaced; None: it cannot be on a grid.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False
    points: int | None = None

    def suggest(self, trial: Trial, key: str) -> float:
        """Return the trial's value, to four digits, as a person would write it."""
        if self.whole:
            return trial.suggest_int(key, int(self.low), int(self.high), log=self.log)
        return float(f"{trial.suggest_float(key, self.low, self.high, log=self.log):.4g}")

    def grid(self, key: str) -> list[Any]:
        """Return the values of a grid.

        Raises:
            ConfigError: if nobody said how many.
        """
        if self.points is None:
            raise ConfigError(f"{key}: a grid needs choices, or points: how many of the range")
        low, high = (log(self.low), log(self.high)) if self.log else (self.low, self.high)
        shares = [n / (self.points - 1) for n in range(self.points)]
        inner = [low + share * (high - low) for share in shares[1:-1]]
        made = [self.low, *((exp(v) if self.log else v) for v in inner), self.high]
        return sorted({round(v) for v in made}) if self.whole else made


@dataclass(frozen=True)
class Choices:
    """Some values, in no order."""

    values: tuple[Any, ...]

    def suggest(self, trial: Trial, key: str) -> Any:
        """Return the trial's value."""
        return trial.suggest_categorical(key, self.values)

    def grid(self, key: str) -> list[Any]:
        """Return the values of a grid: all."""
        return list(self.values)


Space = dict[str, Range | Choices]


def read_space(name: str, spaces: Mapping[str, Path], known: Iterable[str]) -> Space:
    """Return the space of a YAML file: a dotted setting per line, and what it may be.

    ``{low: 0.001, high: 0.1, log: true}``, with ``int: true`` for integers and ``points: 5`` for a
    grid of five; or ``{choices: [16, 32, 64]}``.

    Args:
        name: one of ``spaces``, or a path.
        spaces: the files that are known, by name.
        known: every setting that there is.

    Raises:
        ConfigError: if there is no such file, or it names what is no setting.
        DataError: if it cannot be read as a space.
    """
    file = Path(name) if name.endswith((".yaml", ".yml")) else spaces.get(name)
    if file is None:
        raise ConfigError(
            f"no search space {name!r}{nearest(name, spaces)} (there is: {', '.join(spaces)}; "
            "or name a YAML file)"
        )
    regular(file, f"no search space {name} (there is: {', '.join(spaces)})")
    try:
        told = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{file} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(told, dict) or not told:
        raise DataError(f"{file}: expected lines such as `recommender.lr: {{low: 1, high: 2}}`")
    known = list(known)
    for key in told:
        if key not in known:
            raise ConfigError(f"{file}: no setting {key!r} to tune{nearest(key, known)}")
    return {str(key): _values(f"{file}: {key}", value) for key, value in told.items()}


def _values(where: str, told: Any) -> Range | Choices:
    if not isinstance(told, Mapping):
        raise DataError(f"{where}: expected low and high, or choices, got {told!r}")
    for key in told:
        if key not in KEYS:
            raise DataError(f"{where}: no {key!r}{nearest(key, KEYS)} (there is: {KEYS})")
    if "choices" in told:
        if len(told) > 1 or not isinstance(told["choices"], list) or not told["choices"]:
            raise DataError(f"{where}: expected choices alone, a list, got {dict(told)}")
        return Choices(tuple(told["choices"]))
    return _range(where, told)


def _range(where: str, told: Mapping[str, Any]) -> Range:
    """Return the range that stands in a file.

    Raises:
        DataError: if it is none, or cannot be stepped through as it says.
    """
    low, high = _number(told.get("low")), _number(told.get("high"))
    if low is None or high is None or low >= high:
        raise DataError(f"{where}: expected numbers low < high, got {dict(told)}")
    if told.get("int") and not (low.is_integer() and high.is_integer()):
        raise DataError(f"{where}: expected integers, got {dict(told)}")
    points = told.get("points")
    if points is not None and (not isinstance(points, int) or points < 2):
        raise DataError(f"{where}: expected points >= 2, got {points!r}")
    if told.get("log") and low <= 0:
        raise DataError(f"{where}: log needs low > 0, got {low!r}")
    return Range(low, high, bool(told.get("log")), bool(told.get("int")), points)


def _number(told: Any) -> float | None:
    """Return a number; YAML reads 1e-4, without a point, as a word."""
    try:
        return None if isinstance(told, bool) else float(told)
    except (TypeError, ValueError):
        return None
