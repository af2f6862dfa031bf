"""Two stages: how new items do among a user's candidates, one at a time (Liu and Larson, 2021)."""

import torch
from torch import Tensor

from vrbench.data.dataset import Dataset
from vrbench.metrics.base import CutoffMetric, RankMetric
from vrbench.metrics.view import TwoStage, View


def ranks(view: View) -> Tensor:
    """Return the ``(U, n)`` ranks of the injected items."""
    return stages(view).injected_ranks


def stages(view: View) -> TwoStage:
    """Return what is known of both stages."""
    assert view.two_stage is not None, "a run makes them for metrics of two stages"
    return view.two_stage


class _OfInjected(RankMetric):
    """A metric of new items among candidates, which a run makes for it."""

    of_category = True
    two_stage = True


class InjectedHR(_OfInjected, CutoffMetric):
    """Share of the attacked items that would enter the user's top ``k``, each injected alone.

    HR of the adversarial item; on clean pictures, that of the cooperative one. The mean over users
    of the mean over items, which is the authors' mean over items of the mean over users.

    Example:
        >>> from vrbench.metrics import InjectedHR
        >>> from vrbench.testing.views import measured
        >>> measured(InjectedHR(k=1))
        {'before': [0.5, 0.5], 'after': [0.5, 0.5]}
    """

    name = "injected HR"
    better = "lower"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        return (ranks(view) <= self.k).float().mean(1)


class InjectedRank(_OfInjected):
    """Mean rank of the attacked items, each injected alone among the user's candidates.

    Example:
        >>> from vrbench.metrics import InjectedRank
        >>> from vrbench.testing.views import measured
        >>> measured(InjectedRank())
        {'before': [1.5, 2.0], 'after': [1.5, 2.0]}
    """

    name = "injected rank"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        return ranks(view).float().mean(1)


class TwoStageHR(_OfInjected, CutoffMetric):
    """Share of the injections that leave a test item of the user in the top ``k``.

    What the shop is for, beside each injected item. NaN for users without a test item that is
    known: they may be new, see ``splits.hold_out``.

    Example:
        >>> from vrbench.metrics import TwoStageHR
        >>> from vrbench.testing.views import measured
        >>> measured(TwoStageHR(k=1))
        {'before': [0.5, 0.0], 'after': [0.5, 0.0]}
    """

    name = "two-stage HR"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        injected, alone = ranks(view), stages(view).offered_ranks
        # Ranks have no ties, so an injected item that ranks as the test item did is ahead of it.
        beside = alone[:, None] + (injected <= alone[:, None])
        hits = (beside <= self.k).float().mean(1)
        return torch.where(alone > 0, hits, torch.nan)
