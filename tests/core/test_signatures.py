"""Settings are the same under every Python. Nothing here needs torch: `.ci/pythons` runs it."""

import inspect
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import pytest

from vrbench.core import spec
from vrbench.core.spec import Component, describe, digest, inputs_of, settings


class Inner(Component):
    name = "signatures.Inner"

    def __init__(self, *, size: int = 1) -> None:
        self.size = size


class Wrapped(Component):
    name = "signatures.Wrapped"

    def __init__(self, inner: Inner, *, quality: int = 75) -> None:
        self.inner, self.quality = inner, quality


class Heir(Wrapped):
    name = "signatures.Heir"


@dataclass
class Plain:
    rows: int
    quality: int = field(default=75, kw_only=True)


class Pair(NamedTuple):
    left: int
    right: int = 2


def function(rows, *, quality=75):
    return rows, quality


@pytest.fixture(params=["as it is", "blind"])
def python(request, monkeypatch):
    """Also let ``inspect.signature`` of a class find what Python 3.10 and 3.11.0 to 3.11.3 find.

    They take ``__new__`` before an ``__init__`` that is inherited (CPython gh-105080).
    """
    true = inspect.signature

    def blind(target, **how):
        if inspect.isclass(target) and "__init__" not in target.__dict__:
            return true(partial(target.__new__, target), **how)
        return true(target, **how)

    if request.param == "blind":
        monkeypatch.setattr(inspect, "signature", blind)
    spec._written.cache_clear()
    yield
    spec._written.cache_clear()


pytestmark = pytest.mark.usefixtures("python")


@pytest.mark.parametrize("cls", [Wrapped, Heir])
def test_a_constructor_has_its_settings_wherever_it_is_written(cls):
    assert (inputs_of(cls), list(settings(cls))) == (["inner"], ["quality"])
    made = cls(Inner(), quality=3)
    assert describe(made)["quality"] == 3
    assert describe(made)["of"]["inner"]["size"] == 1
    assert digest(made) != digest(cls(Inner())) == digest(partial(cls, Inner()))
    with pytest.raises(AttributeError, match=r"quality is a setting"):
        made.quality = 4


@pytest.mark.parametrize("target", [Plain, function, partial(function, 1)])
def test_whatever_can_be_called_says_what_it_may_be_given(target):
    assert (inputs_of(target), list(settings(target))) == (["rows"], ["quality"])
    assert settings(target)["quality"].default == 75
    assert settings(partial(target, quality=3))["quality"].default == 3
    assert settings(target)["quality"].default == 75


def test_a_class_that_is_made_without_a_constructor():
    assert inputs_of(Pair) == ["left", "right"]

    class Bare(Component):
        name = "signatures.Bare"

    assert (inputs_of(Bare), settings(Bare)) == ([], {})
