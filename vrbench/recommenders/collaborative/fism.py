"""FISM: a user is the sum of what they have; an item is told by its factors' likeness to it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of
from vrbench.recommenders.training.epochs import normal
from vrbench.recommenders.training.pairwise import FactorModel, FactorSettings, half_square


class FISM(FactorModel):
    """Factored item similarity (Kabbur et al., KDD 2013, sec. 4.2), trained by BPR.

    ``x_ui = b_i + |R_u|^-alpha (sum of p_j over the items j of R_u) . q_i``. In training the liked
    item is not in its own user's ``R_u``, where it would speak for itself. The paper's FISMauc
    takes the square of the score difference's distance to one; here it is softplus. The penalty
    covers ``p``, ``q`` and ``b`` of both items of a triple. Histories are ragged: there is no
    padding that could leak into a sum. A user without history is scored by the biases.

    Args:
        sizes: users and items.
        factors: length of ``p`` and ``q``.
        alpha: 0 sums over the history, 1 takes its mean.
        exclude_target: take the liked item out of the history in training.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import FISM
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(FISM, factors=8, **BRISK)) > 0.8
        True
    """

    paper = "Kabbur et al., KDD 2013"
    signal = None

    defaults = FactorSettings(l2=0.01)

    def __init__(
        self,
        sizes: Sizes,
        *,
        alpha: float = 0.5,
        exclude_target: bool = True,
        **training: Unpack[FactorSettings],
    ) -> None:
        super().__init__(**self.with_defaults(FactorSettings, training))
        self.refuse_if(not 0 <= alpha <= 1, "alpha in [0, 1]")
        self.alpha, self.exclude_target = alpha, exclude_target
        self.taste = nn.Embedding(sizes.num_items, self.factors)  # p_j; every batch touches most
        self.item = nn.Embedding(sizes.num_items, self.factors, sparse=True)  # q_i
        self.bias = nn.Embedding(sizes.num_items, 1, sparse=True)
        self.history = SparseRows(sizes.num_users, sizes.num_items)

    def take(self, train: Interactions) -> None:
        self.history.hold(matrix_of(train))

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        for table in (self.taste, self.item):
            table.weight.data.copy_(normal(table.weight, 0.1, rng))
        nn.init.zeros_(self.bias.weight)

    def history_of(self, users: Tensor, without: Tensor | None = None) -> Tensor:
        """Return the ``(B, K)`` sums over what ``users`` have, each but ``without[b]``."""
        if without is None:
            total, count = self.history.sums(self.taste.weight, users), self.history.count(users)
        else:
            rest = self.history.sums_without(self.taste.weight, users, without[:, None])
            total, count = (part.squeeze(1) for part in rest)
        return total * count.clamp(min=1).float().pow(-self.alpha)[:, None]

    def encode(self, items: Tensor, visuals: Visuals) -> tuple[Tensor, Tensor]:
        return self.item(items), self.bias(items)

    def score(self, users: Tensor, encoded: tuple[Tensor, Tensor]) -> Tensor:
        item_IK, bias_I1 = encoded
        return self.history_of(users) @ item_IK.T + bias_I1.T

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals) -> Tensor:
        own = self.history_of(users)
        return (own * self.item(items)).sum(1) + self.bias(items).squeeze(1)

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        own = self.history_of(users, liked if self.exclude_target else None)
        yes, no = self.item(liked), self.item(other)
        yes_bias, no_bias = self.bias(liked), self.bias(other)
        rows = [yes, no, yes_bias, no_bias, self.taste(liked), self.taste(other)]
        margin = (own * (yes - no)).sum(1) + (yes_bias - no_bias).squeeze(1)
        return margin, self.l2 * half_square(*rows)
