"""AutoRec: an autoencoder of an item's, or a user's, ratings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from scipy import sparse
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.errors import one_of
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.rated.base import (
    StarsJudged,
    rated_matrix,
    require_ratings,
)
from vrbench.recommenders.sparse_matrix import SparseRows
from vrbench.recommenders.training.batches import batches_of
from vrbench.recommenders.training.epochs import EpochSettings

Rows = Literal["item", "user"]


class Decoded(NamedTuple):
    """A table and numbers that scores are a product of, by item."""

    row: Tensor  # (n, hidden)
    bias: Tensor  # (n,) of items; (num_users,) where rows are items'


class AutoRec(StarsJudged):
    """Autoencoder of ratings, by item or by user (Sedhain et al., WWW 2015, eq. 1-3).

    ``h(r) = W s(V r + m) + b`` with ``s`` logistic, where ``r`` is an item's column of ratings, or
    a user's row, unknown ones taken for 0. The loss is the mean over what was rated of the squared
    error, beside half the squared weights times ``l2``. With ``unknown`` above 0 the squared error
    of what was not rated, against 0, counts as well, that much: it then ranks and predicts no
    stars, and feedback without ratings will do.

    Args:
        sizes: users and items.
        rows: what is encoded; the paper finds items better.
        hidden: width of the layer.
        unknown: weight of the error where nothing was rated.
        l2: weight of the penalty on weights.
        epochs, batch_size, lr, patience, eval_every: see ``EpochRecommender``; a batch is counted
            in items, or users.

    Raises:
        DataError: if all ratings are the same and ``unknown`` is 0.

    Example:
        >>> from vrbench.recommenders import AutoRec
        >>> from vrbench.testing.world import BRISK_USERS, favourites, taught
        >>> favourites(taught(AutoRec, hidden=8, unknown=0.2, **BRISK_USERS)) > 0.8
        True
    """

    paper = "Sedhain et al., WWW 2015"
    defaults = EpochSettings(batch_size=64, lr=0.001)

    def __init__(
        self,
        sizes: Sizes,
        *,
        rows: Rows = "item",
        hidden: int = 500,
        unknown: float = 0.0,
        l2: float = 0.001,
        **training: Unpack[EpochSettings],
    ) -> None:
        super().__init__(**self.with_defaults(EpochSettings, training))
        one_of("AutoRec.rows", rows, Rows)
        self.refuse_if(
            hidden < 1 or not 0 <= unknown <= 1 or l2 < 0,
            "hidden >= 1, unknown in [0, 1] and l2 >= 0",
        )
        self.rows, self.hidden, self.unknown, self.l2 = rows, hidden, unknown, l2
        shape = sizes.num_users, sizes.num_items
        self.ratings = SparseRows(*(shape if rows == "user" else shape[::-1]))
        self.enter = nn.Embedding(self.ratings.shape[1], hidden)
        self.leave = nn.Embedding(self.ratings.shape[1], hidden)
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        self.bias = nn.Parameter(torch.zeros(self.ratings.shape[1]))

    @property
    def predicts_ratings(self) -> bool:
        return self.unknown == 0

    def take(self, train: Interactions) -> None:
        if self.predicts_ratings:
            require_ratings(train, self, "set recommender.unknown=0.1 to rank without")
        matrix: sparse.csr_matrix = rated_matrix(train)
        self.ratings.hold(matrix if self.rows == "user" else matrix.T.tocsr())

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for table in (self.enter, self.leave):
            scale = (2 / sum(table.weight.shape)) ** 0.5
            table.weight.data.mul_(scale / 0.01)
        nn.init.zeros_(self.hidden_bias)
        start = float(self.ratings.value.mean()) if self.predicts_ratings else 0.0
        nn.init.constant_(self.bias, start)

    def batches(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        known = torch.nonzero(self.ratings.start.diff().cpu()).squeeze(1)
        order = torch.randperm(len(known), generator=rng)
        yield from batches_of([known[order]], self.batch_size, self.device)

    def code(self, rows: Tensor) -> Tensor:
        """Return the hidden layer, ``(B, hidden)``, of items or users."""
        return (self.ratings.times(self.enter.weight, rows) + self.hidden_bias).sigmoid()

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        return self.loss(batch[0])

    def loss(self, rows: Tensor) -> Tensor:
        """Return the mean loss of items or users, ``(B,)``."""
        rating = self.ratings.dense(rows)
        place, entry = self.ratings.select(rows)
        counted = torch.full_like(rating, self.unknown)
        counted[place, self.ratings.column[entry]] = 1
        error = (self.code(rows) @ self.leave.weight.T + self.bias - rating).square()
        squares = self.enter.weight.square().sum() + self.leave.weight.square().sum()
        fit = (error * counted).sum() / counted.sum()
        return fit + 0.5 * self.l2 * squares / len(self.bias)

    def encode(self, items: Tensor, visuals: Visuals) -> Decoded:
        if self.rows == "user":
            return Decoded(self.leave(items), self.bias[items])
        return Decoded(self.code(items), self.bias)

    def score(self, users: Tensor, encoded: Decoded) -> Tensor:
        if self.rows == "user":
            return self.code(users) @ encoded.row.T + encoded.bias
        return self.leave(users) @ encoded.row.T + encoded.bias[users][:, None]

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals | None = None) -> Tensor:
        coded, given = (users, items) if self.rows == "user" else (items, users)
        known, where = coded.unique(return_inverse=True)
        return (self.code(known)[where] * self.leave(given)).sum(1) + self.bias[given]
