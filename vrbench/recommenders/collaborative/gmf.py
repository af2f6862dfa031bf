"""GMF and logistic matrix factorisation: a product of factors, trained pointwise."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.shared_settings import apart
from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Side, Sizes, tables
from vrbench.recommenders.training.epochs import normal
from vrbench.recommenders.training.pointwise import PointwiseRecommender, PointwiseSettings


class PointwiseFactorSettings(PointwiseSettings, total=False):
    """How a pointwise model with rows of users and items is trained."""

    factors: int


class PointwiseFactorModel(PointwiseRecommender):
    """A pointwise recommender whose users and items have rows of one length.

    Args:
        sizes: users and items.
        factors: length of a row.
        negatives, l2, epochs, batch_size, lr, patience, eval_every: see ``PointwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import GMF, PointwiseFactorModel
        >>> issubclass(GMF, PointwiseFactorModel), PointwiseFactorModel.defaults["factors"]
        (True, 64)
    """

    signal = None
    defaults = PointwiseFactorSettings(factors=64)

    def __init__(self, sizes: Sizes, **training: Unpack[PointwiseFactorSettings]) -> None:
        own, shared = apart(
            self.with_defaults(PointwiseFactorSettings, training), PointwiseSettings
        )
        super().__init__(**shared)
        factors = own["factors"]
        self.refuse_if(factors < 1, "factors >= 1")
        self.factors = factors
        self.user, self.item = tables(sizes, factors)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for table in (self.user, self.item):
            table.weight.data.copy_(normal(table.weight, 0.1, rng))

    def rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        return [self.user(users), self.item(items)]


class GMF(PointwiseFactorModel):
    """Generalised matrix factorisation (He et al., WWW 2017, sec. 3.2).

    ``x_ui = h . (p_u * q_i) + b``, with ``h`` and ``b`` learnt, without an activation. It
    takes what ``PointwiseFactorModel`` takes.

    Example:
        >>> from vrbench.recommenders import GMF
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(GMF, factors=8, **BRISK)) > 0.7
        True
    """

    paper = "He et al., WWW 2017"

    def __init__(self, sizes: Sizes, **training: Unpack[PointwiseFactorSettings]) -> None:
        super().__init__(sizes, **training)
        self.out = nn.Linear(self.factors, 1)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        # Started at ones it is a matrix factorisation: no sign of a factor is preferred.
        nn.init.ones_(self.out.weight)

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals | None = None) -> Tensor:
        logit: Tensor = self.out(self.user(users) * self.item(items))
        return logit.squeeze(1)

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return self.item(items) * self.out.weight

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        return self.user(users) @ encoded.T + self.out.bias


class LogisticMF(PointwiseFactorModel):
    """Logistic matrix factorisation (Johnson, NIPS workshop 2014, eq. 1-4), biases included.

    ``x_ui = p_u . q_i + b_u + b_i``: a liked item pulls with ``alpha (1 - s(x))``, a drawn one
    pushes with ``s(x)``. The paper sums over all other items and weighs likes by ``1 + alpha``;
    as in the library ``implicit``, ``negatives`` are drawn for each like instead. With ``alpha`` 1
    it is the matrix factorisation of Rendle et al. (RecSys 2020), their global bias within ``b_i``.

    Args:
        alpha: weight of a like.
        sizes and all other settings: see ``PointwiseFactorModel``.

    Example:
        >>> from vrbench.recommenders import LogisticMF
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(LogisticMF, factors=8, **BRISK)) > 0.8
        True
    """

    paper = "Johnson, NIPS workshop 2014"
    defaults = PointwiseFactorSettings(negatives=8, lr=0.002, l2=0.005)

    def __init__(
        self, sizes: Sizes, *, alpha: float = 1.0, **training: Unpack[PointwiseFactorSettings]
    ) -> None:
        super().__init__(sizes, **training)
        self.refuse_if(alpha <= 0, "alpha > 0")
        self.alpha = self.weight_of_likes = alpha
        self.user_bias = nn.Embedding(sizes.num_users, 1, sparse=True)
        self.item_bias = nn.Embedding(sizes.num_items, 1, sparse=True)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for table in (self.user_bias, self.item_bias):
            nn.init.zeros_(table.weight)

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals | None = None) -> Tensor:
        product = (self.user(users) * self.item(items)).sum(1)
        return product + self.user_bias(users).squeeze(1) + self.item_bias(items).squeeze(1)

    def rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        own, its = self.user_bias(users), self.item_bias(items)
        return [*super().rows(users, items), own, its]

    def encode(self, items: Tensor, visuals: Visuals) -> Side:
        return Side(self.item(items), self.item_bias(items).squeeze(1))

    def score(self, users: Tensor, encoded: Side) -> Tensor:
        return self.user(users) @ encoded.vector.T + encoded.bias + self.user_bias(users)
