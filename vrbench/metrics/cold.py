"""Cold-start accuracy: AUC on items without training feedback."""

import torch
from torch import Tensor

from vrbench.data.dataset import Dataset
from vrbench.metrics.accuracy.places import others_before
from vrbench.metrics.base import RankMetric
from vrbench.metrics.ranking import defined, in_order, pairs_ahead, per_user
from vrbench.metrics.view import View, Views


class ColdMetric(RankMetric):
    """A metric of test items without training feedback; left out where there are none.

    Example:
        >>> from vrbench.metrics import ColdAUC
        >>> from vrbench.metrics.view import Views
        >>> from vrbench.testing.views import two_users
        >>> view, shop = two_users()
        >>> ColdAUC().applies(Views(view))
        True
    """

    better = "higher"

    def applies(self, views: Views) -> bool:
        return views.before.tested.cold is not None and super().applies(views)


class ColdAUC(ColdMetric):
    """Probability that a cold test item stands before a cold item that is none.

    Cold items are those without training feedback, ranked among each other: whoever does not see
    them gets .5 but for noise; a tie counts one half. NaN for users without a cold test item.

    Example:
        >>> from vrbench.metrics import ColdAUC
        >>> from vrbench.testing.views import measured
        >>> measured(ColdAUC())
        {'before': [nan, 1.0], 'after': [nan, 1.0]}
    """

    name = "cold AUC"
    version = 2

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        cold = view.tested.cold
        if cold is None:
            return _undefined(dataset)
        count = per_user((cold.ranks > 0).double(), dataset)
        others = cold.candidates.double() - count
        ahead = pairs_ahead(cold.ranks, count, dataset)
        return defined(in_order(ahead, count * others), dataset)


class ColdAUCAmongAll(ColdMetric):
    """Probability that a cold test item stands before any item that is none, known ones among them.

    What a shop sees, and no measure of what is known of new items: a model that leaves them at
    their first score ranks them by that. Chance is not .5. A tie counts one half. NaN for users
    without a cold test item.

    Example:
        >>> from vrbench.metrics import ColdAUCAmongAll
        >>> from vrbench.testing.views import measured
        >>> measured(ColdAUCAmongAll())
        {'before': [nan, 0.5], 'after': [nan, 1.0]}
    """

    name = "cold AUC among all"
    version = 2

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        if view.tested.cold is None:
            return _undefined(dataset)
        is_cold = (view.tested.cold.ranks > 0).double()
        count = per_user(is_cold, dataset)
        others = view.lists.candidates.double() - dataset.test.counts
        ahead = per_user(is_cold * others_before(view, dataset), dataset)
        return defined(in_order(ahead, count * others), dataset)


def _undefined(dataset: Dataset) -> Tensor:
    return torch.full((dataset.test.num_users,), torch.nan)
