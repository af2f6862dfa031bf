"""Areas under the curve: grouped by user, limited to the top k, and as Elliot has them."""

import torch
from torch import Tensor

from vrbench.data.dataset import Dataset
from vrbench.metrics.accuracy.places import once, others_ahead
from vrbench.metrics.base import CutoffMetric, RankMetric, SystemMetric
from vrbench.metrics.ranking import AUC, defined, per_user
from vrbench.metrics.view import View


class GAUC(RankMetric):
    """Area under the curve of each user, users weighed by their test items (Zhu et al., KDD 2018).

    ``sum_u w_u AUC_u / sum_u w_u``, where the paper weighs by impressions or clicks: here the
    number of test items, as in a full ranking candidates hardly differ. ``AUC`` weighs users alike.
    A user's number is ``AUC_u`` times their weight over the mean weight, so that its mean is that;
    a paired test compares the ``AUC_u`` themselves. A tie counts one half.

    Example:
        >>> from vrbench.metrics import GAUC
        >>> from vrbench.testing.views import measured
        >>> measured(GAUC())
        {'before': [1.0, 0.333], 'after': [0.667, 0.667]}
    """

    better = "higher"
    version = 3

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        value = self.tested(view, dataset)
        weight = torch.where(value.isnan(), torch.nan, dataset.test.counts.float())
        return value * weight / weight.nanmean()

    def tested(self, view: View, dataset: Dataset) -> Tensor:
        return AUC().measure(view, dataset)


class LAUC(CutoffMetric):
    """Limited AUC (Schroeder et al., 2011): what is not in the top ``k`` is in random order.

    The curve is followed through the list and goes straight to the corner from there. NaN for
    users whose every candidate is a test item.

    Example:
        >>> from vrbench.metrics import LAUC
        >>> from vrbench.testing.views import measured
        >>> measured(LAUC(k=2))
        {'before': [0.625, 0.5], 'after': [0.375, 1.0]}
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        count = dataset.test.counts.double()
        others = view.lists.candidates.double() - count
        inside = view.tested.ranks <= self.k
        found = per_user(inside.double(), dataset)
        missed = torch.minimum(view.lists.candidates.double(), torch.tensor(self.k)) - found
        # Others listed ahead of a hit are pairs in the wrong order.
        wrong = per_user(torch.where(inside, others_ahead(view, dataset), 0.0), dataset)
        listed = found * missed - wrong
        rest = (others - missed) * (found + (count - found) / 2)
        value = (listed + rest) / (count * others)
        return defined(torch.where(others > 0, value, torch.nan), dataset)


class ElliotAUC(SystemMetric):
    """What Elliot 0.3.1 calls AUC: one mean over the test items of all users.

    With a divisor one too large, so that the worst value is not 0; see ``_elliot_shares``.

    Example:
        >>> from vrbench.metrics import ElliotAUC
        >>> from vrbench.testing.views import measured
        >>> measured(ElliotAUC())
        {'before': 0.778, 'after': 0.778}
    """

    name = "elliot_AUC"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> float:
        return float(_elliot_shares(view, dataset).mean())


class ElliotGAUC(RankMetric):
    """What Elliot 0.3.1 calls GAUC: ``elliot_AUC`` per user.

    Example:
        >>> from vrbench.metrics import ElliotGAUC
        >>> from vrbench.testing.views import measured
        >>> measured(ElliotGAUC())
        {'before': [0.833, 0.667], 'after': [0.667, 1.0]}
    """

    name = "elliot_GAUC"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        total = per_user(_elliot_shares(view, dataset), dataset)
        return defined(total / dataset.test.counts, dataset)


class ElliotLAUC(CutoffMetric):
    """What Elliot 0.3.1 calls LAUC: the sum of ``elliot_GAUC`` over hits in the top ``k`` only.

    Example:
        >>> from vrbench.metrics import ElliotLAUC
        >>> from vrbench.testing.views import measured
        >>> measured(ElliotLAUC(k=2))
        {'before': [0.5, 0.667], 'after': [0.333, 1.0]}
    """

    name = "elliot_LAUC"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        share = torch.where(view.tested.ranks <= self.k, _elliot_shares(view, dataset), 0.0)
        return defined(per_user(share, dataset) / dataset.test.counts.clamp(1, self.k), dataset)


def _elliot_shares(view: View, dataset: Dataset) -> Tensor:
    """Return ``(T,)``: ``(N - r + p) / N`` of the p-th test item at rank r, both from 0.

    ``N`` is the number of candidates that are no test items, plus 1.
    """

    def find() -> Tensor:
        size = (view.lists.candidates - dataset.test.counts + 1).double()[dataset.test.users]
        return (size - others_ahead(view, dataset)) / size

    return once(view, dataset, "elliot shares", find)
