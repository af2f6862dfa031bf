"""Functions that take settings which several share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from vrbench.core.spec import parameters, refuse_unknown

Function = TypeVar("Function", bound=Callable[..., Any])
Kind = TypeVar("Kind", bound=Mapping[str, object])


def apart(given: Mapping[str, Any], kind: type[Kind]) -> tuple[dict[str, Any], Kind]:
    """Return the settings that are not of a kind, a ``TypedDict``, and those that are."""
    of_kind = {name: given[name] for name in kind.__annotations__ if name in given}
    return {k: v for k, v in given.items() if k not in of_kind}, cast(Kind, of_kind)


def sharing(defaults: Mapping[str, object]) -> Callable[[Function], Function]:
    """Return a decorator of a function that takes shared settings as ``**``.

    Args:
        defaults: of those settings; what is not given is one of them.
    """

    def shared(function: Function) -> Function:
        @wraps(function)
        def called(*args: Any, **given: Any) -> Any:
            refuse_unknown(called, given)
            return function(*args, **{**defaults, **given})

        vars(called)["defaults"] = defaults
        vars(called)["__signature__"] = inspect.Signature(parameters(called))
        return cast(Function, called)

    return shared
