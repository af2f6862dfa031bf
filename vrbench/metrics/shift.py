"""How far the attacked items move in everyone's ranking."""

import torch
from torch import Tensor

from vrbench.data.dataset import Dataset
from vrbench.metrics.base import ShiftMetric
from vrbench.metrics.view import View, Views


class _Signed(ShiftMetric):
    """A change that is zero where nothing moved: a paired test compares it with that."""

    def pairs(self, views: Views, dataset: Dataset) -> tuple[Tensor, Tensor] | None:
        if views.after is None:
            return None
        moved = self.measure(views.before, views.after, dataset)
        return torch.zeros_like(moved), moved


class PredictionShift(_Signed):
    """Mean over attacked items of the score after minus the score before.

    Raw scores (O'Mahony et al., 2004): compare within one recommender only, and not across a
    retraining, whose scores have a scale of their own. Items the user owns are left out.

    Example:
        >>> from vrbench.metrics import PredictionShift
        >>> from vrbench.testing.views import measured
        >>> measured(PredictionShift())
        {'after': [1.0, 2.0]}
    """

    name = "prediction shift"
    better = "lower"

    def measure(self, before: View, after: View, dataset: Dataset) -> Tensor:
        return _mean_unseen(after.attacked.scores - before.attacked.scores, before)


class RankShift(_Signed):
    """Mean over attacked items of the rank before minus the rank after: places gained.

    Example:
        >>> from vrbench.metrics import RankShift
        >>> from vrbench.testing.views import measured
        >>> measured(RankShift())
        {'after': [0.0, 1.0]}
    """

    name = "rank shift"
    better = "lower"

    def measure(self, before: View, after: View, dataset: Dataset) -> Tensor:
        return _mean_unseen((before.attacked.ranks - after.attacked.ranks).float(), before)


class ProfileShift(ShiftMetric):
    """How far a user's profile moved, relative to its length: ``|after - before| / |before|``.

    For recommenders whose users are made of the pictures they own (ACF), where attacking an item
    moves its owners. NaN for every other recommender. Like raw scores, profiles mean nothing
    across a retraining.

    Example:
        >>> from vrbench.metrics import ProfileShift
        >>> from vrbench.testing.views import measured
        >>> measured(ProfileShift())
        {'after': [1.0, 0.0]}
    """

    name = "profile shift"
    better = "lower"

    def measure(self, before: View, after: View, dataset: Dataset) -> Tensor:
        if before.users.profiles is None or after.users.profiles is None:
            return torch.full((len(before.lists.ranking),), torch.nan)
        moved = (after.users.profiles - before.users.profiles).norm(dim=1)
        return moved / before.users.profiles.norm(dim=1).clamp(min=1e-12)


def _mean_unseen(values: Tensor, view: View) -> Tensor:
    """Return each user's mean over attacked items that they have not seen; NaN if none."""
    unseen = view.attacked.ranks > 0
    return torch.where(unseen, values, torch.nan).nanmean(1)
