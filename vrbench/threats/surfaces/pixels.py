"""Pixel surface: adversarial pictures, uploaded before (poisoning) or after training (evasion)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vrbench.attacks.base import Attack
from vrbench.attacks.budget import Budget
from vrbench.attacks.feature_budget import Rows
from vrbench.attacks.goal import Goal, TwoSpeed
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.spec import describe, inputs_of
from vrbench.core.visuals import Signal
from vrbench.extractors.base import Extractor
from vrbench.extractors.inference_copy import swift
from vrbench.recommenders.base import class_of
from vrbench.threats.case import Case
from vrbench.threats.detectors.pictures import PictureDetector, Watch
from vrbench.threats.evading import evading
from vrbench.threats.knowledge import knowledge
from vrbench.threats.objectives.base import objective_name
from vrbench.threats.surfaces.base import Stages, Surface
from vrbench.threats.surfaces.features import Features
from vrbench.threats.surfaces.looks import Looks
from vrbench.threats.surfaces.parameters import Parameters
from vrbench.threats.surfaces.profiles import Profiles
from vrbench.threats.world import Change, World

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment

BLOCK = 64  # pictures looked at together; changes no number


class Pixels(Surface):
    """Adversarial images of the scenario's items, at serving (evasion) or before training.

    Args:
        detector: looks at every picture through the shop's network. What it suspects is measured;
            no picture is refused.
        evades: how much an adversary who knows the detector, as it looks through the network that
            he holds, minds being suspected (``threats.evading.Evading``); 0: knows of none.

    Raises:
        ConfigError: if there is nothing to be evaded.

    Example:
        >>> from vrbench import Threat
        >>> Threat().acts_on.name, Threat().acts_on.of_items
        ('pixels', True)
    """

    name = "pixels"
    attacks, budgets = (Attack,), (Budget,)
    goes_with = "pictures go with attack=pgd and its kind, and a budget of grey levels"
    others = (Parameters, Looks, Profiles)
    needs_network = needs_pictures = of_items = True

    def __init__(self, *, detector: PictureDetector | None = None, evades: float = 0.0) -> None:
        super().__init__()
        if evades < 0 or (evades and detector is None):
            raise ConfigError(
                f"threat.surface.evades: expected 0, or a weight above 0 with a detector that is "
                f"evaded, got {evades}"
            )
        self.detector, self.evades = detector, evades
        if detector is not None:
            self.spec = {"name": self.name, "detector": describe(detector), "evades": evades}

    def check(self, x: Experiment) -> None:
        super().check(x)
        if isinstance(x.budget, Rows):
            raise IncompatibleError(Features.goes_with)
        if "extractor" not in inputs_of(x.objective):
            raise IncompatibleError(
                f"{objective_name(x.objective)} judges what a recommender is shown, not pictures: "
                "it goes with threat=vector"
            )

    def attack(self, stages: Stages, x: Experiment, world: World, case: Case) -> Change:
        knows, network = knowledge(stages, x, world, case)
        aim = x.objective(**knows)
        x = replace(x, attack=stages.prepare(x.attack, world))
        soon = stages.compile_after
        exact = x.objective(**knows | {"extractor": swift(network)})
        goal: Goal = exact
        if stages.precision == "float32":
            if soon is not None:
                goal = x.objective(**knows | {"extractor": swift(network, compile_after=soon)})
        else:
            dtype = getattr(torch, stages.precision)
            quick = swift(network, dtype=dtype, compile_after=soon)
            goal = TwoSpeed(x.objective(**knows | {"extractor": quick}), exact)
        watch = self._watch(stages, world.network, world, case)
        theirs = self._watch(stages, network, world, case) if self.evades else watch
        if self.detector is not None and (watch is None or theirs is None):
            return Change(world, complete=False, objective=aim)
        if theirs is not None and self.evades:
            goal = evading(goal, theirs, self.evades)
            knows = knows | {"watch": [theirs.spec, self.evades]}
        made = stages.craft(x, world, case, goal, exact, knows)
        if made.tensors is None:
            return Change(world, complete=False, objective=aim)
        pixels, rest = made.tensors["pixels"], world.visuals
        if x.threat.mixed is not None:
            rest = stages.extract(world, stages.prepare(x.threat.mixed, world))
        signal = class_of(world.factory).signal
        shown = rest.overlay(case.items, seen(world.network, pixels, signal), made.spec)
        return Change(
            replace(world, visuals=shown),
            pixels=pixels,
            queries=made.tensors["queries"],
            masking=made.notes.get("masking"),
            objective=aim,
            watch=watch,
        )

    def _watch(self, stages: Stages, network: Extractor, world: World, case: Case) -> Watch | None:
        """Return the detector behind ``network``; None without one, and in a dry run."""
        if self.detector is None:
            return None
        return stages.watch(self.detector, network, world, case)


@torch.no_grad()
def seen(network: Extractor, pixels: Tensor, signal: Signal | None) -> Tensor:
    """Return what the recommender is shown of the attacked pictures."""
    if signal is None or signal is Signal.PIXELS:
        return pixels
    blocks = pixels.split(BLOCK)
    return torch.cat([network.see(b.to(network.device), signal) for b in blocks])
