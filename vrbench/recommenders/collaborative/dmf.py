"""DMF: what a user has and who has an item, each brought by a network to a place on a sphere."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of
from vrbench.recommenders.training.distinct import distinct
from vrbench.recommenders.training.pointwise import PointwiseRecommender, PointwiseSettings

LEAST = 1e-6  # of a cosine that is taken for a chance, as in the paper


class DMF(PointwiseRecommender):
    """Deep matrix factorisation (Xue et al., IJCAI 2017, sec. 3), of zeros and ones.

    A user's row of train and an item's column of it each go through two layers, a relu between
    them; ``x_ui`` is the cosine of the two ends. The chance of a like is the cosine, at least
    ``1e-6``, and the loss its cross entropy: with ones for ratings, the paper's normalised one. (A
    cosine below that has no slope there. A smooth form is learnt instead: the cosine over
    ``temperature``, as a logit; 0 is the paper's.) There is no product of rows to penalise: ``l2``
    is on the rows of the first layer that belong to the pair's item and user.

    Args:
        sizes: users and items.
        hidden: width of the first layer.
        factors: width of the last.
        temperature: of the logit; 0: the cosine itself is the chance.
        negatives, l2, epochs, batch_size, lr, patience, eval_every: see ``PointwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import DMF
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(DMF, factors=8, hidden=16, **BRISK)) > 0.8
        True
    """

    paper = "Xue et al., IJCAI 2017"
    signal = None
    defaults = PointwiseSettings(negatives=7, lr=0.001, l2=0.0)

    def __init__(
        self,
        sizes: Sizes,
        *,
        hidden: int = 256,
        factors: int = 64,
        temperature: float = 0.1,
        **training: Unpack[PointwiseSettings],
    ) -> None:
        super().__init__(**self.with_defaults(PointwiseSettings, training))
        self.refuse_if(
            min(hidden, factors) < 1 or temperature < 0,
            "hidden, factors >= 1 and temperature >= 0",
        )
        self.hidden, self.factors, self.temperature = hidden, factors, temperature
        self.had = SparseRows(sizes.num_users, sizes.num_items)
        self.had_by = SparseRows(sizes.num_items, sizes.num_users)
        self.of_item = nn.Embedding(sizes.num_items, hidden)  # the first layer of users' rows
        self.of_user = nn.Embedding(sizes.num_users, hidden)
        self.user_bias = nn.Parameter(torch.zeros(hidden))
        self.item_bias = nn.Parameter(torch.zeros(hidden))
        self.user_out = nn.Linear(hidden, factors)
        self.item_out = nn.Linear(hidden, factors)

    def take(self, train: Interactions) -> None:
        matrix = matrix_of(train)
        self.had.hold(matrix)
        self.had_by.hold(matrix.T.tocsr())

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for bias in (self.user_bias, self.item_bias):
            nn.init.zeros_(bias)

    def users_at(self, users: Tensor, once: bool = False) -> Tensor:
        """Return the ``(B, factors)`` places of users, of length one; see ``SparseRows.dense``."""
        had = self.had.times(self.of_item.weight, users, once)
        return _end(had + self.user_bias, self.user_out)

    def items_at(self, items: Tensor, once: bool = False) -> Tensor:
        """Return the ``(B, factors)`` places of items, of length one; see ``SparseRows.dense``."""
        had_by = self.had_by.times(self.of_user.weight, items, once)
        return _end(had_by + self.item_bias, self.item_out)

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals | None = None) -> Tensor:
        # Each once, however many pairs it is in.
        (user, of_pair), (item, of_its) = distinct(users), distinct(items)
        user_BK, item_BK = self.users_at(user, once=True), self.items_at(item, once=True)
        cosine = (user_BK[of_pair] * item_BK[of_its]).sum(1)
        if self.temperature:
            return cosine / self.temperature
        return torch.logit(cosine, LEAST)

    def rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        return [self.of_item(items), self.of_user(users)]

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return self.items_at(items)

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        return self.users_at(users) @ encoded.T / (self.temperature or 1)


def _end(hidden: Tensor, out: nn.Linear) -> Tensor:
    return F.normalize(out(hidden.relu()), dim=1)
