"""Fakes that a model which wants the target would register (Huang et al., NDSS 2021)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.attacks.base import Cost
from vrbench.attacks.optimised.aims import Wish
from vrbench.attacks.optimised.base import Problem
from vrbench.attacks.optimised.by_surrogate import SurrogateProfiles, SurrogateSettings
from vrbench.attacks.optimised.surrogates import (
    Model,
    Surrogate,
    Training,
    tensor,
)
from vrbench.attacks.profile.base import Aim
from vrbench.attacks.profile.shop import Floats
from vrbench.core.dice import Dice


class PoisonTraining(SurrogateProfiles):
    """Fakes take what a poisoned model predicts for them, one by one (Huang et al., NDSS 2021).

    A model is trained on real users and all fakes so far, the next one with its targets alone; then
    it is trained further with a term that wants the targets above the last of ``places``
    recommended items (Carlini and Wagner's), whose gradient reaches both. What this model predicts
    for the fake, times a chance for each item, chooses its items; chosen ones have less of a chance
    with the next fakes, so that fakes differ.

    The model is Huang et al.'s in its role only: they take a deep one, here it is a surrogate that
    all these attacks share.

    Args:
        aim: "push" or "nuke".
        surrogate: "wrmf" or "itemae".
        width: of the surrogate.
        epochs: of the first training.
        again: epochs before each fake.
        poisoned: epochs of poison training for each.
        lr: of all of them.
        weight: of the term that wants the targets, per user of the loss.
        places: how many items are recommended.
        fade: what the chance of a chosen item is multiplied by; published: 0.8.

    Example:
        >>> from vrbench.attacks import PoisonTraining
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(PoisonTraining())]
        [(5, True), (5, True)]
    """

    paper = "Huang et al., NDSS 2021"

    def __init__(
        self,
        *,
        aim: Aim = "push",
        epochs: int = 50,
        again: int = 10,
        poisoned: int = 10,
        lr: float = 0.05,
        weight: float = 10.0,
        places: int = 20,
        fade: float = 0.8,
        **model: Unpack[SurrogateSettings],
    ) -> None:
        super().__init__(aim=aim, **model)
        wrong = places < 1 or not 0 <= fade < 1
        self.refuse_if(wrong, "places of 1 or more, fade from 0 to below 1")
        self.lr, self.weight = lr, weight
        self.epochs, self.again, self.poisoned = epochs, again, poisoned
        self.places, self.fade = places, fade

    @property
    def cost(self) -> Cost | None:
        """For each fake user: two trainings, and the gradients of the second."""
        return Cost(2, self.poisoned)

    def wanted(self, problem: Problem, dice: Dice) -> Floats:
        model = self.model_for(problem)
        training, wish = Training(model.start(dice), self.lr), Wish(problem)
        has, wanted = np.zeros_like(problem.fixed), np.zeros_like(problem.fixed)
        chance = np.ones(has.shape[1])
        self._train(model, training, has, self.epochs)
        for fake in range(len(has)):
            has[fake] = problem.fixed[fake]
            self._train(model, training, has, self.again)
            told = self._poisoned(model, training.model, has, wish)[wish.users + fake]
            wanted[fake] = (told - told.min()) * chance
            has[fake] = problem.rounded(wanted)[fake]
            chance[(has[fake] > 0) & problem.free] *= self.fade
            if chance[problem.free].max(initial=0) < 1:
                chance[:] = 1
        return wanted

    def _train(self, model: Surrogate, training: Training, has: Floats, epochs: int) -> None:
        fakes = tensor(has)
        training.run(lambda now: model.loss(now, fakes), epochs)

    def _poisoned(self, model: Surrogate, begin: Model, has: Floats, wish: Wish) -> Floats:
        """Return the ``(users, items)`` scores after a training that wants the targets, too."""
        fakes = tensor(has)

        def loss(now: Model) -> Tensor:
            gain = wish.margin(model.scores(now, fakes), self.places)
            return model.loss(now, fakes) - self.weight * wish.users * gain

        found = Training(begin, self.lr).run(loss, self.poisoned)
        with torch.no_grad():
            return np.asarray(model.scores(found, fakes).double().numpy())
