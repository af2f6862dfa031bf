"""Translation of a model's parameters into settings, or into lines of a search space."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from vrbench.cli.elliot.configuration import listed
from vrbench.cli.elliot.parameters import (
    Evaluated,
    Halving,
    Model,
    Named,
    Negated,
    OneLayer,
    Only,
    PowerOfTwo,
    To,
)
from vrbench.cli.elliot.spaces import is_list, is_search, one_minus, space_of
from vrbench.cli.elliot.trained import PART, Trained
from vrbench.core.errors import nearest

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")  # to YAML a text without a point


def set_parameter(found: Trained, model: Model, where: str, key: str, value: Any) -> None:
    """Add what a parameter becomes; or a line that says why it becomes nothing."""
    target = model.parameters.get(key)
    value = [_number(one) for one in value] if is_search(value) else _number(value)
    if target is None:
        hint = nearest(key, model.parameters)
        found.notes.append(f"{where}: no parameter that is known{hint}; left out")
    elif isinstance(target, Halving):
        _halving(found, where, value)
    elif isinstance(target, To):
        _set(found, where, target, value)
    elif isinstance(target, Named):
        _named(found, target, where, value)
    elif isinstance(target, OneLayer):
        _one_layer(found, target, where, value)
    elif isinstance(target, PowerOfTwo):
        _power_of_two(found, target, where, value)
    elif isinstance(target, Negated):
        opposite = [not one for one in value] if is_search(value) else not value
        _set(found, where, To((target.setting,)), opposite)
    elif isinstance(target, Evaluated):
        pass
    elif isinstance(target, Only):
        if any(one not in target.values for one in listed(value)):
            found.notes.append(f"{where}: {value} is not here, {target.why}; left out")
    elif target:
        found.notes.append(f"{where}: {target}; left out")


def _number(told: Any) -> Any:
    return float(told) if isinstance(told, str) and NUMBER.fullmatch(told) else told


def _set(found: Trained, where: str, target: To, value: Any) -> None:
    """Set, or search, the first setting; the others are what it is, in every trial."""
    first, *others = target.settings
    if not is_search(value):
        found.settings[first] = 1 - value if target.keep else value
    else:
        space = one_minus(where, value) if target.keep else space_of(where, value)
        if space is None:
            found.notes.append(f"{where}: 1 minus a {value[0]} is no space here; left out")
            return
        if is_list(space) and len(space["choices"]) == 1:
            (found.settings[first],) = space["choices"]
        else:
            found.space[f"{PART}.{first}"] = space
    searched = f"{PART}.{first}" in found.space
    for other in others:
        found.settings[other] = f"${{.{first}}}" if searched else found.settings[first]


def _named(found: Trained, target: Named, where: str, value: Any) -> None:
    """Set what is called otherwise here; or add a line on what is not here."""
    asked = [str(one).lower() for one in listed(value)]
    missing = [one for one in asked if one not in target.values]
    if missing:
        known = ", ".join(target.values)
        found.notes.append(
            f"{where}: {', '.join(missing)} is not here (there is: {known}); left out"
        )
        return
    values = [target.values[one] for one in asked]
    _set(found, where, To((target.setting,)), values if is_search(value) else values[0])


def _power_of_two(found: Trained, target: PowerOfTwo, where: str, value: Any) -> None:
    """Set a size that halves to one; or add a line on those that do not."""
    asked = listed(value)
    if all(isinstance(n, int) and n > 1 and n.bit_count() == 1 for n in asked):
        _set(found, where, To((target.setting,)), value)
    else:
        found.notes.append(f"{where}: {value}, and it is a power of two here; left out")


def _one_layer(found: Trained, target: OneLayer, where: str, value: Any) -> None:
    """Set the width of the one layer, told as ``(64, 1)``, a text to YAML."""
    widths = [int(n) for n in re.findall(r"\d+", str(value))]
    width = widths[0] if widths else None
    if width is None or len(widths) > 2 or widths[1:] not in ([], [1]):
        found.notes.append(f"{where}: {value}, and there is one layer here; left out")
    elif found.settings.get(target.setting, width) != width:
        found.notes.append(f"{where}: {value}, and both are as wide here; left out")
    else:
        found.settings[target.setting] = width


def _halving(found: Trained, where: str, value: Any) -> None:
    """Set width and depth of layers that halve, told as ``(64, 32, 16)``, a text to YAML."""
    sizes = value[0] if isinstance(value, list) and len(value) == 1 else value
    widths = [int(n) for n in re.findall(r"\d+", str(sizes))]
    if isinstance(value, list) and len(value) > 1 and not all(isinstance(v, int) for v in value):
        found.notes.append(f"{where}: layers are not searched; left out")
    elif not widths or any(b * 2 != a for a, b in pairwise(widths)):
        found.notes.append(f"{where}: {value}, and layers halve here; left out")
    else:
        found.settings |= {"hidden": widths[0], "depth": len(widths)}
