"""What a component is, as plain data: the basis of every cache key and every result row."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import math
import re
import reprlib
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache, partial
from typing import Any, ClassVar, TypeVar, cast

from typing_extensions import Unpack

from vrbench.core.errors import ConfigError

Made = TypeVar("Made", bound="Component")
Given = TypeVar("Given", bound=Mapping[str, object])


class _Signature:
    """The signature of a component's class, with what it shares written out; objects have none."""

    def __get__(self, made: object, cls: type) -> inspect.Signature:
        if made is not None:
            raise AttributeError("__signature__")
        return inspect.Signature(parameters(cls))


class Component:
    """Something with settings.

    Parameters before the ``*`` of ``__init__`` are *inputs* (data, other models); parameters
    after it are *settings*. Settings, and the specs of inputs that are components themselves,
    make the ``spec``; so an object made in a notebook and one made by Hydra from YAML are the
    same to the store. Settings that are kept under their own name are frozen once set.

    Settings that several components share are declared once, as the keys of a ``TypedDict``, and
    taken as ``**training: Unpack[PairwiseSettings]``; ``defaults`` are the values of a class and of
    those below it, and ``with_defaults`` adds them to what is given.

    Raises:
        ConfigError: if a setting is out of its range, which no class says again of itself; or is
            NaN, or holds one. Infinity is each component's own matter.
    """

    name: ClassVar[str]  # its identity in keys and rows; independent of the module it lives in
    paper: ClassVar[str] = ""  # whose idea it is, as the docstring tells it; empty: nobody's
    version: ClassVar[int] = 1  # raise it whenever the same settings give other numbers
    defaults: ClassVar[Mapping[str, object]] = {}  # of shared settings, where a base's do not fit
    __signature__: ClassVar[Any] = _Signature()
    spec: Any  # name, version, settings, inputs; once made by a stage, the artifact's address

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__
        own = cls.__dict__.get("__init__")
        written = inspect.signature(own).parameters.values() if own else []
        rest = [p for p in written if p.kind is p.VAR_KEYWORD]
        if not all(_is_shared(p.annotation) for p in rest):
            raise TypeError(f"{cls.__name__}.__init__ hides its settings in **kwargs")

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        refuse_unknown(cls, kwargs)
        self = super().__new__(cls)
        object.__setattr__(self, "spec", _describe_call(cls, args, kwargs))
        return self

    def with_defaults(self, kind: type[Given], given: Given) -> Given:
        """Return shared settings, with the class's default for each that was not given.

        Args:
            kind: the ``TypedDict`` of all that are shared.
            given: those that were given.
        """
        known = defaults_of(type(self))
        return cast(Given, {k: known[k] for k in kind.__annotations__ if k in known} | dict(given))

    def refuse_if(self, wrong: bool, wanted: str) -> None:
        """Do nothing unless settings are wrong; ``wanted`` says in words what they may be.

        Raises:
            ConfigError: if they are, with the settings that ``wanted`` names; all if none.
        """
        if wrong:
            given = {key: self.spec[key] for key in settings(type(self)) if key in self.spec}
            named = {k: v for k, v in given.items() if re.search(rf"\b{k}\b", wanted)} or given
            got = ", ".join(f"{key}={reprlib.repr(value)}" for key, value in named.items())
            raise ConfigError(f"{self.name}: expected {wanted}, got {got}")

    def with_fitted_parts(self: Made, fit: Callable[[Any], Any]) -> Made:
        """Return this with every component inside it that learns fitted; itself if there is none.

        Args:
            fit: returns a fitted copy of a component, or the component itself if it learns nothing.
        """
        return self

    def __setattr__(self, key: str, value: Any) -> None:
        if key in self.__dict__ and key in settings(type(self)):
            raise AttributeError(
                f"{type(self).__name__}.{key} is a setting, and settings are fixed"
            )
        super().__setattr__(key, value)


def describe(value: Any) -> Any:
    """Return ``value`` as JSON-ready data.

    Raises:
        TypeError: if ``value`` has no stable description (a tensor, an open file, ...).
    """
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and value.is_integer():
        return int(value)  # `eps: 8` and `eps=8.0` are one setting
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [describe(v) for v in value]
    if isinstance(value, dict):
        return {str(k): describe(v) for k, v in value.items()}
    return _describe_object(value)


def _describe_object(value: Any) -> Any:
    """Return what is no plain data as the call that makes it."""
    if isinstance(value, partial):
        return _describe_call(value.func, value.args, value.keywords)
    if inspect.isclass(value) and issubclass(value, Component):
        return _describe_call(value, (), {})
    if hasattr(value, "spec"):
        return describe(value.spec)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return _describe_call(type(value), (), fields)
    raise TypeError(f"cannot describe a {type(value).__name__}; give it a `spec`")


def flat(told: Any, where: str = "") -> dict[str, Any]:
    """Return a description as settings on one level, such as ``{"eps": 8, "inner.quality": 75}``.

    Without the name of the outermost component, and without classes and Hydra's own keys.
    """
    if not isinstance(told, dict):
        return {where: told}
    inside = {k: v for k, v in told.items() if not str(k).startswith("_")}
    if isinstance(inside.get("of"), dict):  # else a setting of that name
        inside |= inside.pop("of")
    found: dict[str, Any] = {}
    for key, value in inside.items():
        if where or key != "name":
            found |= flat(value, f"{where}.{key}".lstrip("."))
    return found


def digest(value: Any) -> str:
    """Return the 16-character content address of ``value``."""
    text = json.dumps(describe(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parameters(target: Any) -> list[inspect.Parameter]:
    """Return what a class or function may be given; a partial's values are its defaults."""
    if isinstance(target, partial):
        given = target.keywords
        return [p.replace(default=given.get(p.name, p.default)) for p in parameters(target.func)]
    return list(_written(target))


@cache
def _written(target: Any) -> tuple[inspect.Parameter, ...]:
    """Return the parameters of a class or function, as they stand where it is defined.

    ``inspect.signature(cls)`` will not do: of a class that inherits its ``__init__``, Python 3.10
    and 3.11.0 to 3.11.3 show ``Component.__new__`` (CPython gh-105080), which has no settings.
    """
    constructor = _constructor(target) if inspect.isclass(target) else None
    if constructor is None:
        if inspect.isclass(target) and issubclass(target, Component):
            return ()
        written = inspect.signature(inspect.unwrap(target)).parameters.values()
        return _with_shared(target, list(written))
    first, *others = inspect.signature(constructor).parameters.values()
    found = _with_shared(target, others)
    return (first, *found) if first.kind is first.VAR_POSITIONAL else found


def _with_shared(target: Any, written: list[inspect.Parameter]) -> tuple[inspect.Parameter, ...]:
    """Return parameters with shared settings, which are taken as ``**``, written out."""
    hints = _shared(target)
    defaults = defaults_of(target) if hints else {}
    kind, nothing = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.empty
    shared = [
        inspect.Parameter(name, kind, default=defaults.get(name, nothing), annotation=hint)
        for name, hint in hints.items()
    ]
    return (*(p for p in written if not (hints and p.kind is p.VAR_KEYWORD)), *shared)


def _shared(target: Any) -> dict[str, Any]:
    """Return the annotations of the settings that a class or function takes as ``**``, by name."""
    constructor = _constructor(target) if inspect.isclass(target) else inspect.unwrap(target)
    written = inspect.signature(constructor).parameters if constructor is not None else {}
    for name, p in written.items():
        if p.kind is p.VAR_KEYWORD and p.annotation is not p.empty:
            hint = typing.get_type_hints(constructor, include_extras=True)[name]
            if _is_shared(hint):
                (kind,) = typing.get_args(hint)
                return typing.get_type_hints(kind, include_extras=True)
    return {}


def _is_shared(annotation: Any) -> bool:
    """Whether an annotation of ``**`` names settings, by Python's own ``Unpack`` or a backport."""
    if isinstance(annotation, str):
        return "Unpack[" in annotation
    return typing.get_origin(annotation) in (Unpack, getattr(typing, "Unpack", Unpack))


def refuse_unknown(target: Any, given: Mapping[str, Any]) -> None:
    """Raise for a keyword that nobody has; behind ``**``, whoever is below might take it.

    Raises:
        TypeError: as Python itself.
    """
    known = [p.name for p in parameters(target)]
    for unknown in (key for key in given if key not in known):
        raise TypeError(f"{target.__name__}() got an unexpected keyword argument {unknown!r}")


def defaults_of(target: Any) -> dict[str, Any]:
    """Return the defaults of settings that are shared; a class's own come before its bases'."""
    found: dict[str, Any] = {}
    for base in reversed(target.__mro__) if inspect.isclass(target) else [target]:
        found |= getattr(base, "__dict__", {}).get("defaults", {})
    return found


def hints_of(target: Any) -> dict[str, Any]:
    """Return the annotations of what ``target`` is given, by name."""
    told = target if inspect.isfunction(target) else target.__init__
    # Of a record in a module of its own, what it inherits is told where that was written.
    hinted = target if dataclasses.is_dataclass(target) else told
    own = typing.get_type_hints(hinted, include_extras=True)
    return {k: hint for k, hint in own.items() if not _is_shared(hint)} | _shared(target)


def _constructor(cls: type) -> Any:
    """Return the function that tells what ``cls`` is made of; None if only C code could."""
    for base in cls.__mro__:
        for name in ("__init__", "__new__"):
            written = base.__dict__.get(name)
            written = getattr(written, "__func__", written)  # __new__ is a static method
            if inspect.isfunction(written) and base is not Component:
                return written
    return None


def settings(target: Any) -> dict[str, inspect.Parameter]:
    """Return the keyword-only parameters of ``target``, by name."""
    return {p.name: p for p in parameters(target) if p.kind is p.KEYWORD_ONLY}


def unbound(factory: Any) -> Any:
    """Return the class or function that a factory calls, without what a partial gives it."""
    return factory.func if isinstance(factory, partial) else factory


def inputs_of(target: Any) -> list[str]:
    """Return the names of the parameters of ``target`` that are not settings."""
    return [p.name for p in parameters(target) if p.kind is p.POSITIONAL_OR_KEYWORD]


def _describe_call(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    known, inputs = settings(target), inputs_of(target)
    values = {k: p.default for k, p in known.items() if p.default is not p.empty}
    values |= {k: kwargs[k] for k in kwargs.keys() & known}
    given = dict(zip(inputs, args, strict=False)) | {k: kwargs[k] for k in kwargs.keys() & inputs}
    parts = {k: describe(v) for k, v in sorted(given.items()) if _is_component(v)}
    name = getattr(target, "name", target.__qualname__)
    described = {k: describe(v) for k, v in sorted(values.items())}
    for setting in (k for k in described if _holds_nan(described[k])):
        raise ConfigError(f"{name}.{setting}: expected a number, got nan")
    told = {"name": name, "version": getattr(target, "version", 1), **described}
    return told | ({"of": parts} if parts else {})


def _holds_nan(value: Any) -> bool:
    if isinstance(value, list | dict):
        return any(map(_holds_nan, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and math.isnan(value)


def _is_component(value: Any) -> bool:
    made = unbound(value)
    return isinstance(made, Component) or (inspect.isclass(made) and issubclass(made, Component))
