"""BPR-SLIM: a linear model of items by items, trained to rank."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.errors import IncompatibleError
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of
from vrbench.recommenders.training.distinct import distinct
from vrbench.recommenders.training.pairwise import (
    PairwiseRecommender,
    PairwiseSettings,
    half_square,
)


class BPRSLIM(PairwiseRecommender):
    """A learnt kNN (Rendle et al., UAI 2009, sec. 4.3.2): ``SLIM``'s form under BPR's loss.

    ``x_ui`` is the sum of ``W_ij`` over the items ``j`` that ``u`` has in train, never ``i``
    itself. Weights may be below zero, and none is forced to it. The penalty covers the weights that
    a triple touches.

    Args:
        sizes: users and items.
        most_items: refuse larger catalogues: a table of ``num_items`` x ``num_items`` floats, and
            as much twice for Adam.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Raises:
        IncompatibleError: if the catalogue is larger than that.

    Example:
        >>> from vrbench.recommenders import BPRSLIM
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(BPRSLIM, **BRISK)) > 0.8
        True
    """

    name = "BPR-SLIM"
    paper = "Rendle et al., UAI 2009"
    signal = None
    defaults = PairwiseSettings(l2=0.002, lr=0.001)

    def __init__(
        self, sizes: Sizes, *, most_items: int = 10_000, **training: Unpack[PairwiseSettings]
    ) -> None:
        super().__init__(**self.with_defaults(PairwiseSettings, training))
        if sizes.num_items > most_items:
            raise IncompatibleError(
                f"BPR-SLIM needs {sizes.num_items**2 * 24 / 2**30:.0f} GiB for {sizes.num_items} "
                f"items; if you have them, raise recommender.most_items (now {most_items})"
            )
        self.most_items = most_items
        self.weight = nn.Embedding(sizes.num_items, sizes.num_items, sparse=True)
        self.history = SparseRows(sizes.num_users, sizes.num_items)

    def take(self, train: Interactions) -> None:
        self.history.hold(matrix_of(train))

    def touched(self, users: Tensor, items: Tensor) -> Tensor:
        """Return ``(B, num_items)``: the weights of pairs, zeros where a user has no such item."""
        known, where = distinct(users)
        owned = self.history.dense(known, once=True)[where]
        owned[torch.arange(len(items), device=items.device), items] = 0
        touched: Tensor = self.weight(items) * owned
        return touched

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals) -> Tensor:
        return self.touched(users, items).sum(1)

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        yes, no = self.touched(users, liked), self.touched(users, other)
        return yes.sum(1) - no.sum(1), self.l2 * half_square(yes, no)

    def encode(self, items: Tensor, visuals: Visuals) -> tuple[Tensor, Tensor]:
        return self.weight(items), items

    def score(self, users: Tensor, encoded: tuple[Tensor, Tensor]) -> Tensor:
        rows, items = encoded
        owned = self.history.dense(users)
        own = rows.gather(1, items[:, None]).squeeze(1)
        return owned @ rows.T - owned[:, items] * own
