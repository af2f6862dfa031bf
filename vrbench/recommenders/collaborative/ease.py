"""EASE: the closed form of a linear model in which no item may speak for itself."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.memory import require, sizing
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Recommender, Sizes
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of

TABLES = 3  # of items by items, in float64, held at once by a fit


class EASE(Recommender):
    """Embarrassingly shallow autoencoder (Steck, WWW 2019, eq. 8).

    The ``B`` that minimises ``|X - X B|^2 + l2 |B|^2`` with a diagonal of zeros:
    ``B_ij = -P_ij / P_jj`` with ``P = (X' X + l2 I)^-1``, and scores ``X B``. X is the zeros and
    ones of train, never ratings (Elliot mixes a Gram matrix of ratings with a diagonal of counts).
    Solved in float64.

    Args:
        sizes: users and items.
        l2: weight of the penalty.
        most_items: refuse larger catalogues: three ``num_items`` x ``num_items`` tables of 8 bytes
            are needed to fit, one of 4 bytes to score.

    Raises:
        IncompatibleError: if the catalogue is larger than that.

    Example:
        >>> from vrbench.recommenders import EASE
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(EASE)) > 0.8
        True
    """

    paper = "Steck, WWW 2019"
    signal = None

    def __init__(self, sizes: Sizes, *, l2: float = 250.0, most_items: int = 20_000) -> None:
        super().__init__()
        if l2 <= 0:
            raise ConfigError(f"EASE: expected l2 > 0, got {l2}")
        if sizes.num_items > most_items:
            raise IncompatibleError(
                f"EASE needs {sizes.num_items**2 * 24 / 2**30:.0f} GiB for {sizes.num_items} "
                f"items; if you have them, raise recommender.most_items (now {most_items})"
            )
        self.l2, self.most_items = l2, most_items
        self.history = SparseRows(sizes.num_users, sizes.num_items)
        self.register_buffer("weight", torch.zeros(sizes.num_items, sizes.num_items))

    weight: Tensor

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        need = TABLES * 8 * train.num_items**2
        require(need, "fitting EASE", sizing((), "recommender", {}))
        matrix = matrix_of(train)
        self.history.hold(matrix)
        gram = torch.from_numpy((matrix.T @ matrix).toarray()).to(self.weight.device)
        gram.diagonal().add_(self.l2)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram))
        self.weight.copy_(inverse.div_(-inverse.diagonal()))
        self.weight.fill_diagonal_(0)
        return History()

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return self.weight[:, items]

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        return self.history.times(encoded, users)
