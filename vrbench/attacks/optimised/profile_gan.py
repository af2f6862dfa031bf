"""Profiles that a discriminator cannot tell from real ones: a generator, and its training."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from vrbench.attacks.optimised.base import Problem
from vrbench.attacks.optimised.surrogates import Model, Training, tensor
from vrbench.core.dice import Dice


@dataclass(frozen=True)
class Width:
    """Of hidden layers: the generator's one, the discriminator's two."""

    generator: int
    discriminator: tuple[int, int]


def layers(sizes: list[int], dice: Dice) -> Model:
    """Return weights and biases of linear layers, in turn."""
    made: Model = []
    for a, b in pairwise(sizes):
        made += [tensor(dice.normal(a, b) / np.sqrt(a)), torch.zeros(b)]
    return made


def through(model: Model, x: Tensor) -> Tensor:
    """Return what layers make of ``x``; between two of them negative numbers shrink to a fifth."""
    pairs = list(zip(model[::2], model[1::2], strict=True))
    for n, (weight, bias) in enumerate(pairs):
        x = x @ weight + bias
        if n < len(pairs) - 1:
            x = torch.where(x > 0, x, 0.2 * x)
    return x


class ProfileGAN:
    """A generator that turns a real user's items into another profile, and who judges it.

    Args:
        real: ``(num_users, num_items)`` of real users.
        width: of the networks.
        lr: of generator and discriminator.
        batch: real users in a step.
        dice: the only source of randomness.
    """

    def __init__(
        self,
        real: sparse.csr_matrix,
        width: Width,
        lr: tuple[float, float],
        batch: int,
        dice: Dice,
    ) -> None:
        items = real.shape[1]
        self.real, self.batch, self.dice = real, batch, dice
        (self.active,) = np.nonzero(np.diff(real.indptr))
        self.generator = Training(layers([items, width.generator, items], dice), lr[0])
        self.judge = Training(layers([items, *width.discriminator, 1], dice), lr[1])

    def templates(self, count: int) -> Tensor:
        """Return ``(count, num_items)``: what real users have, drawn anew."""
        drawn = self.active[self.dice.integers(len(self.active), count)]
        return tensor(self.real[drawn].toarray())

    def reconstruct(self, steps: int) -> None:
        """Teach the generator to return half of a profile's items and the half that is hidden."""
        for _ in range(steps):
            whole = self.templates(self.batch)
            kept = torch.from_numpy(self.dice.uniform(*whole.shape) < 0.5) * whole

            def loss(model: Model, whole: Tensor = whole, kept: Tensor = kept) -> Tensor:
                return binary_cross_entropy_with_logits(through(model, kept), whole)

            self.generator.run(loss, 1)

    def tell_apart(self, steps: int) -> None:
        """Teach the discriminator: 1 is real."""
        for _ in range(steps):
            real = self.templates(self.batch)
            forged = whole_profiles(self.generator.model, self.templates(self.batch)).detach()
            both = torch.cat([real, forged])
            truth = (torch.arange(len(both)) < len(real)).float()

            def loss(model: Model, both: Tensor = both, truth: Tensor = truth) -> Tensor:
                return binary_cross_entropy_with_logits(through(model, both)[:, 0], truth)

            self.judge.run(loss, 1)

    def taken_for_real(self, profiles: Tensor) -> Tensor:
        """Return the loss of who wants ``profiles`` to be taken for real ones."""
        told = through(self.judge.model, profiles)[:, 0]
        return binary_cross_entropy_with_logits(told, torch.ones(len(profiles)))


def whole_profiles(generator: Model, templates: Tensor) -> Tensor:
    """Return profiles as long as their templates: ones and zeros forward, smooth backward."""
    share = through(generator, templates).sigmoid()
    most = templates.sum(1).long().clamp(max=share.shape[1])
    order = share.detach().argsort(1, descending=True)
    nth = torch.arange(share.shape[1]) < most[:, None]
    had = torch.zeros_like(share).scatter(1, order, nth.float())
    return had + share - share.detach()


def fitting(problem: Problem, share: Tensor) -> Tensor:
    """Return fakes' whole profiles by the shares of a generator: ``Problem.rounded``, smoothly."""
    had = tensor(problem.rounded(share.detach().double().numpy()))
    moving = share * tensor(problem.free.astype(float))
    return had + moving - moving.detach()
