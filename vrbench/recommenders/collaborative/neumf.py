"""NeuMF: a generalised product of factors beside a network on both, joined at the end."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from torch import Generator, Tensor, nn
from typing_extensions import Unpack

from vrbench.core.dropout import Dropout, seed_dropout
from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes, tables
from vrbench.recommenders.training.pointwise import PointwiseRecommender, PointwiseSettings

MOST = 2**23  # hidden numbers of a block of users when scoring; bounds the memory only


class Sides(NamedTuple):
    """Rows of users or of items: of the product, and as the first layer sees them."""

    product: Tensor  # (n, K)
    hidden: Tensor  # (n, H)


class NeuMF(PointwiseRecommender):
    """Neural matrix factorisation (He et al., WWW 2017, eq. 7-12), without pretraining.

    ``x_ui = h . [p_u * q_i ; relu layers of [p'_u ; q'_i]]``, trained pointwise. (Elliot's default
    of no negatives learns that everything is liked; it is refused here.)

    Args:
        sizes: users and items.
        factors: length K of the product's rows.
        hidden: width H of the network's first layer; its rows of users and items have half of it.
        depth: layers, each half as wide as the one before.
        dropout: share of a layer's inputs left out in training.
        negatives, l2, epochs, batch_size, lr, patience, eval_every: see ``PointwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import NeuMF
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(NeuMF, factors=8, **BRISK)) > 0.8
        True
    """

    paper = "He et al., WWW 2017"
    signal = None

    def __init__(
        self,
        sizes: Sizes,
        *,
        factors: int = 32,
        hidden: int = 64,
        depth: int = 3,
        dropout: float = 0.1,
        **training: Unpack[PointwiseSettings],
    ) -> None:
        super().__init__(**self.with_defaults(PointwiseSettings, training))
        self.refuse_if(
            min(factors, depth) < 1 or hidden < 2**depth,
            "factors, depth >= 1, hidden >= 2 ** depth",
        )
        self.factors, self.hidden, self.depth = factors, hidden, depth
        half, widths = hidden // 2, [hidden // 2**n for n in range(depth)]
        self.user, self.item = tables(sizes, factors)
        self.user_deep = nn.Embedding(sizes.num_users, half, sparse=True)
        self.item_deep = nn.Embedding(sizes.num_items, half, sparse=True)
        self.first_user = nn.Linear(half, hidden)  # both halves of one layer
        self.first_item = nn.Linear(half, hidden, bias=False)
        self.deep = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.out = nn.Linear(factors + widths[-1], 1)
        self.drop = Dropout(dropout)
        self.dropout = dropout

    def begin(self, visuals: Visuals, rng: Generator) -> None:
        super().begin(visuals, rng)
        for table in (self.user, self.item, self.user_deep, self.item_deep):
            table.weight.data.mul_(10)  # of deviation 0.1
        seed_dropout(self, rng)

    def rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        return [self.user(users), self.item(items), self.user_deep(users), self.item_deep(items)]

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals | None = None) -> Tensor:
        product = self.user(users) * self.item(items)
        user, item = self.drop(self.user_deep(users)), self.drop(self.item_deep(items))
        return self._join(product, self.first_user(user) + self.first_item(item))

    def _join(self, product: Tensor, hidden: Tensor) -> Tensor:
        """Return logits, given ``(*, K)`` products and ``(*, H)`` inputs of the first relu."""
        hidden = hidden.relu()
        for layer in self.deep:
            hidden = layer(self.drop(hidden)).relu()
        weight = self.out.weight[0]
        logit = product @ weight[: self.factors] + hidden @ weight[self.factors :]
        return logit + self.out.bias

    def encode(self, items: Tensor, visuals: Visuals) -> Sides:
        return Sides(self.item(items), self.first_item(self.item_deep(items)))

    def score(self, users: Tensor, encoded: Sides) -> Tensor:
        block = max(1, MOST // (self.hidden * max(1, len(encoded.product))))
        # Into one table: rows kept one by one between the blocks' large ones are in the way of the
        # allocator, which took 7 GiB for 400 users and 93,000 items.
        made = encoded.product.new_empty(len(users), len(encoded.product))
        for first in range(0, len(users), block):
            made[first : first + block] = self._score(users[first : first + block], encoded)
        return made

    def _score(self, users: Tensor, item: Sides) -> Tensor:
        # The first layer is linear in both: one product per side, one sum per pair.
        user = Sides(self.user(users), self.first_user(self.user_deep(users)))
        product = (user.product * self.out.weight[0, : self.factors]) @ item.product.T
        hidden = (user.hidden[:, None] + item.hidden).relu()
        for layer in self.deep:
            hidden = layer(hidden).relu()
        return product + hidden @ self.out.weight[0, self.factors :] + self.out.bias
