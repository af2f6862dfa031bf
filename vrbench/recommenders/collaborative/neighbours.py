"""Neighbourhood models: item-based and user-based kNN, random walks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TypedDict

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.errors import one_of
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Recommender, Sizes
from vrbench.recommenders.collaborative.rated.base import rated_matrix, require_ratings
from vrbench.recommenders.collaborative.similarities import (
    BLOCK,
    CENTRED,
    Similarity,
    similarities,
)
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of


class ItemWeights(Recommender):
    """``x_uj`` is the sum of ``W_ij`` over the items ``i`` that ``u`` has in train; W is sparse.

    Example:
        >>> from vrbench.recommenders import ItemKNN, ItemWeights
        >>> from vrbench.testing.world import favourites, taught
        >>> model = taught(ItemKNN, k=3)
        >>> isinstance(model, ItemWeights), favourites(model) > 0.5
        (True, True)
    """

    signal = None

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.history = SparseRows(sizes.num_users, sizes.num_items)
        self.weights = SparseRows(sizes.num_items, sizes.num_items)  # row j is column j of W

    def matrix(self, train: Interactions) -> sparse.csr_matrix:
        """Return what users have, ``(num_users, num_items)``: ones unless overridden."""
        return matrix_of(train)

    @abstractmethod
    def weigh(self, train: sparse.csr_matrix, rng: torch.Generator) -> sparse.csr_matrix:
        """Return the transpose of W, given the ``(num_users, num_items)`` feedback."""

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        matrix = self.matrix(train)
        self.history.hold(matrix)
        self.weights.hold(self.weigh(matrix, rng))
        return History()

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return items

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        return self.weights.times(self.history.dense(users).T.contiguous(), encoded).T


class NeighbourSettings(TypedDict, total=False):
    """Which neighbours there are, of an item or of a user, and what they weigh.

    Attributes:
        k: how many.
        shrink: takes weight from similarities that few users, or items, support.
        similarity: see ``similarities``.
        rated: whether ratings are used, in similarities and in scores, or ones.
    """

    k: int
    shrink: float
    similarity: Similarity
    rated: bool


class _Neighbours(Recommender):
    """What kNN over items and over users are told, and of what rows they find neighbours."""

    signal = None
    defaults = NeighbourSettings(k=100, shrink=10.0, similarity="cosine", rated=False)

    def _told(self, told: NeighbourSettings) -> None:
        """Keep the settings.

        Raises:
            ConfigError: if one is out of range.
        """
        self.k, self.shrink = told["k"], told["shrink"]
        self.similarity, self.rated = told["similarity"], told["rated"]
        self.refuse_if(self.k < 1 or self.shrink < 0, "k >= 1 and shrink >= 0")
        one_of(f"{self.name}.similarity", self.similarity, Similarity)
        self.refuse_if(
            self.similarity in CENTRED and not self.rated,
            "rated=true with similarity pearson or adjusted_cosine: ones have no deviation",
        )

    def matrix(self, train: Interactions) -> sparse.csr_matrix:
        """Return the ``(num_users, num_items)`` zeros and ones of train, or its ratings.

        Raises:
            DataError: if ratings are asked for, and all are the same.
        """
        if not self.rated:
            return matrix_of(train)
        require_ratings(train, self, "set recommender.rated=false")
        return rated_matrix(train)

    def nearest(self, rows: sparse.csr_matrix, rng: torch.Generator) -> sparse.csr_matrix:
        """Return, for each of ``rows``, its similarities with the ``k`` nearest others."""
        return nearest(rows, self.k, self.shrink, rng, self.similarity)


class ItemKNN(_Neighbours, ItemWeights):
    """Similarity of items by their users (Sarwar et al., WWW 2001).

    ``W_ij = s(i, j) * n / (n + shrink)`` with ``n`` the number of users of both, for the ``k``
    items ``i`` most similar to ``j``, of similarity above 0, never ``j`` itself. Of equal
    similarities at the edge, which are kept is drawn from the fit's generator: ids say nothing.

    Args:
        sizes: users and items.
        k, shrink, similarity, rated: see ``NeighbourSettings``.

    Example:
        >>> from vrbench.recommenders import ItemKNN
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(ItemKNN)) > 0.8
        True
    """

    paper = "Sarwar et al., WWW 2001"

    def __init__(self, sizes: Sizes, **told: Unpack[NeighbourSettings]) -> None:
        super().__init__(sizes)
        self._told(self.with_defaults(NeighbourSettings, told))

    def weigh(self, train: sparse.csr_matrix, rng: torch.Generator) -> sparse.csr_matrix:
        return self.nearest(train.T.tocsr(), rng)


class UserKNN(_Neighbours):
    """Similarity of users by their items (Resnick et al., CSCW 1994).

    ``x_uj`` is the sum over the ``k`` users ``v`` most similar to ``u``, never ``u``, who have
    ``j`` in train, of ``s(u, v) * n / (n + shrink)``, times ``v``'s rating of it where those are
    used. It takes what ``ItemKNN`` takes.

    Example:
        >>> from vrbench.recommenders import UserKNN
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(UserKNN)) > 0.8
        True
    """

    paper = "Resnick et al., CSCW 1994"

    def __init__(self, sizes: Sizes, **told: Unpack[NeighbourSettings]) -> None:
        super().__init__()
        self._told(self.with_defaults(NeighbourSettings, told))
        self.owners = SparseRows(sizes.num_items, sizes.num_users)
        self.neighbours = SparseRows(sizes.num_users, sizes.num_users)

    def described(self, matrix: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return the rows by which users are compared."""
        return matrix

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        matrix = self.matrix(train)
        self.owners.hold(matrix.T.tocsr())
        self.neighbours.hold(self.nearest(self.described(matrix), rng))
        return History()

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return items

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        return self.owners.times(self.neighbours.dense(users).T.contiguous(), encoded).T


class RP3Beta(ItemWeights):
    """Random walks of three steps, popular ends discounted (Paudel et al., TiiS 2016, sec. 3).

    ``W_ij`` is the chance of stepping from item ``i`` to a user and on to item ``j``, each chance
    raised to ``alpha``, over the number of users of ``j`` raised to ``beta``, for the ``k``
    largest ``i`` of every ``j``. The first step, from a user to an item, is the same for all of
    the user's items and is left out.

    Args:
        sizes: users and items.
        k: items that speak for an item.
        alpha: power of a step's chance.
        beta: power of the popularity that scores are divided by.

    Example:
        >>> from vrbench.recommenders import RP3Beta
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(RP3Beta)) > 0.8
        True
    """

    paper = "Paudel et al., TiiS 2016"

    def __init__(
        self, sizes: Sizes, *, k: int = 100, alpha: float = 1.0, beta: float = 0.6
    ) -> None:
        super().__init__(sizes)
        self.refuse_if(k < 1 or alpha < 0 or beta < 0, "k >= 1, alpha and beta >= 0")
        self.k, self.alpha, self.beta = k, alpha, beta

    def weigh(self, train: sparse.csr_matrix, rng: torch.Generator) -> sparse.csr_matrix:
        owned, popular = (np.maximum(train.sum(axis).A1, 1) for axis in (1, 0))
        to_item = sparse.diags(owned**-self.alpha) @ train
        to_user = train @ sparse.diags(popular**-self.alpha)
        to_item = (to_item @ sparse.diags(popular**-self.beta)).T.tocsr()

        def blocks() -> Iterator[sparse.coo_matrix]:
            for first in range(0, train.shape[1], BLOCK):
                made = sparse.coo_matrix(to_item[first : first + BLOCK] @ to_user)
                yield without_self(made, first)

        return strongest(blocks(), self.k, rng)


def nearest(
    rows: sparse.csr_matrix,
    k: int,
    shrink: float,
    rng: torch.Generator,
    similarity: Similarity = "cosine",
) -> sparse.csr_matrix:
    """Return, for each of ``rows``, its shrunk similarities with the ``k`` nearest others."""
    found = similarities(rows, similarity, shrink)
    others = (without_self(block, n * BLOCK) for n, block in enumerate(found))
    return strongest(others, k, rng)


def without_self(block: sparse.coo_matrix, first: int) -> sparse.coo_matrix:
    """Return ``block`` with zeros where row ``first + r`` meets column ``first + r``."""
    block.data[first + block.row == block.col] = 0
    return block


def strongest(
    blocks: Iterator[sparse.coo_matrix], k: int, rng: torch.Generator
) -> sparse.csr_matrix:
    """Return the ``k`` largest entries above zero of each row, ties in a random order of columns.

    Args:
        blocks: consecutive rows of a matrix.
        k: entries kept of a row.
        rng: draws the one order of the columns that decides between equals.
    """
    kept, place = [], None
    for block in blocks:
        if place is None:
            place = torch.randperm(block.shape[1], generator=rng).argsort().numpy()
        there = block.data > 0
        row, column, value = block.row[there], block.col[there], block.data[there]
        best = np.lexsort((place[column], -value, row))
        row, column, value = row[best], column[best], value[best]
        count = np.bincount(row, minlength=block.shape[0])
        nth = np.arange(len(row)) - (count.cumsum() - count)[row]
        near = nth < k
        made = (value[near], (row[near], column[near]))
        kept.append(sparse.csr_matrix(made, block.shape))
    return sparse.vstack(kept, format="csr")
