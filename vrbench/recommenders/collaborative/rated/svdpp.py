"""SVD++: what a user rated at all speaks beside how they rated it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.rated.base import (
    RatedFactorModel,
    RatedFactorSettings,
)
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of
from vrbench.recommenders.training.distinct import distinct
from vrbench.recommenders.training.epochs import normal


class SVDpp(RatedFactorModel):
    """SVD++ (Koren, KDD 2008, eq. 15).

    ``r_ui = mean + b_u + b_i + q_i . (p_u + |R_u|^-1/2 sum of y_j over the items j of R_u)``. The
    rows ``y`` are not penalised one by one: in ``l2`` stand ``p``, ``q`` and the biases of a pair,
    and the user's sum. It takes what ``RatedFactorModel`` takes.

    Example:
        >>> from vrbench.recommenders import SVDpp
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(SVDpp, factors=8, negatives=2, **BRISK)) > 0.8
        True
    """

    name = "SVD++"
    paper = "Koren, KDD 2008"

    def __init__(self, sizes: Sizes, **training: Unpack[RatedFactorSettings]) -> None:
        super().__init__(sizes, **training)
        self.owned = nn.Embedding(sizes.num_items, self.factors)  # every batch touches most
        self.history = SparseRows(sizes.num_users, sizes.num_items)

    def take(self, train: Interactions) -> None:
        super().take(train)
        self.history.hold(matrix_of(train))

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        self.owned.weight.data.copy_(normal(self.owned.weight, 0.1, rng))

    def sums(self, users: Tensor) -> Tensor:
        """Return the ``(B, factors)`` sums of what users rated, by the root of how many."""
        known, where = distinct(users)
        root = self.history.count(known).clamp(min=1).float().rsqrt()[:, None]
        return (self.history.times(self.owned.weight, known, once=True) * root)[where]

    def of_users(self, users: Tensor) -> Tensor:
        return super().of_users(users) + self.sums(users)

    def rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        return [*super().rows(users, items), self.sums(users)]
