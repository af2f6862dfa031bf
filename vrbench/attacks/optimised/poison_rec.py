"""Fakes' items by reinforcement learning (Song et al., ICDE 2020)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.attacks.base import Cost
from vrbench.attacks.optimised.base import Problem
from vrbench.attacks.optimised.oracle import OwnShop, OwnShopProfiles, OwnShopSettings
from vrbench.attacks.optimised.surrogates import Training, tensor
from vrbench.attacks.profile.base import Aim
from vrbench.attacks.profile.shop import Floats
from vrbench.core.dice import Dice


class PoisonRec(OwnShopProfiles):
    """A policy that fills profiles and is rewarded where targets rise (Song et al., ICDE 2020).

    Each fake draws its items one after the other, none twice, from a softmax over items; the model
    behind the reward is fitted anew for each set of profiles. The policy climbs by proximal policy
    optimisation: the likelihood of what was drawn, in proportion to how much better it did than the
    others of its round, and not beyond ``1 +- clip`` of what it was.

    The paper's policy reads what it has drawn and walks down a tree of items by popularity; with
    the few rounds that a reward by training allows, this one knows items by their factors in the
    clean model and their popularity alone, and fakes by nothing.

    Args:
        aim: "push" or "nuke".
        rounds: how often the policy learns.
        sets: how many sets of profiles are tried in each.
        epochs: steps of learning in each.
        lr: length of a step.
        clip: how far a likelihood may move in a round; published: 0.1.
        factors, refits: of the adversary's model, see ``OwnShopSettings``.

    Example:
        >>> from vrbench.attacks import PoisonRec
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(PoisonRec(rounds=2, sets=2))]
        [(5, True), (5, True)]
    """

    paper = "Song et al., ICDE 2020"

    def __init__(
        self,
        *,
        aim: Aim = "push",
        rounds: int = 20,
        sets: int = 8,
        epochs: int = 4,
        lr: float = 0.1,
        clip: float = 0.1,
        **model: Unpack[OwnShopSettings],
    ) -> None:
        super().__init__(aim=aim, **model)
        self.refuse_if(sets < 2 or clip <= 0, "sets of 2 or more, clip above 0")
        self.rounds, self.sets, self.epochs, self.lr = rounds, sets, epochs, lr
        self.clip = clip

    @property
    def cost(self) -> Cost | None:
        """Trainings; none is differentiated."""
        return Cost(1 + self.rounds * self.sets, 0)

    def wanted(self, problem: Problem, dice: Dice) -> Floats:
        shop = self.shop_of(problem, dice)
        known = _told_of_items(problem, shop)
        training = Training([torch.zeros(known.shape[1])], self.lr)
        best, found = -np.inf, np.zeros_like(problem.fixed)
        for _ in range(self.rounds):
            (policy,) = training.model
            tried = [drawn_in_turn(known @ policy, problem, dice) for _ in range(self.sets)]
            worth = np.array([shop(problem.rounded(keys)) for keys in tried])
            if worth.max() > best:
                best, found = worth.max(), tried[int(worth.argmax())]
            self._learn(training, known, problem, tried, worth)
        return found

    def _learn(
        self,
        training: Training,
        known: Tensor,
        problem: Problem,
        tried: list[Floats],
        worth: Floats,
    ) -> None:
        """Move the policy towards the sets that were worth more than the others."""
        better = torch.from_numpy((worth - worth.mean()) / (worth.std() + 1e-9))
        (policy,) = training.model
        orders = [in_order(problem, keys) for keys in tried]
        before = torch.stack([likelihood(known @ policy, problem, order) for order in orders])

        def loss(now: list[Tensor]) -> Tensor:
            after = torch.stack([likelihood(known @ now[0], problem, order) for order in orders])
            ratio = (after - before).exp()
            kept = ratio.clamp(1 - self.clip, 1 + self.clip)
            gain = torch.minimum(ratio * better[:, None], kept * better[:, None])
            return -gain.mean()

        training.run(loss, self.epochs)


def _told_of_items(problem: Problem, shop: OwnShop) -> Tensor:
    """Return ``(num_items, k)`` of mean 0 and deviation 1: what a policy may go by."""
    popularity = np.log1p(np.asarray(problem.real.sum(0)).reshape(-1, 1))
    told = np.concatenate([shop.clean.item, popularity], axis=1)
    return tensor((told - told.mean(0)) / (told.std(0) + 1e-9))


def drawn_in_turn(logits: Tensor, problem: Problem, dice: Dice) -> Floats:
    """Return ``(fakes, num_items)`` keys; the largest, in order, are items drawn in turn.

    Logits plus Gumbel noise: their order is that of draws without return from the softmax.
    """
    shape = problem.fixed.shape
    noise = -np.log(-np.log(dice.uniform(*shape) * (1 - 2e-12) + 1e-12))
    return logits.detach().double().numpy() + noise


def in_order(problem: Problem, keys: Floats) -> Tensor:
    """Return ``(fakes, num_items)`` items in the order in which they were drawn."""
    return torch.from_numpy(np.argsort(-np.where(problem.free, keys, -np.inf), axis=1))


def likelihood(logits: Tensor, problem: Problem, order: Tensor) -> Tensor:
    """Return the ``(fakes,)`` mean log-likelihood of a draw: that each item came in its turn."""
    most = torch.from_numpy(np.minimum(problem.room, problem.free.sum()))
    free = torch.from_numpy(problem.free)
    some = logits.masked_fill(~free, -1e9)[order]  # as drawn, then all that was not
    left = some.flip(1).logcumsumexp(1).flip(1)
    within = torch.arange(some.shape[1]) < most[:, None]
    return ((some - left) * within).sum(1) / most.clamp(min=1)
