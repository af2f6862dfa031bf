"""How much of the catalogue, and how many users, the lists reach."""

import torch
from torch import Tensor

from vrbench.data.dataset import Dataset
from vrbench.metrics.base import CutoffMetric, CutoffSystemMetric
from vrbench.metrics.view import View


def times_listed(top: Tensor, num_items: int) -> Tensor:
    """Return the ``(num_items,)`` number of lists, ``(U, k)`` padded with -1, each item is in."""
    return torch.bincount(top[top >= 0], minlength=num_items)


class ItemCoverage(CutoffSystemMetric):
    """How many different items are in any top ``k``.

    Example:
        >>> from vrbench.metrics import ItemCoverage
        >>> from vrbench.testing.views import measured
        >>> measured(ItemCoverage(k=2))
        {'before': 3.0, 'after': 3.0}
    """

    name = "item coverage"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> float:
        listed = times_listed(self.top(view, dataset), dataset.train.num_items)
        return float((listed > 0).sum())


class ItemCoverageShare(ItemCoverage):
    """Share of the catalogue that is in any top ``k``.

    Example:
        >>> from vrbench.metrics import ItemCoverageShare
        >>> from vrbench.testing.views import measured
        >>> measured(ItemCoverageShare(k=2))
        {'before': 0.6, 'after': 0.6}
    """

    name = "item coverage share"

    def measure(self, view: View, dataset: Dataset) -> float:
        return super().measure(view, dataset) / dataset.train.num_items


class UserCoverage(CutoffSystemMetric):
    """How many users get any item.

    Example:
        >>> from vrbench.metrics import UserCoverage
        >>> from vrbench.testing.views import measured
        >>> measured(UserCoverage(k=4))
        {'before': 2.0, 'after': 2.0}
    """

    name = "user coverage"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> float:
        return float((self.top(view, dataset) >= 0).any(1).sum())


class UserCoverageAtN(CutoffSystemMetric):
    """How many users get all ``k`` items.

    Example:
        >>> from vrbench.metrics import UserCoverageAtN
        >>> from vrbench.testing.views import measured
        >>> measured(UserCoverageAtN(k=4))
        {'before': 1.0, 'after': 1.0}
    """

    name = "user coverage at N"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> float:
        return float(((self.top(view, dataset) >= 0).sum(1) >= self.k).sum())


class NumRetrieved(CutoffMetric):
    """How many items a user gets, at most ``k``.

    Example:
        >>> from vrbench.metrics import NumRetrieved
        >>> from vrbench.testing.views import measured
        >>> measured(NumRetrieved(k=4))
        {'before': [4.0, 3.0], 'after': [4.0, 3.0]}
    """

    name = "retrieved"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        return (self.top(view, dataset) >= 0).sum(1).float()
