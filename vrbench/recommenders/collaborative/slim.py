"""SLIM: a sparse, positive linear model in which no item may speak for itself."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from vrbench.core.extras import extra
from vrbench.core.memory import require, sizing
from vrbench.core.progress import progress
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.neighbours import ItemWeights

GRAMS = 2  # of an item's peers by its peers, held at once: one sparse, one whole


class SLIM(ItemWeights):
    """Sparse linear methods (Ning and Karypis, ICDM 2011, eq. 3-4).

    The ``W >= 0`` with a diagonal of zeros that minimises
    ``|X - X W|^2 / 2 + l2 / 2 |W|^2 + l1 |W|_1``, column by column with scikit-learn's coordinate
    descent. (scikit-learn divides the first term by the number of users: its ``alpha`` is
    ``(l1 + l2) / num_users`` and its ``l1_ratio`` ``l1 / (l1 + l2)``.) Only items that share a
    user with the column's item can have a weight above zero, so each column is solved over those.

    Args:
        sizes: users and items.
        l1: weight of the sum of entries.
        l2: weight of half the sum of squared entries.
        steps: most passes of coordinate descent over a column.
        tolerance: relative duality gap at which a column is done.

    Raises:
        ConfigError: if scikit-learn is not installed.

    Example:
        >>> from vrbench.recommenders import SLIM
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(SLIM)) > 0.8
        True
    """

    paper = "Ning and Karypis, ICDM 2011"

    def __init__(
        self,
        sizes: Sizes,
        *,
        l1: float = 1.0,
        l2: float = 50.0,
        steps: int = 1000,
        tolerance: float = 1e-4,
    ) -> None:
        super().__init__(sizes)
        self.refuse_if(
            l1 < 0 or l2 < 0 or l1 + l2 <= 0 or steps < 1 or tolerance <= 0,
            "l1 and l2 >= 0 and not both 0, steps >= 1 and tolerance > 0",
        )
        self.l1, self.l2, self.steps, self.tolerance = l1, l2, steps, tolerance

    def weigh(self, train: sparse.csr_matrix, rng: torch.Generator) -> sparse.csr_matrix:
        linear = extra("sklearn.linear_model", needed_by="SLIM", group="collaborative")
        by_item = train.tocsc()  # columns are items: in a CSR matrix, indptr counts users
        gram = (train.T @ train).tocsr()
        most = int(np.diff(gram.indptr).max(initial=0))
        need = 8 * (most * train.shape[0] + GRAMS * most**2)
        require(need, "fitting SLIM", sizing((), "recommender", {}))
        indices, values, start = [], [], [0]
        for j in progress(range(train.shape[1]), "solving SLIM"):
            peers = gram.indices[gram.indptr[j] : gram.indptr[j + 1]]
            peers = np.sort(peers[peers != j])
            found = self._column(linear, by_item, gram, peers, j) if len(peers) else np.zeros(0)
            indices.append(peers[found > 0])
            values.append(found[found > 0])
            start.append(start[-1] + len(indices[-1]))
        parts = (np.concatenate(values), np.concatenate(indices), start)
        return sparse.csr_matrix(parts, gram.shape)

    def _column(
        self,
        linear: object,
        by_item: sparse.csc_matrix,
        gram: sparse.csr_matrix,
        peers: NDArray[np.int32],
        j: int,
    ) -> NDArray[np.float64]:
        """Return the weights of ``peers``, item numbers, in column ``j`` of W."""
        total = self.l1 + self.l2
        _, found, _ = linear.enet_path(  # type: ignore[attr-defined]
            by_item[:, peers].toarray(order="F"),
            by_item[:, [j]].toarray().ravel(),
            precompute=gram[peers][:, peers].toarray(),
            Xy=gram[peers, j].toarray().ravel(),
            alphas=[total / by_item.shape[0]],
            l1_ratio=self.l1 / total,
            positive=True,
            max_iter=self.steps,
            tol=self.tolerance,
        )
        weights: NDArray[np.float64] = found[:, 0]
        return weights
