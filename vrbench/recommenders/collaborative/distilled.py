"""Defensive distillation of NeuMF."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Sizes
from vrbench.recommenders.collaborative.neumf import NeuMF, Sides
from vrbench.recommenders.training.pointwise import PointwiseSettings


class DistilledNeuMFSettings(PointwiseSettings, total=False):
    """How a distilled NeuMF is built and trained."""

    factors: int
    hidden: int
    depth: int
    dropout: float


class DistilledNeuMF(NeuMF):
    """NeuMF by defensive distillation (Papernot et al., IEEE S&P 2016, sec. IV).

    A teacher learns likes from drawn items with ``sigmoid(x / T)``. A student of the same shape,
    drawn anew, learns the teacher's probabilities of the same kinds of pairs at the same ``T`` and
    is served at 1: its scores are ``T`` times as large as they need be, the sigmoid saturates, and
    so does a ranking loss of their differences. Who is above whom does not depend on ``T``: an
    attack on a margin of scores, such as ``CWRows``, sees through it.

    The parameters are those of ``x / T``, which makes the same models and losses (``l2`` apart) and
    lets one learning rate do for every ``T``, as in ``Distilled``. Each model keeps the epoch that
    validation likes best. (Du et al., IEEE TMM 2019, who are named for distillation of such
    models, describe hints of a teacher's layers, and layers of noise: not this method.)

    Args:
        sizes: users and items.
        temperature: T of the paper, above 1.
        factors, hidden, depth, dropout, negatives, l2, epochs, batch_size, lr, patience,
            eval_every: see ``NeuMF``; of teacher and student each.

    Example:
        >>> from vrbench.recommenders import DistilledNeuMF
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(DistilledNeuMF, factors=8, **BRISK)) > 0.8
        True
    """

    paper = "Papernot et al., IEEE S&P 2016"
    defaults = DistilledNeuMFSettings(factors=32, hidden=64, depth=3, dropout=0.1)

    def __init__(
        self,
        sizes: Sizes,
        *,
        temperature: float = 20.0,
        **training: Unpack[DistilledNeuMFSettings],
    ) -> None:
        super().__init__(sizes, **self.with_defaults(DistilledNeuMFSettings, training))
        self.refuse_if(temperature <= 1, "temperature > 1")
        self.temperature = temperature
        self._teacher: list[nn.Module] = []  # in a list, it is no part of what is served

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals | None = None) -> Tensor:
        return self.temperature * super().forward(users, items, visuals)

    def score(self, users: Tensor, encoded: Sides) -> Tensor:
        return self.temperature * super().score(users, encoded)

    def fit_of(self, logit: Tensor, aim: Tensor) -> Tensor:
        return super().fit_of(logit / self.temperature, aim)

    def aim(self, users: Tensor, items: Tensor) -> Tensor:
        for teacher in self._teacher:
            with torch.no_grad():
                logit = teacher(users.repeat_interleave(items.shape[1]), items.flatten())
            return torch.sigmoid(logit.view(items.shape) / self.temperature)
        return super().aim(users, items)

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        self._teacher = []
        teacher = super().fit(train, valid, visuals, rng)
        self._teacher = [copy.deepcopy(self).eval().requires_grad_(False)]
        student = super().fit(train, valid, visuals, rng)
        self._teacher = []
        return History(teacher.epochs + student.epochs, len(teacher.epochs) + student.best_epoch)
