"""Schema validation of untrusted ``rows.json`` files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite, isinf
from typing import Any

Check = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**63


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300 and isfinite(value)


def _measured(value: Any) -> bool:
    """A number, or infinity: the PSNR of two equal pictures, the eps of no limit."""
    return _number(value) or (type(value) is float and isinf(value))


def _maybe(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _any_of(*checks: Check) -> Check:
    return lambda value: any(check(value) for check in checks)


def _table_of(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _record(fields: Mapping[str, Check], needed: tuple[str, ...] = ()) -> Check:
    def check(value: Any) -> bool:
        if not isinstance(value, dict) or not set(needed) <= value.keys():
            return False
        return all(fields[key](v) for key, v in value.items() if key in fields)

    return check


def _pair(value: Any) -> bool:
    """Whether it counts: those of some, and all."""
    return isinstance(value, list) and len(value) == 2 and all(map(_whole, value))


def _is_spec_of_features(value: Any) -> bool:
    """Whether it ends in a manifest, as the spec of ``with_features`` does."""
    return isinstance(value, list) and len(value) == 4 and _table_of(_text)(value[3])


_SCALAR = _maybe(_any_of(_text, _number, lambda value: isinstance(value, bool)))
_ROW = {
    "metric": _text,
    "better": _text,
    "per": _text,
    "n": _whole,
    **dict.fromkeys(("before", "after", "control", "random", "std"), _maybe(_measured)),
    **dict.fromkeys(("p", "p_random"), _maybe(_measured)),
}
_FOLD = {"shared": _text, **dict.fromkeys(("number", "valid", "count", "valid_count"), _whole)}
_TUNED = {"dataset": _text, "trials": _whole, "seconds": _number}
_PART = {
    "name": _text,
    "key": _maybe(_text),
    "component": _maybe(_text),
    "changed": _maybe(lambda value: isinstance(value, dict)),
    "settings": _maybe(lambda value: isinstance(value, dict)),
    "norm": _maybe(_text),
    "tuned": _maybe(_record(_TUNED, ("dataset", "trials"))),
    "fold": _maybe(_record(_FOLD, tuple(_FOLD))),
    "eps": _any_of(_SCALAR, _measured),  # pages say what is no number
}
_STANDING = _maybe(_record(dict.fromkeys(("chr", "uniform", "lift"), _number), ("chr", "uniform")))
_CASE = {
    **dict.fromkeys(("source", "target", "labels"), _text),
    **dict.fromkeys(("items", "k"), _whole),
    "standing": _maybe(_record({"source": _STANDING, "target": _STANDING})),
}
_STEP = {"address": _text, "stage": _text, "device": _maybe(_text)}
_METRIC = _record({"key": _text, "settings": lambda value: isinstance(value, dict)}, ("key",))
_MOVED = {
    "item": _text,
    "position": _whole,
    **dict.fromkeys(("rank_before", "rank_after", "top_before", "top_after"), _maybe(_number)),
}
_ASKED = {
    **dict.fromkeys(("of", "release", "gives"), _text),
    **dict.fromkeys(("users", "users_at_once", "requests"), _whole),
}
FIELDS: dict[str, Check] = {
    "parts": _table_of(_record(_PART, ("name",))),
    "seed": _whole,
    "extractor_seed": _whole,
    "overrides": _list_of(_text),
    "rows": _list_of(_record(_ROW, ("metric", "before", "after"))),
    "case": _maybe(_record(_CASE, ("source", "target", "labels"))),
    "metrics": _maybe(_table_of(_METRIC)),
    "machine": _maybe(_record(dict.fromkeys(("device", "precision"), _text))),
    "items": _maybe(_list_of(_record(_MOVED))),
    "asked": _maybe(_record(_ASKED, tuple(_ASKED))),
    "masking": _maybe(_table_of(_pair)),
    "versions": _table_of(_SCALAR),
    "stages": _list_of(_record(_STEP, ("address",))),
    "extractor": _maybe(lambda value: isinstance(value, dict)),
    "features": _maybe(_is_spec_of_features),
    "redistributable": _maybe(lambda value: isinstance(value, bool)),
    "biased": _maybe(lambda value: isinstance(value, str)),
    "seconds": _maybe(_number),
    **dict.fromkeys(("skipped", "error", "sweep", "began", "folder"), _text),
}


def misshapen(entry: Mapping[str, Any]) -> list[str]:
    """Return the names of fields that violate the schema."""
    return [key for key, check in FIELDS.items() if key in entry and not check(entry[key])]
