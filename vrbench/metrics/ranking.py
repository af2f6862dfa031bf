"""How good a ranking is for its users; all from the ranks of the test items."""

import torch
from torch import Tensor

from vrbench.data.dataset import Dataset
from vrbench.metrics.base import CutoffMetric, RankMetric
from vrbench.metrics.view import View


def per_user(values: Tensor, dataset: Dataset) -> Tensor:
    """Return the ``(U,)`` sums over each user's test items of ``values``, ``(T,)``."""
    test = dataset.test
    return torch.zeros(test.num_users, dtype=values.dtype).index_add_(0, test.users, values)


def defined(values: Tensor, dataset: Dataset) -> Tensor:
    """Return ``values`` as float32, NaN for users without test items."""
    return torch.where(dataset.test.counts > 0, values.float(), torch.nan)


def mean_ranks(view: View) -> Tensor:
    """Return the ``(T,)`` ranks of the test items, where items that tie share their mean."""
    tested = view.tested
    return tested.ranks if tested.mean_ranks is None else tested.mean_ranks


def pairs_ahead(ranks: Tensor, count: Tensor, dataset: Dataset) -> Tensor:
    """Return ``(U,)``: in how many pairs an item that is none stands before a test item.

    Ranks sum to ``n (n + 1) / 2`` if nothing else is ahead; each such pair adds one, and a pair
    that ties one half where ranks are the mean of tied ones.

    Args:
        ranks: ``(T,)`` ranks of the test items; 0 where one does not count.
        count: ``(U,)`` how many of them count.
        dataset: whose test items they are.
    """
    return per_user(ranks.double(), dataset) - count * (count + 1) / 2


def in_order(ahead: Tensor, pairs: Tensor) -> Tensor:
    """Return the share of ``pairs`` in which the test item stands first; NaN where are none."""
    return torch.where(pairs > 0, 1 - ahead / pairs, torch.nan)


class HR(CutoffMetric):
    """Hit ratio: 1 for users with a test item in their top ``k``, else 0.

    Example:
        >>> from vrbench.metrics import HR
        >>> from vrbench.testing.views import measured
        >>> measured(HR(k=1))
        {'before': [1.0, 0.0], 'after': [0.0, 1.0]}
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        hits = per_user((view.tested.ranks <= self.k).float(), dataset)
        return defined(hits.clamp(max=1), dataset)


class Recall(CutoffMetric):
    """Share of a user's test items that are in their top ``k``.

    Example:
        >>> from vrbench.metrics import Recall
        >>> from vrbench.testing.views import measured
        >>> measured(Recall(k=2))
        {'before': [0.5, 1.0], 'after': [0.5, 1.0]}
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        hits = per_user((view.tested.ranks <= self.k).float(), dataset)
        return defined(hits / dataset.test.counts, dataset)


class NDCG(CutoffMetric):
    """Normalised discounted cumulative gain, binary gains (Jarvelin and Kekalainen, 2002).

    The ideal list holds ``min(k, number of test items)`` hits, whatever was retrieved.

    Example:
        >>> from vrbench.metrics import NDCG
        >>> from vrbench.testing.views import measured
        >>> measured(NDCG(k=2))
        {'before': [0.613, 0.631], 'after': [0.387, 1.0]}
    """

    name = "nDCG"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        rank = view.tested.ranks.double()
        gain = torch.where(rank <= self.k, 1 / torch.log2(rank + 1), 0.0)
        longest = min(self.k, dataset.test.num_items)
        discount = 1 / torch.log2(torch.arange(longest, dtype=torch.float64) + 2)
        ideal = discount.cumsum(0)[dataset.test.counts.clamp(1, self.k) - 1]
        return defined(per_user(gain, dataset) / ideal, dataset)


class MRR(CutoffMetric):
    """Reciprocal rank of the best test item, 0 beyond place ``k``.

    Example:
        >>> from vrbench.metrics import MRR
        >>> from vrbench.testing.views import measured
        >>> measured(MRR(k=2))
        {'before': [1.0, 0.5], 'after': [0.5, 1.0]}
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        test = dataset.test
        inverse = torch.where(view.tested.ranks <= self.k, 1 / view.tested.ranks.double(), 0.0)
        best = torch.zeros(test.num_users, dtype=torch.float64)
        best = best.scatter_reduce(0, test.users, inverse, "amax")
        return defined(best, dataset)


class AUC(RankMetric):
    """Probability that a test item stands before an item that is none, over all candidates.

    A tie counts one half, as in the statistic of Mann and Whitney. NaN for users whose every
    candidate is a test item.

    Example:
        >>> from vrbench.metrics import AUC
        >>> from vrbench.testing.views import measured
        >>> measured(AUC())
        {'before': [0.75, 0.5], 'after': [0.5, 1.0]}
    """

    better = "higher"
    version = 2

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        count = dataset.test.counts.double()
        others = view.lists.candidates.double() - count
        ahead = pairs_ahead(mean_ranks(view), count, dataset)
        return defined(in_order(ahead, count * others), dataset)
