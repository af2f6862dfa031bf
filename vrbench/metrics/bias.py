"""Popularity bias of the lists."""

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError
from vrbench.data.dataset import Dataset
from vrbench.metrics.base import Cutoff, CutoffMetric, CutoffSystemMetric
from vrbench.metrics.coverage import times_listed
from vrbench.metrics.groups import Groups, head_and_tail
from vrbench.metrics.view import View


class ARP(CutoffMetric):
    """Average recommendation popularity: mean number of training users of the top ``k``.

    Example:
        >>> from vrbench.metrics import ARP
        >>> from vrbench.testing.views import measured
        >>> measured(ARP(k=2))
        {'before': [0.5, 0.5], 'after': [0.5, 0.5]}
    """

    better = "lower"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        top = self.top(view, dataset)
        count = dataset.train.popularity.double()[top.clamp(min=0)].masked_fill(top < 0, torch.nan)
        return count.nanmean(1).float()


class _HeadAndTail(Cutoff):
    """Args: ``head`` is the share of the training feedback that the short head holds."""

    def __init__(self, *, k: int = 20, head: float = 0.8) -> None:
        super().__init__(k=k)
        if not 0 < head < 1:
            raise ConfigError(f"expected 0 < head < 1, got {head}")
        self.head = head


class ACLT(_HeadAndTail, CutoffMetric):
    """Average number of long-tail items in the top ``k`` (Abdollahpouri et al., 2019).

    Example:
        >>> from vrbench.metrics import ACLT
        >>> from vrbench.testing.views import measured
        >>> measured(ACLT(k=2, head=0.5))
        {'before': [1.0, 1.0], 'after': [1.0, 1.0]}
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        top = self.top(view, dataset)
        tail = head_and_tail(dataset, self.head).of
        return ((tail[top.clamp(min=0)] == 1) & (top >= 0)).sum(1).float()


class APLT(ACLT):
    """Average share of long-tail items in the list (Abdollahpouri et al., 2017).

    Example:
        >>> from vrbench.metrics import APLT
        >>> from vrbench.testing.views import measured
        >>> measured(APLT(k=2, head=0.5))
        {'before': [0.5, 0.5], 'after': [0.5, 0.5]}
    """

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        # NaN for users who get nothing
        return super().measure(view, dataset) / (self.top(view, dataset) >= 0).sum(1)


class PopREO(_HeadAndTail, CutoffSystemMetric):
    """Popularity-based ranking equal opportunity (Zhu et al., WSDM 2021): 0 is fair.

    Standard deviation over mean, of head and tail, of the share of test items in the top ``k``.

    Example:
        >>> from vrbench.metrics import PopREO
        >>> from vrbench.testing.views import measured
        >>> measured(PopREO(k=2, head=0.5))
        {'before': 0.333, 'after': 0.333}
    """

    better = "lower"

    def measure(self, view: View, dataset: Dataset) -> float:
        return equal_opportunity(view, dataset, head_and_tail(dataset, self.head), self.k)


class PopRSP(_HeadAndTail, CutoffSystemMetric):
    """Popularity-based ranking statistical parity (Zhu et al., WSDM 2021): 0 is fair.

    Standard deviation over mean, of head and tail, of the share of unseen items in the top ``k``.

    Example:
        >>> from vrbench.metrics import PopRSP
        >>> from vrbench.testing.views import measured
        >>> measured(PopRSP(k=2, head=0.5))
        {'before': 0.429, 'after': 0.429}
    """

    better = "lower"

    def measure(self, view: View, dataset: Dataset) -> float:
        groups = head_and_tail(dataset, self.head)
        return statistical_parity(self.top(view, dataset), dataset, groups)


def equal_opportunity(view: View, dataset: Dataset, groups: Groups, k: int) -> float:
    """Return the spread over groups of P(in the top ``k`` | test item of the group)."""
    hit = (view.tested.ranks <= k).double()
    return _spread(groups.sums(hit, dataset.test.items) / groups.counts(dataset.test.items))


def statistical_parity(top: Tensor, dataset: Dataset, groups: Groups) -> float:
    """Return the spread over groups of P(in the list | item of the group not seen)."""
    items = torch.arange(dataset.train.num_items)
    unseen = dataset.train.num_users - dataset.seen.popularity
    return _spread(groups.sums(times_listed(top, len(items)), items) / groups.sums(unseen, items))


def _spread(share: Tensor) -> float:
    """Return standard deviation (of a population) over mean; NaN with one group."""
    share = share[share.isfinite()]
    if len(share) < 2 or not share.any():
        return float("nan")
    return float(share.std(correction=0) / share.mean())
