"""Allowed ``_target_`` values: components and their records, never other callables.

A configuration is code: what it names is imported and called. So that a slip, or a file from
elsewhere, cannot call ``os.system`` or load a pickle, only what is *defined* as a part of a run is
called: a class of ours or one that extends it, or a function that says it returns one.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import typing
from functools import cache
from typing import Any

from vrbench.cli.axes import kinds_of
from vrbench.cli.trouble import SHOWN, full_error, line, place
from vrbench.core.errors import ConfigError

LONGEST = 200  # letters of a name that is looked for
ABOUT = "a configuration names components only: a class that extends one of vrbench's, a data set"


def find(target: Any, where: str = "_target_") -> Any:
    """Return the class or function that a ``_target_`` names.

    Args:
        target: dotted name.
        where: it stands, for the message.

    Raises:
        ConfigError: if it is not there, cannot be imported, or is no part of a run.
    """
    if (
        not isinstance(target, str)
        or len(target) > LONGEST
        or not all(part.isidentifier() for part in target.split("."))
    ):
        raise ConfigError(f"{where}: expected the dotted name of a class, got {str(target)!r:.60}")
    if target.partition(".")[0] in sys.stdlib_module_names:  # not even imported
        raise ConfigError(f"{where}: {target} is not called: {ABOUT} function")
    found = _imported(target, where)
    if made_by(found) is None:
        raise ConfigError(f"{where}: {target} is not called: {ABOUT} function")
    return found


def _imported(target: str, where: str) -> Any:
    try:
        return _located(target)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a module does while it is imported, also exit()
        at = place(error, __file__)
        if not at and isinstance(error, ImportError | AttributeError):
            raise ConfigError(f"{where}: cannot find {target!r} ({line(error)})") from None
        if full_error() and not isinstance(error, SystemExit):
            raise
        told = f"{at}: {line(error)}" if at else line(error)
        raise ConfigError(f"{where}: {target} cannot be imported: {told} ({SHOWN})") from None


def _located(target: str) -> Any:
    """Return what a dotted name stands for: a module's attribute, or one of its attributes.

    Raises:
        ImportError, AttributeError: if there is no such thing.
        BaseException: whatever a module raises that is imported on the way.
    """
    parts = target.split(".")
    found: Any = None
    for n in range(1, len(parts)):
        name = ".".join(parts[:n])
        try:
            found = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if found is None or error.name != name:  # it, not something that it imports
                raise
            n -= 1
            break
    if found is None:
        raise ImportError(f"no module is named in {target!r}")
    for part in parts[n:]:
        found = getattr(found, part)
    return found


def made_by(found: Any) -> type | None:
    """Return the component class that a class or function builds."""
    if inspect.isclass(found):
        made: Any = found
    elif inspect.isfunction(found):
        try:
            made = typing.get_type_hints(found).get("return")
        except Exception:  # an annotation of somebody's that cannot be evaluated
            return None
    else:
        return None
    return made if inspect.isclass(made) and issubclass(made, _parts_of_a_run()) else None


@cache
def _parts_of_a_run() -> tuple[type, ...]:
    from vrbench.core.spec import Component

    kinds = {kind for of_axis in kinds_of().values() for kind in of_axis}
    return (Component, *sorted(kinds, key=lambda kind: kind.__name__))
