"""Translation of Elliot's search spaces: lists, and distributions of Hyperopt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp
from typing import Any

from vrbench.bench.space import read_space
from vrbench.core.errors import ConfigError, DataError

Space = dict[str, Any]
SAMPLERS = {
    "grid": "grid",
    "rand": "random",
    "tpe": "tpe",
    "atpe": "multivariate_tpe",
    "mix": "tpe",
    "anneal": "anneal",
}
AS_WRITTEN = ("grid", "rand", "tpe", "anneal")
TURNED = ("uniform", "quniform", "normal", "qnormal")  # 1 minus a draw is one of the same kind


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
            space = FUNCTIONS[name](*arguments)
            read_space(where, {where: {where: space}}, [where])
        except (TypeError, ValueError, OverflowError, DataError):
            raise ConfigError(f"{where}: {name} with {arguments} is no space") from None
        return space
    return {"choices": list(told)}


def one_minus(where: str, told: Sequence[Any]) -> Space | None:
    """Return the space of 1 minus what another draws; None where there is no such space here.

    Raises:
        ConfigError: as ``space_of``.
    """
    space = space_of(where, told)
    if "choices" in space:
        return {"choices": [1 - one for one in space["choices"]]}
    whole = "q" not in space or (1 / space["q"]).is_integer()
    if told[0] not in TURNED or not whole:
        return None
    if "mean" in space:
        return space | {"mean": 1 - space["mean"]}
    return space | {"low": 1 - space["high"], "high": 1 - space["low"]}


def is_list(space: Space) -> bool:
    """Return whether a space is a list of values, all of which a grid can try."""
    return "choices" in space


def _range(low: float, high: float) -> Space:
    return {"low": float(low), "high": float(high)}


def _normal(name: str, mean: float, std: float) -> Space:
    return {"distribution": name, "mean": float(mean), "std": float(std)}


def _steps_of(q: float) -> Space:
    """Return the step of a distribution that rounds: integers where the step is one."""
    return {"q": q} | ({"int": True} if float(q).is_integer() else {})


def _stepped(name: str, low: float, high: float, q: float) -> Space:
    return {"distribution": name} | _range(low, high) | _steps_of(q)


FUNCTIONS: dict[str, Callable[..., Space]] = {
    "choice": lambda *values: {"choices": list(values)},
    "randint": lambda upper: {"low": 0, "high": int(upper) - 1, "int": True},
    "uniform": _range,
    "quniform": lambda low, high, q: _stepped("quniform", low, high, q),
    "loguniform": lambda low, high: _range(exp(low), exp(high)) | {"log": True},
    "qloguniform": lambda low, high, q: _stepped("qloguniform", exp(low), exp(high), q),
    "normal": lambda mean, std: _normal("normal", mean, std),
    "lognormal": lambda mean, std: _normal("lognormal", mean, std),
    "qnormal": lambda mean, std, q: _normal("qnormal", mean, std) | _steps_of(q),
    "qlognormal": lambda mean, std, q: _normal("qlognormal", mean, std) | _steps_of(q),
}
