"""Settings are the same under every Python. Nothing here needs torch: `.ci/pythons` runs it."""

import inspect
import typing
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, NamedTuple, TypedDict

import pytest
from typing_extensions import Unpack

from vrbench.core import spec
from vrbench.core.errors import ConfigError
from vrbench.core.shared_settings import sharing
from vrbench.core.spec import Component, describe, digest, hints_of, inputs_of, settings


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


class Training(TypedDict, total=False):
    epochs: Annotated[int, "many"]
    lr: float


class PairTraining(Training, total=False):
    l2: float


class Learner(Component):
    name = "signatures.Learner"
    defaults = PairTraining(epochs=200, lr=0.1, l2=1.0)

    def __init__(self, *, l2: float, epochs: int, lr: float) -> None:
        self.l2, self.epochs, self.lr = l2, epochs, lr


class Long(Learner):
    name = "signatures.Long"
    defaults = PairTraining(epochs=400)

    def __init__(self, inner: Inner, *, depth: int = 3, **training: Unpack[PairTraining]) -> None:
        super().__init__(**self.with_defaults(PairTraining, training))
        self.inner, self.depth = inner, depth


class Longer(Long):
    """As somebody published it: a base's setting fixed, another default, fewer settings."""

    name = "signatures.Longer"
    defaults = Training(lr=0.5)

    def __init__(self, inner: Inner, **training: Unpack[Training]) -> None:
        super().__init__(inner, depth=9, l2=0.0, **training)


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


def test_settings_that_are_shared_are_settings_like_any_other():
    known = {name: p.default for name, p in settings(Long).items()}
    assert known == {"depth": 3, "epochs": 400, "lr": 0.1, "l2": 1.0}
    assert inputs_of(Long) == ["inner"]
    assert hints_of(Long)["epochs"] == Annotated[int, "many"]
    made = Long(Inner(), lr=0.2)
    assert (made.depth, made.epochs, made.lr, made.l2) == (3, 400, 0.2, 1.0)
    told = {"depth": 3, "epochs": 400, "lr": 0.2, "l2": 1}
    assert {k: v for k, v in describe(made).items() if k in told} == told
    assert digest(made) == digest(partial(Long, Inner(), lr=0.2)) != digest(Long(Inner()))
    with pytest.raises(AttributeError, match=r"Long.epochs is a setting"):
        made.epochs = 3
    with pytest.raises(ConfigError, match=r"signatures.Long.lr: expected a number, got nan"):
        Long(Inner(), lr=float("nan"))


@pytest.mark.parametrize("unpack", {Unpack, getattr(typing, "Unpack", Unpack)})
def test_whichever_unpack_is_written(unpack):
    def start(self, **training):
        given = self.with_defaults(PairTraining, training)
        self.lr = given["lr"]

    start.__annotations__ = {"training": unpack[PairTraining]}
    made = type("Own", (Learner,), {"__init__": start, "name": "signatures.Own"})
    assert list(settings(made)) == ["epochs", "lr", "l2"]
    assert made(lr=0.3).lr == 0.3


def test_a_class_below_has_defaults_of_its_own_and_the_settings_that_it_names():
    assert {n: p.default for n, p in settings(Longer).items()} == {"epochs": 400, "lr": 0.5}
    made = Longer(Inner(), epochs=7)
    assert (made.depth, made.epochs, made.lr, made.l2) == (9, 7, 0.5, 0.0)


@pytest.mark.parametrize(("cls", "unknown"), [(Long, "epoch"), (Longer, "l2"), (Longer, "depth")])
def test_what_is_no_setting_is_refused_whoever_below_might_take_it(cls, unknown):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{unknown}'"):
        cls(Inner(), **{unknown: 1})


@sharing(PairTraining(epochs=5, lr=0.1, l2=0.0))
def trained(rows, *, depth=2, **training: Unpack[PairTraining]):
    return rows, depth, training


def test_a_function_shares_settings_too():
    assert inputs_of(trained) == ["rows"]
    assert {n: p.default for n, p in settings(trained).items()} == {
        "depth": 2,
        "epochs": 5,
        "lr": 0.1,
        "l2": 0.0,
    }
    assert hints_of(trained)["epochs"] == Annotated[int, "many"]
    assert list(inspect.signature(trained).parameters) == ["rows", "depth", "epochs", "lr", "l2"]
    assert trained(1, lr=0.2) == (1, 2, {"epochs": 5, "lr": 0.2, "l2": 0.0})
    assert digest(partial(trained, 1, lr=0.1)) == digest(partial(trained, 1))
    with pytest.raises(TypeError, match=r"trained\(\) got an unexpected keyword argument 'epoch'"):
        trained(1, epoch=3)


def test_a_signature_shows_what_is_shared():
    assert str(inspect.signature(Longer)).startswith("(inner")
    assert list(inspect.signature(Long).parameters) == ["inner", "depth", "epochs", "lr", "l2"]
    assert not hasattr(Long(Inner()), "__signature__")
