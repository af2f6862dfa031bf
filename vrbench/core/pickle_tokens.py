"""What stands for the names a pickle asks for: tokens, containers, nothing that runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vrbench.core.archives import ForgedError

SCALARS = (type(None), bool, int, float, str, bytes)  # what may be a key, beside tokens


class Token:
    """Stands for a name; what ``call`` returns stands for what calling the name would make."""

    def call(self, *args: Any) -> Any:
        """Return what is made with ``args``."""
        raise ForgedError(f"it calls {self}, which makes nothing")

    def built(self, state: Any) -> Any:
        """Return what takes this token's place once its state is known."""
        raise ForgedError(f"it sets a state of {self}")


class StandIn(Token):
    """An object nobody needs: made with anything, holds nothing, does nothing."""

    def call(self, *args: Any) -> StandIn:
        return StandIn()

    def built(self, state: Any) -> StandIn:
        return self


class Makes(Token):
    """A name that, called, makes what ``make`` returns."""

    def __init__(self, name: str, make: Callable[..., Any]) -> None:
        self.name, self.make = name, make

    def __str__(self) -> str:
        return self.name

    def call(self, *args: Any) -> Any:
        return self.make(*args)


def _empty(make: Callable[[], Any]) -> Callable[..., Any]:
    """Return a maker of empty containers, whatever default a ``defaultdict`` names."""
    return lambda *_: make()


def _pairs(*args: Any) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    held = args[0] if args else ()
    for pair in held.items() if isinstance(held, dict) else _items(held):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ForgedError("it makes a dict of what are no pairs")
        found[checked_key(pair[0])] = pair[1]
    return found


def _items(*args: Any) -> list[Any]:
    if args and not isinstance(args[0], list | tuple | set | frozenset):
        raise ForgedError("it makes a container of what is none")
    return list(args[0]) if args else []


def _latin(text: Any, encoding: Any = "latin1") -> bytes:
    """Return bytes as Python 3 writes them into old pickles."""
    if encoding not in ("latin1", b"latin1") or not isinstance(text, str):
        raise ForgedError(f"it asks for the codec {encoding!r}, which no archive needs")
    return text.encode("latin1")


CONTAINERS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _pairs,
    "collections.defaultdict": _empty(dict),
    "collections.Counter": _pairs,
    "_codecs.encode": _latin,
    "builtins.dict": _pairs,
    "builtins.list": _items,
    "builtins.tuple": lambda *args: tuple(_items(*args)),
    "builtins.set": lambda *args: {checked_key(item) for item in _items(*args)},
    "builtins.frozenset": lambda *args: frozenset(checked_key(item) for item in _items(*args)),
    "builtins.bytes": _empty(bytes),
    "builtins.bytearray": _empty(bytes),
    **{f"builtins.{name}": lambda *_: StandIn() for name in ("int", "float", "bool", "str")},
}


def container(name: str) -> Token | None:
    """Return what makes the container of this full name; None if it is no container."""
    name = name.replace("__builtin__.", "builtins.", 1)
    return Makes(name, CONTAINERS[name]) if name in CONTAINERS else None


def checked_key(value: Any) -> Any:
    """Return a key of a dict; nested ones would be hashed without an end."""
    flat = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(v, (*SCALARS, Token)) for v in flat):
        raise ForgedError(f"a key is a {type(value).__name__}")
    return value
