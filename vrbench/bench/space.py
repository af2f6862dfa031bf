"""A search space: which settings may take which values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp, inf, isfinite, log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vrbench.bench.distributions import Normal, Quantised
from vrbench.core.errors import ConfigError, DataError, nearest
from vrbench.core.files import read_yaml, regular

if TYPE_CHECKING:
    from optuna import Trial

KEYS = ("distribution", "low", "high", "mean", "std", "q", "log", "int", "points", "choices")
MOST = 100_000  # multiples of q
# what each distribution must and may say; the others follow from its name
DISTRIBUTIONS: dict[str, tuple[set[str], set[str]]] = {
    "choice": ({"choices"}, set()),
    "uniform": ({"low", "high"}, {"points"}),
    "loguniform": ({"low", "high"}, {"points"}),
    "randint": ({"low", "high"}, {"points"}),
    "quniform": ({"low", "high", "q"}, {"int"}),
    "qloguniform": ({"low", "high", "q"}, {"int"}),
    "normal": ({"mean", "std"}, {"points"}),
    "lognormal": ({"mean", "std"}, {"points"}),
    "qnormal": ({"mean", "std", "q"}, {"int", "points"}),
    "qlognormal": ({"mean", "std", "q"}, {"int", "points"}),
}


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


Values = Range | Choices | Quantised | Normal
Space = dict[str, Values]
Told = Mapping[str, Any]  # a space as YAML has it


def read_space(name: str, spaces: Mapping[str, Path | Told], known: Iterable[str]) -> Space:
    """Return the space of a YAML file: a dotted setting per line, and what it may be.

    ``{low: 0.001, high: 0.1, log: true}``, with ``int: true`` for integers and ``points: 5`` for a
    grid of five; ``{choices: [16, 32, 64]}``; or a distribution by its name, one of
    ``DISTRIBUTIONS``: ``{distribution: lognormal, mean: -6, std: 1}``.

    Args:
        name: one of ``spaces``, or a path.
        spaces: those that are known, by name: files, or what they say.
        known: every setting that there is.

    Raises:
        ConfigError: if there is no such file, or it names what is no setting.
        DataError: if it cannot be read as a space.
    """
    if name not in spaces and not name.endswith((".yaml", ".yml")):
        raise ConfigError(
            f"no search space {name!r}{nearest(name, spaces)} (there is: {', '.join(spaces)}; "
            "or name a YAML file)"
        )
    found = Path(name) if name not in spaces else spaces[name]
    if isinstance(found, Path):
        regular(found, f"no search space {name} (there is: {', '.join(spaces)})")
        file, told = str(found), read_yaml(found)
    else:
        file, told = name, found
    if not isinstance(told, Mapping) or not told:
        raise DataError(f"{file}: expected lines such as `recommender.lr: {{low: 1, high: 2}}`")
    known = list(known)
    for key in told:
        if key not in known:
            raise ConfigError(f"{file}: no setting {key!r} to tune{nearest(key, known)}")
    return {str(key): _values(f"{file}: {key}", value) for key, value in told.items()}


def _values(where: str, told: Any) -> Values:
    if not isinstance(told, Mapping):
        raise DataError(f"{where}: expected low and high, or choices, got {told!r}")
    for key in told:
        if key not in KEYS:
            raise DataError(f"{where}: no {key!r}{nearest(key, KEYS)} (there is: {KEYS})")
    if "distribution" in told:
        return _distribution(where, dict(told))
    if "choices" in told:
        if len(told) > 1 or not isinstance(told["choices"], list) or not told["choices"]:
            raise DataError(f"{where}: expected choices alone, a list, got {dict(told)}")
        return Choices(tuple(told["choices"]))
    return _range(where, told)


def _distribution(where: str, told: dict[str, Any]) -> Values:
    """Return what a distribution's name and numbers stand for.

    Raises:
        DataError: if there is none of that name, or it says too much or too little.
    """
    name = told.pop("distribution")
    _check_distribution(where, name, told)
    logarithmic = "log" in name
    if name == "choice":
        return _values(where, told)
    if name in ("uniform", "loguniform", "randint"):
        return _range(where, told | {"log": logarithmic, "int": name == "randint"})
    q = _step(where, told) if "q" in told else None
    whole, points = bool(told.get("int")), _points(where, told)
    if whole and q is not None and not q.is_integer():
        raise DataError(f"{where}: integers need a whole q, got {q:g}")
    if "mean" in told:
        mean, std = _mean_and_std(where, told, logarithmic)
        return Normal(mean, std, logarithmic, q, whole, points)
    assert q is not None
    around = _range(where, {"low": told["low"], "high": told["high"], "log": logarithmic})
    found = Quantised(around.low, around.high, q, logarithmic, whole)
    if (around.high - around.low) / q > MOST or not found.grid(where):
        raise DataError(f"{where}: expected 1 to {MOST} multiples of q in the range, got {told}")
    return found


def _check_distribution(where: str, name: Any, told: Mapping[str, Any]) -> None:
    """Raise unless there is a distribution of that name, and it is told what it needs."""
    if not isinstance(name, str) or name not in DISTRIBUTIONS:
        near = nearest(name, DISTRIBUTIONS) if isinstance(name, str) else ""
        there = ", ".join(DISTRIBUTIONS)
        raise DataError(f"{where}: no distribution {name!r:.40}{near} (there is: {there})")
    needs, may = DISTRIBUTIONS[name]
    if not needs <= told.keys() <= needs | may:
        extra = f", perhaps {' and '.join(sorted(may))}" if may else ""
        raise DataError(f"{where}: {name} expects {' and '.join(sorted(needs))}{extra}")


def _mean_and_std(where: str, told: Mapping[str, Any], logarithmic: bool) -> tuple[float, float]:
    mean, std = _number(told["mean"]), _number(told["std"])
    if mean is None or std is None or std <= 0:
        raise DataError(f"{where}: expected numbers mean and std > 0, got {told}")
    if logarithmic and abs(mean) + 4 * std > 600:
        raise DataError(f"{where}: mean and std are those of the logarithm, got {told}")
    return mean, std


def _step(where: str, told: Mapping[str, Any]) -> float:
    q = _number(told["q"])
    if q is None or not 0 < q < inf:
        raise DataError(f"{where}: expected a number q > 0, got {told['q']!r:.40}")
    return q


def _points(where: str, told: Mapping[str, Any]) -> int | None:
    points = told.get("points")
    if points is not None and (type(points) is not int or points < 2):
        raise DataError(f"{where}: expected points >= 2, got {points!r}")
    return points


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
    points = _points(where, told)
    if told.get("log") and low <= 0:
        raise DataError(f"{where}: log needs low > 0, got {low!r}")
    return Range(low, high, bool(told.get("log")), bool(told.get("int")), points)


def _number(told: Any) -> float | None:
    """Return a number; YAML reads 1e-4, without a point, as a word."""
    try:
        number = None if isinstance(told, bool) else float(told)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number is not None and isfinite(number) else None
