"""Profile surface: fake profiles poison the next training (shilling)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vrbench.attacks.profile.base import ProfileAttack
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.fillers import RandomProfiles
from vrbench.core.errors import IncompatibleError
from vrbench.core.spec import describe
from vrbench.extractors.ready import Ready
from vrbench.threats.case import Case
from vrbench.threats.detectors.base import Detector
from vrbench.threats.registered import accepted, known
from vrbench.threats.surfaces.base import Stages, Surface
from vrbench.threats.world import Change, Suspected, World

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


class Profiles(Surface):
    """Profiles of users who are nobody (Lam and Riedl, WWW 2004), in the next training.

    The recommender is trained on what they have beside what real users have. They are never
    ranked: whatever is measured is measured on the real users. No objective is read; the attack
    says whether targets are pushed or nuked. Wherever the clean shop is trained anew as a control,
    so is one with as many fakes that chose nothing (``RandomProfiles``, same targets and aim).

    Args:
        detector: looks for fakes before either of these trainings, and leaves out whom it suspects;
            the clean shop is trained without one. Under a budget of zero it looks at honest users
            alone: what it costs in peace.

    Example:
        >>> from vrbench import Threat
        >>> from vrbench.surfaces import Profiles
        >>> Threat(timing="poisoning", surface=Profiles()).acts_on.name
        'profiles'
    """

    name = "profiles"
    attacks, budgets = (ProfileAttack,), (FakeUsers,)
    goes_with = (
        "threat=profiles goes with an attack and a budget of fake users, such as attack=average "
        "budget=profiles_5, and only so"
    )
    told = "{items} items, {source}, and the profiles of fake users"
    of_items, reads_objective = True, False

    def __init__(self, *, detector: Detector | None = None) -> None:
        super().__init__()
        self.detector = detector
        if detector is not None:
            self.spec = {"name": self.name, "detector": describe(detector)}

    def check(self, x: Experiment) -> None:
        super().check(x)
        if not x.poisons:
            raise IncompatibleError(
                "fake users change a shop in its next training, and under timing evasion it is not "
                "trained anew: threat.surface=profiles goes with threat.timing=poisoning"
            )
        if x.threat.surrogate is not None or x.threat.mixed is not None:
            raise IncompatibleError(
                "threat=profiles changes no picture: no surrogate, no mixed features"
            )
        assert isinstance(x.attack, ProfileAttack)
        seen = x.dataset.catalogue.has_pictures or isinstance(x.extractor, Ready)
        if x.attack.asks_features and not seen:
            raise IncompatibleError("this dataset has no pictures: take fillers by category")

    def attack(self, stages: Stages, x: Experiment, world: World, case: Case) -> Change:
        assert isinstance(x.attack, ProfileAttack)
        assert isinstance(x.budget, FakeUsers)
        _require_someone(world, case)
        drawn = RandomProfiles(aim=x.attack.aim)
        changed = self._with_fakes(stages, x.attack, x.budget, world, case)
        as_many = x.budget
        if changed is not None and changed.fakes is not None:
            count = changed.fakes.num_users
            if count != as_many.count(world.real):
                as_many = replace(as_many, eps=count / world.real)
        control = self._with_fakes(stages, drawn, as_many, world, case)
        if changed is None or control is None:
            return Change(world, complete=False)
        whom = x.attack.audience(known(world.data, x.budget), case.items.numpy())
        return Change(
            changed,
            objective=None if whom is None else Segment(case.items, whom),
            beside={"random": control},
        )

    def _with_fakes(
        self, stages: Stages, attack: ProfileAttack, budget: FakeUsers, world: World, case: Case
    ) -> World | None:
        """Return ``world`` with fake users, not trained yet; itself without; None in a dry run."""
        made = stages.register(attack, budget, world, case)
        if made.tensors is None:
            return None
        fakes = accepted(made.tensors, world.data.train, made.spec)
        changed = replace(world, fakes=fakes) if fakes.num_users else world
        if self.detector is None:
            return changed
        found = stages.detect(self.detector, changed)
        if found.tensors is None:
            return None
        return replace(changed, suspected=Suspected(**found.tensors, spec=found.spec))


@dataclass(frozen=True)
class Segment:
    """Whom each attacked item is to reach.

    Attributes:
        items: ``(n,)`` the attacked items.
        users: ``(num_users, n)`` bool.
    """

    items: Tensor
    users: np.ndarray

    def aimed_at(self, items: Tensor) -> Tensor:
        """Return ``(num_users, n)`` bool: whom each of the attacked ``items`` is to reach."""
        assert torch.equal(items, self.items)
        return torch.from_numpy(self.users)


def _require_someone(world: World, case: Case) -> None:
    """Raise unless there are targets, and of each somebody real whom it could be shown to.

    Raises:
        IncompatibleError: names the first item that everybody has.
    """
    if not len(case.items):
        raise IncompatibleError("the scenario attacks no item: there is nothing to push")
    owned = world.data.seen.popularity[case.items] >= world.real
    if owned.any():
        item = int(case.items[owned][0])
        name = case.item_ids[item] if case.item_ids else str(item)
        raise IncompatibleError(
            f"every user has item {name!r}: it is ranked for nobody, so nothing can be measured"
        )
