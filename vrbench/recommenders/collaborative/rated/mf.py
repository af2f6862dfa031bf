"""MF, PMF, FunkSVD: rows of users and items whose products are ratings."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.rated.base import (
    RatedFactorModel,
    RatedFactorSettings,
)


class MF(RatedFactorModel):
    """Matrix factorisation with biases (Koren et al., Computer 2009, eq. 4-5).

    ``RatedFactorModel`` as it is: ``r_ui = mean + b_u + b_i + p_u . q_i``, all but the mean learnt.

    Example:
        >>> from vrbench.recommenders import MF
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(MF, factors=8, negatives=2, **BRISK)) > 0.8
        True
    """

    paper = "Koren et al., Computer 2009"


class PMF(RatedFactorModel):
    """Probabilistic matrix factorisation (Salakhutdinov and Mnih, NIPS 2007, eq. 4-5).

    ``r_ui = low + (high - low) s(p_u . q_i)``, with ``s`` logistic and the range of train, without
    biases. The loss is the squared error in units of the range, as in the paper. It takes what
    ``RatedFactorModel`` takes.

    Example:
        >>> from vrbench.recommenders import PMF
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(PMF, factors=8, negatives=2, **BRISK)) > 0.8
        True
    """

    paper = "Salakhutdinov and Mnih, NIPS 2007"
    defaults = RatedFactorSettings(l2=0.002)

    def __init__(self, sizes: Sizes, **training: Unpack[RatedFactorSettings]) -> None:
        super().__init__(sizes, **training)
        del self.user_bias, self.item_bias

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super(RatedFactorModel, self).begin(visuals, rng)
        for table in (self.user, self.item):
            table.weight.data.mul_(10)  # of deviation 0.1

    def rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        return [self.user(users), self.item(items)]

    def loss(self, users: Tensor, items: Tensor, rating: Tensor) -> Tensor:
        low, high, _ = self.scale
        return super().loss(users, items, (rating - low) / (high - low))

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals | None = None) -> Tensor:
        part = (self.user(users) * self.item(items)).sum(1).sigmoid()
        return part if self.training else self.stars(part)

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:  # type: ignore[override]
        return self.item(items)  # type: ignore[no-any-return]

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:  # type: ignore[override]
        return self.stars((self.user(users) @ encoded.T).sigmoid())


class FunkSVD(RatedFactorModel):
    """Factors learnt one after the other (Funk, "Netflix update", 2006).

    ``r_ui = mean + b_u + b_i + p_u . q_i``: biases come first; then, for each factor, ``epochs``
    epochs at most in which it alone learns what those before it left. (Elliot and others call the
    model FunkSVD whose factors are all learnt at once, which is ``MF``.)

    Args:
        sizes: users and items.
        factors: how many.
        negatives, l2, epochs, batch_size, lr, patience, eval_every: see ``RatedRecommender``;
            ``epochs`` are those of one factor.

    Example:
        >>> from vrbench.recommenders import FunkSVD
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(FunkSVD, factors=3, negatives=2, **BRISK)) > 0.8
        True
    """

    paper = "Funk, 2006"
    defaults = RatedFactorSettings(epochs=15, lr=0.005, patience=3, eval_every=1)

    def __init__(self, sizes: Sizes, **training: Unpack[RatedFactorSettings]) -> None:
        super().__init__(sizes, **training)
        self._learning = 0  # the factor, from 1; 0: biases

    def phases(self) -> Iterator[int]:
        # Factors still to come stand aside: as zeros they say nothing.
        first = self.user.weight.data.clone(), self.item.weight.data.clone()
        for table in (self.user, self.item):
            table.weight.data.zero_()
        for learning in range(self.factors + 1):
            self._learning = learning
            if learning:
                at = learning - 1
                for table, drawn in zip((self.user, self.item), first, strict=True):
                    table.weight.data[:, at] = drawn[:, at]
            yield self.epochs
        self._learning = 0

    def loss(self, users: Tensor, items: Tensor, rating: Tensor) -> Tensor:
        if not self._learning:
            return super().loss(users, items, rating)
        at = self._learning - 1
        user, item = self.user(users), self.item(items)
        others = torch.ones(self.factors, device=user.device)
        others[at] = 0
        with torch.no_grad():
            known = (user * item * others).sum(1) + self.scale[2]
            known += (self.user_bias(users) + self.item_bias(items)).squeeze(1)
        mine = user[:, at], item[:, at]
        penalty = 0.5 * (mine[0].square() + mine[1].square())
        return ((known + mine[0] * mine[1] - rating).square() + self.l2 * penalty).mean()
