"""Translation of Elliot's search spaces: lists, and distributions of Hyperopt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp
from typing import Any

from vrbench.core.errors import ConfigError

Space = dict[str, Any]
SAMPLERS = {
    "grid": "grid",
    "rand": "random",
    "tpe": "tpe",
    "atpe": "multivariate_tpe",
    "mix": "tpe",
    "anneal": "tpe",
}
AS_WRITTEN = ("grid", "rand", "tpe")
MOST = 1000  # steps of a function that rounds


def is_search(value: Any) -> bool:
    """Return whether a parameter is to be searched: it is a list of values, or of a function."""
    return isinstance(value, list)


def space_of(where: str, told: Sequence[Any]) -> Space:
    """Return a line of a search space (``conf/tune.yaml``), as its values stand in YAML.

    Raises:
        ConfigError: if it is none, or a function that is not here.
    """
    if not told:
        raise ConfigError(f"{where}: an empty list")
    name, *arguments = told
    if isinstance(name, str) and name in FUNCTIONS:
        try:
            return FUNCTIONS[name](*arguments)
        except (TypeError, ValueError, OverflowError):
            raise ConfigError(f"{where}: {name} with {arguments} is no space") from None
    return {"choices": list(told)}


def _uniform(low: float, high: float) -> Space:
    return {"low": float(low), "high": float(high)}


def _stepped(low: float, high: float, step: float) -> Space:
    """Return the multiples of ``step`` that rounding gives, all of them."""
    first, last = round(float(low) / step), round(float(high) / step)
    if not 0 <= last - first < MOST:
        raise ValueError("too many steps")
    return {"choices": [_whole(n * step) for n in range(first, last + 1)]}


def _normal(name: str, mean: float, std: float) -> Space:
    if not float(std) > 0:
        raise ValueError("no spread")
    return {"distribution": name, "mean": float(mean), "std": float(std)}


def _steps_of(q: float) -> Space:
    """Return the step of a distribution that rounds: integers where the step is one."""
    if not float(q) > 0:
        raise ValueError("no step")
    return {"q": q} | ({"int": True} if float(q).is_integer() else {})


def _whole(value: float) -> float:
    value = float(f"{value:.12g}")
    return int(value) if value.is_integer() else value


FUNCTIONS: dict[str, Callable[..., Space]] = {
    "choice": lambda *values: {"choices": list(values)},
    "randint": lambda upper: {"low": 0, "high": int(upper) - 1, "int": True},
    "uniform": _uniform,
    "quniform": _stepped,
    "loguniform": lambda low, high: _uniform(exp(low), exp(high)) | {"log": True},
    "qloguniform": lambda low, high, step: _stepped(exp(low), exp(high), step),
    "normal": lambda mean, std: _normal("normal", mean, std),
    "lognormal": lambda mean, std: _normal("lognormal", mean, std),
    "qnormal": lambda mean, std, q: _normal("qnormal", mean, std) | _steps_of(q),
    "qlognormal": lambda mean, std, q: _normal("qlognormal", mean, std) | _steps_of(q),
}
