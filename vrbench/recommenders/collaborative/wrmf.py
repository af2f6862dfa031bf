"""WRMF: weighted least squares on every user-item pair, alternately for users and items."""

from __future__ import annotations

import torch

from vrbench.core.extras import extra
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Recommender, Sizes
from vrbench.recommenders.collaborative.solved import SolvedFactors
from vrbench.recommenders.sparse_matrix import matrix_of


class WRMF(SolvedFactors, Recommender):
    """Weighted matrix factorisation of implicit feedback (Hu et al., ICDM 2008, eq. 3-5).

    Minimises ``sum_ui c_ui (p_ui - x_u . y_i)^2 + l2 (sum |x_u|^2 + sum |y_i|^2)`` over *all*
    pairs, with ``p = 1`` and ``c = 1 + alpha`` for what is in train, else ``p = 0`` and ``c = 1``,
    by the library ``implicit``. (What the library calls ``alpha`` is the whole of ``c``: it gets
    ``1 + alpha``.) One thread, the exact solver, the CPU: a fit is repeatable.

    Args:
        sizes: users and items.
        factors: length of a row.
        alpha: confidence that feedback adds.
        l2: weight of the penalty, summed over rows, not over feedback.
        iterations: rounds of both solves.

    Raises:
        ConfigError: if ``implicit`` is not installed.

    Example:
        >>> from vrbench.recommenders import WRMF
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(WRMF)) > 0.8
        True
    """

    paper = "Hu et al., ICDM 2008"
    signal = None

    def __init__(
        self,
        sizes: Sizes,
        *,
        factors: int = 64,
        alpha: float = 10.0,
        l2: float = 10.0,
        iterations: int = 15,
    ) -> None:
        super().__init__()
        self.refuse_if(
            min(factors, iterations) < 1 or alpha < 0 or l2 <= 0,
            "factors, iterations >= 1, alpha >= 0 and l2 > 0",
        )
        self.factors, self.alpha, self.l2, self.iterations = factors, alpha, l2, iterations
        self.allocate(sizes, factors)

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        als = extra("implicit.cpu.als", needed_by="WRMF", group="collaborative")
        threads = extra("threadpoolctl", needed_by="WRMF", group="collaborative")
        confidence = (matrix_of(train) * (1 + self.alpha)).astype("float32")
        with threads.threadpool_limits(1, "blas"):  # the library asks for it, and warns without
            model = als.AlternatingLeastSquares(
                factors=self.factors,
                regularization=self.l2,
                alpha=1.0,
                iterations=self.iterations,
                use_cg=False,
                num_threads=1,
                random_state=int(torch.randint(2**31, (1,), generator=rng)),
            )
            model.fit(confidence, show_progress=False)
        return self.found(model.user_factors, model.item_factors)
