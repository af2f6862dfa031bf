"""Models that are trained by gradient steps which can be differentiated: what fakes have counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from vrbench.attacks.profile.shop import Floats
from vrbench.core.dice import Dice

Model = list[Tensor]  # parameters
Kind = Literal["wrmf", "itemae"]
BETAS, TINY = (0.9, 0.999), 1e-10  # of Adam; added beneath its root, whose slope at 0 is infinite


class Surrogate(Protocol):
    """A model of an adversary.

    Its loss is that of ``factors.Loss``: a share ``m`` of a cell costs ``m`` of what a cell that is
    there costs, and ``1 - m`` of what one that is not.
    """

    def start(self, dice: Dice) -> Model:
        """Return parameters to begin with."""
        ...

    def loss(self, model: Model, fakes: Tensor) -> Tensor:
        """Return the loss over real users and ``fakes``, ``(fakes, num_items)``."""
        ...

    def scores(self, model: Model, fakes: Tensor) -> Tensor:
        """Return the ``(num_users + fakes, num_items)`` scores."""
        ...


class WRMF:
    """Weighted factors, by gradient steps.

    Args:
        real: ``(num_users, num_items)`` of real users.
        fakes: how many other users there will be.
        width: length of a row.
        alpha: confidence that feedback adds.
        l2: weight of the penalty.
    """

    def __init__(
        self, real: sparse.csr_matrix, fakes: int, *, width: int, alpha: float, l2: float
    ) -> None:
        self.users, self.items = real.shape[0] + fakes, real.shape[1]
        rows = np.repeat(np.arange(real.shape[0]), np.diff(real.indptr))
        self.rows, self.columns = torch.from_numpy(rows), torch.from_numpy(real.indices).long()
        self.width, self.alpha, self.l2, self.fakes = width, alpha, l2, fakes

    def start(self, dice: Dice) -> Model:
        sizes = (self.users, self.items)
        return [torch.from_numpy(0.1 * dice.normal(n, self.width)).float() for n in sizes]

    def loss(self, model: Model, fakes: Tensor) -> Tensor:
        user, item = model
        everywhere = ((user.T @ user) * (item.T @ item)).sum()
        real = self._there((user[self.rows] * item[self.columns]).sum(1)).sum()
        forged = (fakes * self._there(user[self.users - self.fakes :] @ item.T)).sum()
        return everywhere + real + forged + self.l2 * sum(part.square().sum() for part in model)

    def scores(self, model: Model, fakes: Tensor) -> Tensor:
        return model[0] @ model[1].T

    def _there(self, score: Tensor) -> Tensor:
        """Return what a cell costs that is there, beyond what it would cost otherwise."""
        return (1 + self.alpha) * (1 - score).square() - score.square()


class ItemAE:
    """An auto-encoder of items, each a row of who has it; dense.

    Args:
        real, fakes, alpha, l2: as of ``WRMF``.
        width: of the one hidden layer.
    """

    def __init__(
        self, real: sparse.csr_matrix, fakes: int, *, width: int, alpha: float, l2: float
    ) -> None:
        self.real = torch.from_numpy(real.toarray()).float()
        self.users, self.items = real.shape[0] + fakes, real.shape[1]
        self.width, self.alpha, self.l2 = width, alpha, l2

    def start(self, dice: Dice) -> Model:
        scale = 1 / np.sqrt(self.users)
        weights = [scale * dice.normal(self.users, self.width), np.zeros(self.width)]
        weights += [scale * dice.normal(self.width, self.users), np.zeros(self.users)]
        return [torch.from_numpy(weight).float() for weight in weights]

    def loss(self, model: Model, fakes: Tensor) -> Tensor:
        cells, score = torch.cat([self.real, fakes]), self.scores(model, fakes)
        there = (1 + self.alpha) * (1 - score).square()
        fit = (cells * there + (1 - cells) * score.square()).sum()
        return fit + self.l2 * sum(part.square().sum() for part in model)

    def scores(self, model: Model, fakes: Tensor) -> Tensor:
        into, of_code, out, of_user = model
        code = torch.tanh(torch.cat([self.real, fakes]).T @ into + of_code)
        return (code @ out + of_user).T


def surrogate(kind: Kind, real: sparse.csr_matrix, fakes: int, width: int) -> Surrogate:
    """Return a model of a kind, with ``alpha`` and ``l2`` that fit most shops."""
    kinds: dict[Kind, type[WRMF] | type[ItemAE]] = {"wrmf": WRMF, "itemae": ItemAE}
    return kinds[kind](real, fakes, width=width, alpha=10.0, l2=1.0)


class Training:
    """Adam's steps, the last ones of which may be followed back (as ``higher`` does).

    Args:
        model: parameters to begin with.
        rate: length of a step.
    """

    def __init__(self, model: Model, rate: float) -> None:
        self.model, self.rate, self.done = model, rate, 0
        self._mean = [torch.zeros_like(part) for part in model]
        self._square = [torch.zeros_like(part) for part in model]

    def run(self, loss: Callable[[Model], Tensor], steps: int, live: int = 0) -> Model:
        """Return the parameters after ``steps``; go on from there the next time.

        Args:
            loss: of parameters.
            steps: how many.
            live: how many of the last ones are part of the graph of what comes back.
        """
        for n in range(steps):
            follow = n >= steps - live
            if not follow or n == steps - live:
                self.model = [part.detach().requires_grad_() for part in self.model]
            slopes = torch.autograd.grad(loss(self.model), self.model, create_graph=follow)
            self._step(slopes)
        found = self.model
        self.model = [part.detach() for part in found]
        self._mean = [part.detach() for part in self._mean]
        self._square = [part.detach() for part in self._square]
        return found if live else self.model

    def _step(self, slopes: tuple[Tensor, ...]) -> None:
        self.done += 1
        first, second = (1 - beta**self.done for beta in BETAS)
        mean, square = BETAS
        pairs = list(zip(self._mean, self._square, slopes, strict=True))
        self._mean = [mean * m + (1 - mean) * g for m, _, g in pairs]
        self._square = [square * s + (1 - square) * g.square() for _, s, g in pairs]
        moves = zip(self.model, self._mean, self._square, strict=True)
        self.model = [p - self.rate * (m / first) / (s / second + TINY).sqrt() for p, m, s in moves]


def tensor(table: Floats) -> Tensor:
    """Return a table as float32."""
    return torch.from_numpy(table).float()
