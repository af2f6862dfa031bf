"""A GAN's profiles, improved without gradients (Christakopoulou and Banerjee, RecSys 2019)."""

from __future__ import annotations

import numpy as np
import torch
from typing_extensions import Unpack

from vrbench.attacks.base import Cost
from vrbench.attacks.optimised.ascent import projected, unit_rows
from vrbench.attacks.optimised.base import Problem
from vrbench.attacks.optimised.oracle import OwnShop, OwnShopProfiles, OwnShopSettings
from vrbench.attacks.optimised.profile_gan import ProfileGAN, Width, through, whole_profiles
from vrbench.attacks.profile.base import Aim
from vrbench.attacks.profile.shop import Floats
from vrbench.core.dice import Dice


class ZeroOrder(OwnShopProfiles):
    """Profiles of a GAN, moved by finite differences (Christakopoulou and Banerjee, RecSys 2019).

    A GAN of real profiles makes the first fakes. Then, in each of ``steps`` rounds, the table of
    what fakes have is decomposed, and how the targets' places change along each of its first
    ``directions`` products ``u v'`` of a column of users and one of items, of length 1, is
    estimated by training a model of the adversary's with and without it.

    Args:
        aim: "push" or "nuke".
        hidden: of the generator.
        pretrain: steps of the generator alone.
        epochs: of both networks; published: 64, with batches of 64.
        lr: of both.
        batch_size: real users in a step.
        steps: rounds; published: 10.
        directions: how many; published: 5.
        alpha: how far a direction is tried, in lengths of the table.
        rate: how far all are followed, in lengths of a profile.
        factors, refits: of the adversary's model, see ``OwnShopSettings``.

    Example:
        >>> from vrbench.attacks import ZeroOrder
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(ZeroOrder(epochs=2, steps=1))]
        [(5, True), (5, True)]
    """

    paper = "Christakopoulou and Banerjee, RecSys 2019"

    def __init__(
        self,
        *,
        aim: Aim = "push",
        hidden: int = 64,
        pretrain: int = 100,
        epochs: int = 64,
        lr: float = 0.001,
        batch_size: int = 64,
        steps: int = 10,
        directions: int = 5,
        alpha: float = 0.2,
        rate: float = 0.2,
        **model: Unpack[OwnShopSettings],
    ) -> None:
        super().__init__(aim=aim, **model)
        self.refuse_if(directions < 1 or alpha <= 0, "directions of 1 or more, alpha above 0")
        self.hidden, self.pretrain, self.epochs, self.lr = hidden, pretrain, epochs, lr
        self.batch_size, self.steps, self.directions = batch_size, steps, directions
        self.alpha, self.rate = alpha, rate

    @property
    def cost(self) -> Cost | None:
        """Trainings; none is differentiated."""
        return Cost(2 + self.steps * (2 + self.directions), 0)

    def wanted(self, problem: Problem, dice: Dice) -> Floats:
        shares = projected(problem, self._generated(problem, dice))
        shop = self.shop_of(problem, dice)
        best, found = shop(problem.rounded(shares)), shares
        whole = np.sqrt(problem.room)[:, None]
        for _ in range(self.steps):
            slope = self._slope(problem, shop, shares)
            shares = projected(problem, shares + self.rate * whole * unit_rows(slope))
            worth = shop(problem.rounded(shares))
            if worth > best:
                best, found = worth, shares
        return found

    def _generated(self, problem: Problem, dice: Dice) -> Floats:
        """Return ``(fakes, num_items)`` shares that the GAN makes of real users."""
        width = Width(self.hidden, (2 * self.hidden, self.hidden))
        gan = ProfileGAN(problem.real, width, (self.lr, self.lr), self.batch_size, dice)
        gan.reconstruct(self.pretrain)
        for _ in range(self.epochs):
            gan.tell_apart(1)
            some = gan.templates(self.batch_size)
            gan.generator.run(lambda m, s=some: gan.taken_for_real(whole_profiles(m, s)), 1)  # type: ignore[misc]
        with torch.no_grad():
            logits = through(gan.generator.model, gan.templates(len(problem.room)))
            return np.asarray(logits.sigmoid().double().numpy())

    def _slope(self, problem: Problem, shop: OwnShop, shares: Floats) -> Floats:
        """Return ``(fakes, num_items)``: the differences along the directions, put together."""
        free = np.where(problem.free, shares, 0)
        left, _, right = np.linalg.svd(free, full_matrices=False)
        length = self.alpha * np.linalg.norm(free)
        here, slope = shop(problem.fixed + free), np.zeros_like(shares)
        for n in range(min(self.directions, len(right))):
            way = np.outer(left[:, n], right[n])
            tried = np.clip(free + length * way, 0, 1)
            slope += (shop(problem.fixed + tried) - here) / length * way
        return slope
