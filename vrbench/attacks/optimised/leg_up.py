"""Profiles by a generator that a discriminator and a surrogate teach (Lin et al., TNNLS 2022)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.attacks.base import Cost
from vrbench.attacks.optimised.aims import Wish
from vrbench.attacks.optimised.base import Problem
from vrbench.attacks.optimised.by_surrogate import SurrogateProfiles, SurrogateSettings
from vrbench.attacks.optimised.profile_gan import ProfileGAN, Width, fitting, through
from vrbench.attacks.optimised.surrogates import Model, Training
from vrbench.attacks.profile.base import Aim
from vrbench.attacks.profile.shop import Floats
from vrbench.core.dice import Dice


class LegUP(SurrogateProfiles):
    """A generator of profiles that look real and push the target (Leg-UP; Lin et al., TNNLS 2022).

    Every fake has a real user for a template. A generator makes of it how much each item is wanted;
    the most wanted are had, and the gradient passes as if they were had by that much. It first
    learns to restore halves of real profiles; then in turn a discriminator learns to tell its
    profiles from real ones, it learns to deceive it, and it learns to push the targets in a
    surrogate through the last ``unroll`` steps of that surrogate's training. (AUSH, CIKM 2020, is
    the same without the surrogate, and rates chosen items; of implicit feedback that leaves little
    to generate.)

    Args:
        aim: "push" or "nuke".
        surrogate: "wrmf" or "itemae".
        width: of the surrogate.
        hidden: of the generator; published: 125. The discriminator's are four times as wide, and
            as wide.
        pretrain: steps of the generator alone.
        epochs: rounds of all three; published: 5 steps of the discriminator in each, then 1 and
            ``push`` of the generator.
        push: steps towards the targets in each round.
        again: steps of the surrogate for each of them.
        unroll: how many of these are followed back.
        weight: of the discriminator's word against the targets'.
        lr: of the generator; the discriminator's is a hundredth.
        batch_size: real users in a step.

    Example:
        >>> from vrbench.attacks import LegUP
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(LegUP(epochs=2, hidden=8))]
        [(5, True), (5, True)]
    """

    paper = "Lin et al., TNNLS 2022"

    def __init__(
        self,
        *,
        aim: Aim = "push",
        hidden: int = 125,
        pretrain: int = 100,
        epochs: int = 10,
        push: int = 10,
        again: int = 5,
        unroll: int = 5,
        weight: float = 0.01,
        lr: float = 0.003,
        batch_size: int = 64,
        **model: Unpack[SurrogateSettings],
    ) -> None:
        super().__init__(aim=aim, **model)
        self.refuse_if(not 1 <= unroll <= again, "1 <= unroll <= again")
        self.hidden, self.lr = hidden, lr
        self.pretrain, self.epochs, self.push = pretrain, epochs, push
        self.again, self.unroll, self.weight, self.batch_size = again, unroll, weight, batch_size

    @property
    def cost(self) -> Cost | None:
        return Cost(1 + self.epochs * self.push, self.epochs * self.push)

    def wanted(self, problem: Problem, dice: Dice) -> Floats:
        width = Width(self.hidden, (4 * self.hidden, self.hidden))
        lr = (self.lr, self.lr / 100)
        gan = ProfileGAN(problem.real, width, lr, self.batch_size, dice)
        gan.reconstruct(self.pretrain)
        mine = gan.templates(len(problem.room))
        shop = _Shop(self, problem, dice)
        shop.settle(self._fakes(problem, gan.generator.model, mine))
        for _ in range(self.epochs):
            gan.tell_apart(5)
            for n in range(1 + self.push):

                def loss(model: Model, pushing: bool = n > 0) -> Tensor:
                    fakes = self._fakes(problem, model, mine)
                    real = gan.taken_for_real(fakes)
                    return self.weight * real - shop.likelihood(fakes) if pushing else real

                gan.generator.run(loss, 1)
        with torch.no_grad():
            return np.asarray(through(gan.generator.model, mine).double().numpy())

    def _fakes(self, problem: Problem, generator: Model, templates: Tensor) -> Tensor:
        return fitting(problem, through(generator, templates).sigmoid())


class _Shop:
    """The surrogate, trained on as fakes change."""

    def __init__(self, attack: LegUP, problem: Problem, dice: Dice) -> None:
        self.model = attack.model_for(problem)
        self.training, self.wish = Training(self.model.start(dice), 0.02), Wish(problem)
        self.again, self.unroll = attack.again, attack.unroll

    def settle(self, fakes: Tensor) -> None:
        """Train from the start; published: 50 epochs."""
        has = fakes.detach()
        self.training.run(lambda now: self.model.loss(now, has), 50)

    def likelihood(self, fakes: Tensor) -> Tensor:
        """Return ``Wish.likelihood`` after some more steps."""
        trained = self.training.run(
            lambda now: self.model.loss(now, fakes), self.again, self.unroll
        )
        return self.wish.likelihood(self.model.scores(trained, fakes))
