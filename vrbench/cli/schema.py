"""Validation of settings: type by annotation, range by annotation or name.

A constructor is the schema of its YAML file, so nothing is declared twice. A range that a name
always has (a batch holds at least one row, a seed is a natural number) stands in ``RANGES``; one
that belongs to a single component stands in its annotation, ``Annotated[int, Range(1, 8)]``, and
wins. What has neither must be finite and below a ceiling no honest setting reaches, so that a
slip (``1e12``, a billion steps) is refused before anything is made.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Collection, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple


class Range(NamedTuple):
    """A closed range of numbers."""

    least: float
    most: float

    def __str__(self) -> str:
        if self.least == -self.most:
            return f"within {self.most:,.15g} of zero"
        return f"{self.least:,.15g} to {self.most:,.15g}"


WHOLE = Range(0, 1_000_000)  # of a whole number that says nothing else: steps, queries, counts
REAL = Range(-1e9, 1e9)  # of any other number

_SIZE = Range(1, 65_536)  # of a vector or layer
_COUNT = Range(1, 1_000_000)  # of what there must be one of
_SHARE = Range(0, 1)
RANGES = {
    **dict.fromkeys(("batch_size", "critic_batch", "pretrain_batch"), _COUNT),
    **dict.fromkeys(("epochs", "adversarial_epochs", "patience", "eval_every"), _COUNT),
    **dict.fromkeys(("factors", "attention", "components", "hidden", "latent", "width"), _SIZE),
    **dict.fromkeys(("num_users", "num_items", "folds", "samples", "k"), _COUNT),
    **dict.fromkeys(("seed", "extractor_seed"), Range(0, 2**32 - 1)),
    **dict.fromkeys(("user", "seed_item", "hook_item", "fold", "valid_fold"), Range(0, 2**31 - 1)),
    "layers": Range(0, 100),
    "depth": Range(1, 100),
    "layer": Range(-100, 100),  # a place, counted backwards from -1
    "size": Range(1, 4096),  # the edge of a picture
    "threads": Range(1, 1024),
    "visual_factors": _SIZE,
    "dropout": Range(0, 0.999),  # all of it leaves nothing
    "eps": Range(-math.inf, math.inf),  # without end: no budget; which are right, a budget says
    "opacity": _SHARE,
    "timestamp": Range(-1e12, 1e12),  # seconds, or milliseconds
}


def wrong(value: Any, hint: Any, name: str = "") -> str | None:
    """Return the expected type or range if ``value`` is not valid; None if it is.

    Args:
        value: plain data, as read from YAML.
        hint: the annotation, with extras.
        name: of the setting.
    """
    if not _fits(value, hint):
        return _show(hint)
    allowed = _range(hint, name)
    if not _finite(value, allowed):
        return "a finite number"
    if allowed and any(not allowed.least <= n <= allowed.most for n in _numbers(value)):
        return str(allowed)
    return None


def listed_words(hint: Any) -> set[object]:
    """Return the values that an annotation lists as ``Literal``."""
    if typing.get_origin(hint) is Literal:
        return set(typing.get_args(hint))
    return set().union(*map(listed_words, typing.get_args(hint)))


def classes_in(hint: Any) -> tuple[type, ...]:
    """Return the classes named by an annotation that are not plain data."""
    args = typing.get_args(hint)
    if args:
        return tuple(found for arg in args for found in classes_in(arg))
    plain = (Any, bool, int, float, str, type(None), dict, list, tuple, Path)
    return (hint,) if isinstance(hint, type) and hint not in plain else ()


PLAIN = (None, type(None), bool, str, Path, int, float, Any)


def _fits(value: Any, hint: Any) -> bool:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _fits(value, args[0])
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, arg) for arg in args)
    if origin is Literal:
        return (type(value), value) in [(type(arg), arg) for arg in args]
    if hint in PLAIN:
        return hint is Any or _fits_plain(value, hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return value in [*hint, *(member.value for member in hint)]
    return _fits_inside(value, origin or hint, args)


def _fits_plain(value: Any, hint: Any) -> bool:
    """Whether nothing, a truth value, a text or a number fits; a truth value is no number."""
    if hint in (None, type(None)):
        return value is None
    if hint is bool:
        return isinstance(value, bool)
    if hint in (str, Path):
        return isinstance(value, str) and "\0" not in value
    number = int if hint is int else (int, float)
    return isinstance(value, number) and not isinstance(value, bool)


def _fits_inside(value: Any, outer: Any, args: tuple[Any, ...]) -> bool:
    """Whether a list, a mapping or a component's node fits."""
    if not isinstance(outer, type):
        return isinstance(value, dict)
    if issubclass(outer, Mapping):
        inner = args[1] if len(args) == 2 else Any
        return isinstance(value, dict) and all(_fits(v, inner) for v in value.values())
    if issubclass(outer, Collection) and outer.__module__ in ("builtins", "collections.abc"):
        return isinstance(value, list) and _fits_each(value, outer, args)
    return isinstance(value, dict) and "_target_" in value


def _fits_each(values: list[Any], outer: type, args: tuple[Any, ...]) -> bool:
    """Whether what a list holds fits; a tuple may say so place by place, and then how many."""
    if outer is tuple and args and args[-1] is not Ellipsis:
        return len(values) == len(args) and all(map(_fits, values, args))
    inner = args[0] if args else Any
    return all(_fits(v, inner) for v in values)


def _finite(value: Any, allowed: Range | None) -> bool:
    """Whether every number is finite, or as infinite as its range allows; none is NaN."""
    if isinstance(value, dict):
        return all(_finite(v, None) for v in value.values())
    if isinstance(value, list):
        return all(_finite(v, None) for v in value)
    if not isinstance(value, float) or math.isfinite(value):
        return True
    return allowed is not None and allowed.least <= value <= allowed.most


def _range(hint: Any, name: str) -> Range | None:
    """Return the range of a number: its annotation's, its name's, or the ceiling of its type."""
    if typing.get_origin(hint) is Annotated:
        for extra in typing.get_args(hint)[1:]:
            if isinstance(extra, Range):
                return extra
    kinds = _kinds(hint)
    if not kinds & {int, float}:
        return None
    if name in RANGES:
        return RANGES[name]
    return REAL if float in kinds else WHOLE


def _kinds(hint: Any) -> set[Any]:
    args = typing.get_args(hint)
    return set().union(*map(_kinds, args)) if args else {hint} if isinstance(hint, type) else set()


def _numbers(value: Any) -> list[float]:
    inside = value if isinstance(value, list) else [value]
    return [n for n in inside if isinstance(n, int | float) and not isinstance(n, bool)]


def _show(hint: Any) -> str:
    """Return an annotation in words."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _show(args[0])
    if origin is Literal:
        return ", ".join(map(str, args[:-1])) + (" or " if args[:-1] else "") + str(args[-1])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_show(arg) for arg in args)
    if hint is type(None):
        return "null"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a mapping of names to {_show(args[-1])}"
    if isinstance(origin, type) and issubclass(origin, Collection):
        return f"a list of {_show(args[0])}"
    return str(hint) if args else getattr(hint, "__name__", str(hint))
