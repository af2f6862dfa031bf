"""Category exposure in the lists: CHR, nCDCG and their kin."""

import torch
from torch import Tensor

from vrbench.data.dataset import Dataset
from vrbench.metrics.base import CutoffMetric
from vrbench.metrics.view import View


def listed(view: View, top: Tensor) -> Tensor:
    """Return ``(U, k)`` bool: which places of the lists ``top`` the source category takes."""
    return (view.counted.labels[top.clamp(min=0)] == view.counted.source) & (top >= 0)


class CHR(CutoffMetric):
    """Category hit ratio as published: the mean *number* of source items in the top ``k``.

    TAaMR (Di Noia et al., DSN-W 2020) and VAR (SIGIR 2021) define it with a factor ``1 / k`` and
    print it without (protocol 2.1); ``CHRShare`` has the factor. Counts every item of the source
    category, whether attacked or not, by the labels that decided what is attacked. In ``[0, k]``.

    Args:
        k: length of the lists.
        binary_ttest: a fault of VAR's released code (protocol 2.3), to be measured: the paired
            test compares whether a user was shown any such item, not how many.

    Example:
        >>> from vrbench.metrics import CHR
        >>> from vrbench.testing.views import measured
        >>> measured(CHR(k=2))
        {'before': [2.0, 1.0], 'after': [2.0, 1.0]}
    """

    better = "lower"
    of_category = True

    def __init__(self, *, k: int = 20, binary_ttest: bool = False) -> None:
        super().__init__(k=k)
        self.binary_ttest = binary_ttest

    def tested(self, view: View, dataset: Dataset) -> Tensor:
        counts = self.measure(view, dataset)
        return (counts > 0).float() if self.binary_ttest else counts

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        return listed(view, self.top(view, dataset)).sum(1).float()


class CHRShare(CutoffMetric):
    """Category hit ratio as defined: CHR over ``k``, even where a list is shorter.

    Example:
        >>> from vrbench.metrics import CHRShare
        >>> from vrbench.testing.views import measured
        >>> measured(CHRShare(k=2))
        {'before': [1.0, 0.5], 'after': [1.0, 0.5]}
    """

    name = "CHR share"
    version = 2
    better = "lower"
    of_category = True

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        return listed(view, self.top(view, dataset)).sum(1).float() / self.k


class NCDCG(CutoffMetric):
    """Normalised category discounted cumulative gain (VAR, SIGIR 2021), in ``[0, 1]``.

    Every source item gains the same, discounted by ``1 / log2(rank + 1)``. The ideal list is
    filled from the whole category as published, though a user cannot be shown what they own.

    Example:
        >>> from vrbench.metrics import NCDCG
        >>> from vrbench.testing.views import measured
        >>> measured(NCDCG(k=2))
        {'before': [1.0, 0.387], 'after': [1.0, 0.613]}
    """

    name = "nCDCG"
    better = "lower"
    of_category = True

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        hit = listed(view, self.top(view, dataset)).float()
        discount = 1 / torch.log2(torch.arange(hit.shape[1]) + 2.0)
        size = int((view.counted.labels == view.counted.source).sum())
        return hit @ discount / discount[:size].sum()


class AttackedHR(CutoffMetric):
    """The mean number of *attacked* items in the top ``k``; at most CHR, less if few are.

    Example:
        >>> from vrbench.metrics import AttackedHR
        >>> from vrbench.testing.views import measured
        >>> measured(AttackedHR(k=2))
        {'before': [2.0, 1.0], 'after': [2.0, 1.0]}
    """

    name = "attacked HR"
    better = "lower"
    of_category = True

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        return torch.isin(self.top(view, dataset), view.attacked.items).sum(1).float()
