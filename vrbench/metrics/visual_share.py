"""How much pictures decide, so that robustness is compared where there is something to attack."""

import torch
from torch import Tensor

from vrbench.data.dataset import Dataset
from vrbench.metrics.base import RankMetric
from vrbench.metrics.view import View


class VisualShare(RankMetric):
    """The share of the variance of a user's scores that is due to pictures, in ``[0, 1]``.

    See ``recommenders.visual_share``. A recommender that hardly looks is hardly moved: it is
    robust as a blind one is, which no table should call a defence.

    Example:
        >>> from vrbench.metrics import VisualShare
        >>> from vrbench.testing.views import measured
        >>> measured(VisualShare())
        {'before': [0.25, 1.0], 'after': [0.25, 1.0]}
    """

    name = "visual share"
    better = "lower"
    weighs_pictures = True

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        if view.users.visual_share is None:
            return torch.full((len(view.lists.ranking),), torch.nan)
        return view.users.visual_share
