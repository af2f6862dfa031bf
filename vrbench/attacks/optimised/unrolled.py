"""Poisoning through the last steps of a training (Tang et al., RecSys 2020)."""

from __future__ import annotations

import numpy as np
import torch
from typing_extensions import Unpack

from vrbench.attacks.base import Cost
from vrbench.attacks.optimised.aims import Wish
from vrbench.attacks.optimised.ascent import ascended
from vrbench.attacks.optimised.base import Problem
from vrbench.attacks.optimised.by_surrogate import SurrogateProfiles, SurrogateSettings
from vrbench.attacks.optimised.surrogates import Training, tensor
from vrbench.attacks.profile.base import Aim
from vrbench.attacks.profile.shop import Floats
from vrbench.core.dice import Dice


class UnrolledProfiles(SurrogateProfiles):
    """Gradient steps through the last steps of a surrogate's training (Tang et al., RecSys 2020).

    Fakes begin as copies of real users. After every change of theirs the surrogate is trained on,
    and the log-likelihood of the targets, for real users, is followed back through the last
    ``unroll`` steps of that training to what fakes have. Published: 50 epochs, 30 changes, momentum
    0.95, 10 unrolled steps for weighted factors and 5 for the auto-encoder; there each change
    begins at an untrained surrogate, here it goes on for ``again`` epochs.

    Args:
        aim: "push" or "nuke".
        surrogate: "wrmf", weighted factors, or "itemae", an auto-encoder of items, which is dense.
        width: of the surrogate: its factors, or its hidden layer.
        epochs: of the first training.
        again: epochs after each change.
        lr: of the surrogate's training.
        unroll: how many of its last steps are followed back; 0 is refused: nothing would be.
        steps: how often fakes are changed.
        rate: length of a change, in lengths of a profile.
        momentum: how much of the last change is added to the next.

    Example:
        >>> from vrbench.attacks import UnrolledProfiles
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(UnrolledProfiles(steps=2))]
        [(5, True), (5, True)]
    """

    paper = "Tang et al., RecSys 2020"

    def __init__(
        self,
        *,
        aim: Aim = "push",
        epochs: int = 50,
        again: int = 10,
        lr: float = 0.02,
        unroll: int = 10,
        steps: int = 30,
        rate: float = 0.05,
        momentum: float = 0.95,
        **model: Unpack[SurrogateSettings],
    ) -> None:
        super().__init__(aim=aim, **model)
        self.refuse_if(not 1 <= unroll <= again, "1 <= unroll <= again")
        self.lr = lr
        self.epochs, self.again, self.unroll = epochs, again, unroll
        self.steps, self.rate, self.momentum = steps, rate, momentum

    @property
    def cost(self) -> Cost | None:
        return Cost(1 + self.steps, self.steps)

    def wanted(self, problem: Problem, dice: Dice) -> Floats:
        model = self.model_for(problem)
        training, wish = Training(model.start(dice), self.lr), Wish(problem)
        begin = problem.like_real(dice)
        first = tensor(problem.rounded(begin))
        training.run(lambda now: model.loss(now, first), self.epochs)

        def judge(fakes: Floats) -> tuple[float, Floats]:
            has = tensor(fakes).requires_grad_()
            trained = training.run(lambda now: model.loss(now, has), self.again, self.unroll)
            utility = wish.likelihood(model.scores(trained, has))
            (slope,) = torch.autograd.grad(utility, [has])
            return float(utility.detach()), np.asarray(slope.double().numpy())

        return ascended(problem, begin, judge, self.steps, self.rate, self.momentum)
