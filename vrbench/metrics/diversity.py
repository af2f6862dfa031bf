"""Diversity: Gini, entropy, subtopic recall."""

from typing import ClassVar, Literal

import torch
from torch import Tensor

from vrbench.data.dataset import Dataset
from vrbench.metrics.base import CutoffMetric, CutoffSystemMetric
from vrbench.metrics.coverage import times_listed
from vrbench.metrics.ranking import defined
from vrbench.metrics.view import View


class Gini(CutoffSystemMetric):
    """Gini index of how often items are in a top ``k``: 0 all alike, 1 one item only.

    Over the whole catalogue, never recommended items included (Shani and Gunawardana,
    Recommender Systems Handbook, 2011).

    Example:
        >>> from vrbench.metrics import Gini
        >>> from vrbench.testing.views import measured
        >>> measured(Gini(k=2))
        {'before': 0.625, 'after': 0.625}
    """

    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def measure(self, view: View, dataset: Dataset) -> float:
        n = dataset.train.num_items
        listed = times_listed(self.top(view, dataset), n).double().sort().values
        if n < 2 or not listed.any():
            return float("nan")
        place = torch.arange(1, n + 1, dtype=torch.float64)
        return float(((2 * place - n - 1) * listed).sum() / ((n - 1) * listed.sum()))


class ElliotGini(Gini):
    """What Elliot 0.3.1 calls Gini: 1 minus it, so that higher is more even.

    Example:
        >>> from vrbench.metrics import ElliotGini
        >>> from vrbench.testing.views import measured
        >>> measured(ElliotGini(k=2))
        {'before': 0.375, 'after': 0.375}
    """

    name = "elliot_Gini"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> float:
        return 1 - super().measure(view, dataset)


class ShannonEntropy(CutoffSystemMetric):
    """Entropy, in bits, of which item a random place of a random top ``k`` holds.

    Example:
        >>> from vrbench.metrics import ShannonEntropy
        >>> from vrbench.testing.views import measured
        >>> measured(ShannonEntropy(k=1))
        {'before': 1.0, 'after': -0.0}
    """

    name = "Shannon entropy"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> float:
        top = self.top(view, dataset)
        return _entropy(times_listed(top, dataset.train.num_items).double())


class ElliotSEntropy(CutoffSystemMetric):
    """Elliot's SEntropy: every user weighs the same, however short the list.

    Example:
        >>> from vrbench.metrics import ElliotSEntropy
        >>> from vrbench.testing.views import measured
        >>> measured(ElliotSEntropy(k=2))
        {'before': 1.5, 'after': 1.5}
    """

    name = "elliot_SEntropy"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> float:
        top = self.top(view, dataset)
        there = top >= 0
        weight = (1 / there.sum(1, keepdim=True).double()).expand(top.shape)[there]
        total = torch.zeros(dataset.train.num_items, dtype=torch.float64)
        return _entropy(total.index_add_(0, top[there], weight))


class SRecall(CutoffMetric):
    """Subtopic recall (Zhai et al., 2003): share of the categories of a user's test that are hit.

    An item's subtopic is its category in the catalogue.

    Example:
        >>> from vrbench.metrics import SRecall
        >>> from vrbench.testing.views import measured
        >>> measured(SRecall(k=2))
        {'before': [0.5, 1.0], 'after': [0.5, 1.0]}
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        everything = torch.ones_like(view.tested.ranks, dtype=torch.bool)
        return defined(self.hit(view, dataset) / _topics(dataset, everything), dataset)

    def hit(self, view: View, dataset: Dataset) -> Tensor:
        """Return the ``(U,)`` number of categories of the test items in the top ``k``."""
        return _topics(dataset, view.tested.ranks <= self.k)


class ElliotSRecall(SRecall):
    """Elliot's SRecall: the categories that are hit, over all categories of the catalogue.

    Example:
        >>> from vrbench.metrics import ElliotSRecall
        >>> from vrbench.testing.views import measured
        >>> measured(ElliotSRecall(k=2))
        {'before': [0.5, 0.5], 'after': [0.5, 0.5]}
    """

    name = "elliot_SRecall"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        return defined(self.hit(view, dataset) / len(dataset.catalogue.names), dataset)


def _entropy(weight: Tensor) -> float:
    share = weight[weight > 0] / weight.sum()
    return float(-(share * torch.log2(share)).sum()) if len(share) else float("nan")


def _topics(dataset: Dataset, which: Tensor) -> Tensor:
    """Return the ``(U,)`` number of different categories of the test items in ``which``."""
    test, count = dataset.test, len(dataset.catalogue.names)
    pairs = test.users[which] * count + dataset.catalogue.categories[test.items[which]]
    return torch.bincount(pairs.unique() // count, minlength=test.num_users).double()
