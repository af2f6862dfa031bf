"""Attacks of other libraries, torchattacks and foolbox, as attacks of this one."""

from __future__ import annotations

import importlib
import inspect
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from vrbench.attacks.base import Attack
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Classes, Goal, able, ask
from vrbench.core.errors import ConfigError, IncompatibleError, nearest
from vrbench.core.seeds import Streams
from vrbench.core.spec import parameters

DEAF = ("FAB",)  # says that it knows targets, and gets away from the class it is given all the same
HOMES = {"torchattacks": "torchattacks", "foolbox": "foolbox.attacks"}


class Wrapped(Attack):
    """An attack of torchattacks (Kim, 2020) or foolbox (Rauber et al., JOSS 2020).

    It is shown a model of logits, and told the class to get to or to get away from; its result is
    brought into the budget and judged like any other. Items go through it one by one: these
    libraries draw from the global random states, some share numbers within a batch, and some end
    a batch together. While they run, those states are the item's own; then they are as before.

    Args:
        library: "torchattacks" or "foolbox"; either is installed apart from vrbench.
        attack: the name of a class there, such as "PGD" or "LinfPGD".
        settings: its keyword arguments that are plain values.
        radii: its arguments that are lengths, in units of the budget's radius: for torchattacks
            ``{"eps": 1.0, "alpha": 0.25}``; for foolbox ``{"epsilons": 1.0}``, which goes into the
            call. Empty for attacks that look for the smallest change themselves.
        shown: "classes": the logits the goal is about, which only goals about classes have.
            "margin": two logits, minus the goal's margin and 0, the first wanted; so any goal can
            be attacked, promotion too.

    Raises:
        ConfigError: if the library is not installed, has no such attack, or the attack no such
            argument.
        IncompatibleError: if the goal is not about classes, or it names the class wanted and the
            attack knows no targets.

    Example:
        >>> from vrbench.attacks import Wrapped
        >>> from vrbench.core.spec import settings
        >>> radii = {"epsilons": 1.0}
        >>> Wrapped(library="foolbox", attack="LinfPGD", settings={}, radii=radii).needs_radius
        True
    """

    version: ClassVar[int] = 2
    paper = "Kim, 2020; Rauber et al., JOSS 2020"

    def __init__(
        self,
        *,
        library: Literal["torchattacks", "foolbox"],
        attack: str,
        settings: dict[str, Any],
        radii: dict[str, float],
        shown: Literal["classes", "margin"] = "classes",
    ) -> None:
        if library not in HOMES or shown not in ("classes", "margin"):
            raise ConfigError(
                "Wrapped: expected library torchattacks or foolbox and shown classes or margin, "
                f"got {library!r} and {shown!r}"
            )
        self.library, self.attack, self.settings = library, attack, settings
        self.radii, self.shown = radii, shown

    @property
    def needs_radius(self) -> bool:  # type: ignore[override]
        """Whether a length is measured in the budget's radius."""
        return bool(self.radii)

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        target = _found(self.library, self.attack)
        lengths = {name: share * budget.radius for name, share in self.radii.items()}
        call = _torchattacks if self.library == "torchattacks" else _foolbox
        seeds = rng.integers(items, 0, 2**31, 1)[:, 0].tolist()
        found = []
        for n, seed in enumerate(seeds):
            x, model = clean[n : n + 1], _Logits(goal, items[n : n + 1], self.shown)
            with _own_dice(seed, x.device), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(call(target, model.to(x.device).eval(), x, self.settings, lengths))
        return torch.cat(found).detach()


class _Logits(nn.Module):
    """A goal as the model of logits that libraries of image attacks expect."""

    def __init__(self, goal: Goal, item: Tensor, shown: str) -> None:
        super().__init__()
        self.goal, self.item, self.shown = goal, item, shown
        self.place = nn.Parameter(torch.zeros(0), requires_grad=False)  # tells them the device

    def classes(self, x: Tensor) -> Classes:
        """Return the logits and the class wanted, or not wanted."""
        items = self.item.expand(len(x))
        if self.shown == "classes":
            found: Classes = able(self.goal, "classes")(x, items)
            return found
        margin = ask(self.goal, x, items).margin
        return Classes(torch.stack([-margin, torch.zeros_like(margin)], 1), 0, None)

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() and x.requires_grad:
            found: Tensor = _ToPixels.apply(x, lambda x: self.classes(x).logits)
            return found
        with torch.no_grad():
            return self.classes(x).logits

    @torch.no_grad()
    def label(self, x: Tensor) -> tuple[Tensor, bool]:
        """Return the ``(1,)`` class at stake, and whether it is wanted."""
        _, towards, away = self.classes(x)
        label = away if towards is None else towards
        assert label is not None
        return torch.tensor([label], device=x.device), towards is not None


class _ToPixels(torch.autograd.Function):
    """A function of pictures whose gradient ends there.

    These libraries call ``backward``, which would leave gradients in the network's parameters.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        with torch.enable_grad():
            ctx.x = x.detach().requires_grad_()
            ctx.found = function(ctx.x)
        found: Tensor = ctx.found.detach()
        return found

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return torch.autograd.grad(ctx.found, ctx.x, slope, retain_graph=True)[0], None


def _torchattacks(
    target: Any, model: _Logits, x: Tensor, settings: dict[str, Any], lengths: dict[str, float]
) -> Tensor:
    attack = _made(target, {**settings, **lengths}, model)
    label, wanted = model.label(x)
    if wanted:
        if "targeted" not in attack.supported_mode or target.__name__ in DEAF:
            raise IncompatibleError(f"torchattacks.{target.__name__} knows no targets")
        attack.set_mode_targeted_by_label(quiet=True)
    found: Tensor = attack(x, label)
    return found


def _foolbox(
    target: Any, model: _Logits, x: Tensor, settings: dict[str, Any], lengths: dict[str, float]
) -> Tensor:
    import foolbox

    inside = {name: value for name, value in lengths.items() if name != "epsilons"}
    attack = _made(target, {**settings, **inside})
    label, wanted = model.label(x)
    seen = foolbox.PyTorchModel(model, bounds=(0, 1), device=x.device)
    aim = (
        foolbox.criteria.TargetedMisclassification if wanted else foolbox.criteria.Misclassification
    )
    try:
        _, clipped, _ = attack(seen, x, aim(label), epsilons=lengths.get("epsilons"))
    except ValueError as error:
        if "criterion" not in str(error):
            raise
        raise IncompatibleError(f"foolbox.attacks.{target.__name__}: {error}") from None
    found: Tensor = clipped
    return found


def _found(library: str, name: str) -> Any:
    """Return the class ``name`` of a library."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(library)  # whole, or not at all
            home = importlib.import_module(HOMES[library])
    except ImportError as error:
        raise ConfigError(f"cannot import {library} ({error}): pip install {library}") from None
    found = getattr(home, name, None)
    if not inspect.isclass(found):
        known = [n for n, value in vars(home).items() if inspect.isclass(value)]
        raise ConfigError(f"{library} has no attack {name!r}{nearest(name, known)}")
    return found


def _made(target: Any, settings: dict[str, Any], *inputs: Any) -> Any:
    known = [p.name for p in parameters(target)]
    for name in settings:
        if name not in known:
            raise ConfigError(
                f"attack: {target.__name__} has no setting {name!r}{nearest(name, known)} "
                f"(it has: {', '.join(n for n in known if n != 'model')})"
            )
    return target(*inputs, **settings)


@contextmanager
def _own_dice(seed: int, device: torch.device) -> Iterator[None]:
    """Let what draws from global random states draw from ``seed``; put them back afterwards."""
    plain, numbers = random.getstate(), np.random.get_state()
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            with torch.cuda.device(device):  # not the one that happens to be current
                torch.cuda.manual_seed(seed)
        random.setstate(random.Random(seed).getstate())
        np.random.set_state(np.random.RandomState(seed).get_state())
        try:
            yield
        finally:
            random.setstate(plain)
            np.random.set_state(numbers)
