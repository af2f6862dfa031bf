"""PureSVD: the main axes of the feedback matrix, its unknowns taken for zeros."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.core.extras import extra
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Recommender, Sizes
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of


class PureSVD(Recommender):
    """Truncated singular value decomposition (Cremonesi et al., RecSys 2010, sec. 3.3).

    With ``R = U S V'`` the zeros and ones of train, scores are ``R V V'`` over the ``factors``
    largest singular values, found by scikit-learn's randomised algorithm.

    Args:
        sizes: users and items.
        factors: axes kept, at most ``min(num_users, num_items)``.
        iterations: power iterations; more are more exact.

    Raises:
        ConfigError: if scikit-learn is not installed, or there are not as many axes.

    Example:
        >>> from vrbench.recommenders import PureSVD
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(PureSVD, factors=3)) > 0.8
        True
    """

    paper = "Cremonesi et al., RecSys 2010"
    signal = None

    def __init__(self, sizes: Sizes, *, factors: int = 50, iterations: int = 8) -> None:
        super().__init__()
        self.refuse_if(
            not 1 <= factors <= min(sizes.num_users, sizes.num_items) or iterations < 0,
            "factors in 1..min(num_users, num_items) and iterations >= 0",
        )
        self.factors, self.iterations = factors, iterations
        self.history = SparseRows(sizes.num_users, sizes.num_items)
        self.register_buffer("item", torch.zeros(sizes.num_items, factors))

    item: Tensor

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        algebra = extra("sklearn.utils.extmath", needed_by="PureSVD", group="collaborative")
        matrix = matrix_of(train)
        self.history.hold(matrix)
        _, _, axes = algebra.randomized_svd(
            matrix,
            n_components=self.factors,
            n_iter=self.iterations,
            random_state=int(torch.randint(2**31, (1,), generator=rng)),
        )
        self.item.copy_(torch.from_numpy(axes.T.copy()))
        return History()

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return self.item[items]

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        return self.history.times(self.item, users) @ encoded.T
