"""NMF: rows of users and items that are never below zero."""

from __future__ import annotations

import warnings

import torch

from vrbench.core.extras import extra
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Recommender, Sizes
from vrbench.recommenders.collaborative.solved import SolvedFactors
from vrbench.recommenders.sparse_matrix import matrix_of


class NMF(SolvedFactors, Recommender):
    """Non-negative matrix factorisation (Lee and Seung, Nature 1999), by scikit-learn.

    The ``W, H >= 0`` that minimise ``|X - W H|^2 / 2 + l2 (items |W|^2 + users |H|^2) / 2``, with
    ``X`` the zeros and ones of train, unknowns taken for zeros: it ranks. (Elliot's NonNegMF fits
    the ratings alone.) The solver is coordinate descent from the SVD's signs (NNDSVD), its small
    values drawn from the fit's generator.

    Args:
        sizes: users and items.
        factors: length of a row, at most ``min(num_users, num_items)``.
        l2: weight of the penalty; in scikit-learn's units, per user and per item.
        iterations: most passes.

    Raises:
        ConfigError: if scikit-learn is not installed, or there are not as many axes.

    Example:
        >>> from vrbench.recommenders import NMF
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(NMF)) > 0.8
        True
    """

    paper = "Lee and Seung, Nature 1999"
    signal = None

    def __init__(
        self, sizes: Sizes, *, factors: int = 20, l2: float = 0.0, iterations: int = 200
    ) -> None:
        super().__init__()
        self.refuse_if(
            not 1 <= factors <= min(sizes.num_users, sizes.num_items) or l2 < 0 or iterations < 1,
            "factors in 1..min(num_users, num_items), l2 >= 0 and iterations >= 1",
        )
        self.factors, self.l2, self.iterations = factors, l2, iterations
        self.allocate(sizes, factors)

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        decomposition = extra("sklearn.decomposition", needed_by="NMF", group="collaborative")
        model = decomposition.NMF(
            n_components=self.factors,
            init="nndsvdar",
            alpha_W=self.l2,
            l1_ratio=0.0,
            max_iter=self.iterations,
            random_state=int(torch.randint(2**31, (1,), generator=rng)),
            tol=1e-4,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it stopped before it was exact is a setting
            user = model.fit_transform(matrix_of(train))
        return self.found(user, model.components_.T)
