"""nDCG with gains by rating, and Rendle's."""

import torch
from torch import Tensor

from vrbench.data.dataset import Dataset
from vrbench.metrics.accuracy.places import gains
from vrbench.metrics.base import CutoffMetric
from vrbench.metrics.ranking import NDCG, defined, per_user
from vrbench.metrics.view import View


class GradedNDCG(CutoffMetric):
    """Normalised discounted cumulative gain with exponential gains (Burges et al., 2005).

    The ideal list holds the ``k`` largest gains of the user's test. NaN where all gains are 0.

    Args:
        k: length of the lists.
        threshold: a rating gains ``2 ** (rating - threshold + 1) - 1``, and 0 below it; 1 is the
            usual ``2 ** rating - 1``, and 1 for feedback without ratings.

    Example:
        >>> from vrbench.metrics import GradedNDCG
        >>> from vrbench.testing.views import measured
        >>> measured(GradedNDCG(k=2))
        {'before': [0.875, 0.631], 'after': [0.552, 1.0]}
    """

    name = "graded nDCG"
    better = "higher"

    def __init__(self, *, k: int = 20, threshold: float = 1.0) -> None:
        super().__init__(k=k)
        self.threshold = threshold

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        gain, rank = gains(dataset, self.threshold), view.tested.ranks.double()
        found = per_user(torch.where(rank <= self.k, gain / torch.log2(rank + 1), 0.0), dataset)
        order = torch.arange(len(gain))
        if dataset.test.ratings is not None:  # else all gains are the same
            order = gain.argsort(descending=True, stable=True)
            order = order[dataset.test.users[order].argsort(stable=True)]
        place = torch.arange(len(order)) - dataset.test.indptr[dataset.test.users] + 1
        best = torch.where(place <= self.k, gain[order] / torch.log2(place.double() + 1), 0.0)
        return defined(found / per_user(best, dataset), dataset)


class NDCGRendle(NDCG):
    """Binary nDCG as Elliot's nDCGRendle2020 has it; the same number as ``nDCG``.

    Example:
        >>> from vrbench.metrics import NDCGRendle
        >>> from vrbench.testing.views import measured
        >>> measured(NDCGRendle(k=2))
        {'before': [0.613, 0.631], 'after': [0.387, 1.0]}
    """

    name = "nDCGRendle2020"
