"""How good a ranking is: the measures that Elliot has beside those of ``ranking``."""

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError
from vrbench.data.dataset import Dataset
from vrbench.metrics.base import CutoffMetric, RankMetric, SystemMetric
from vrbench.metrics.ranking import NDCG, defined, per_user
from vrbench.metrics.view import View


def hits(view: View, dataset: Dataset, k: int) -> Tensor:
    """Return the ``(U,)`` number of test items in everyone's top ``k``."""
    return per_user((view.relevant_ranks <= k).double(), dataset)


def ordinal(view: View, dataset: Dataset) -> Tensor:
    """Return ``(T,)``: each test item's place, from 1, among its user's test items by rank."""
    test = dataset.test
    far = int(view.relevant_ranks.max()) + 1 if len(test) else 1
    order = (test.users * far + view.relevant_ranks).argsort()
    nth = torch.empty_like(order)
    nth[order] = torch.arange(len(order)) - test.indptr[test.users] + 1
    return nth


def gains(dataset: Dataset, threshold: float) -> Tensor:
    """Return the ``(T,)`` exponential gains ``2 ** (rating - threshold + 1) - 1``, 0 below it.

    Test items without ratings count as rated 1.
    """
    rating = dataset.test.ratings
    rating = torch.ones(len(dataset.test)) if rating is None else rating
    gain = torch.exp2(rating.double() - threshold + 1) - 1
    return torch.where(rating >= threshold, gain, 0.0)


class Precision(CutoffMetric):
    """Share of the top ``k`` that are test items; ``k`` places, even if a list is shorter.

    Example:
        >>> from vrbench.metrics import Precision
        >>> from vrbench.testing.views import two_users
        >>> Precision(k=2).measure(*two_users()).tolist()
        [0.5, 0.5]
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        return defined(hits(view, dataset, self.k) / self.k, dataset)


class F1(CutoffMetric):
    """``(1 + b^2) P R / (b^2 P + R)`` of precision and recall; 0 without a hit.

    Args:
        k: length of the lists.
        beta: how much more recall weighs; 1 is F1, others are Elliot's DSC.

    Example:
        >>> from vrbench.metrics import F1
        >>> from vrbench.testing.views import rounded, two_users
        >>> rounded(F1(k=2).measure(*two_users()))
        [0.5, 0.667]
    """

    better = "higher"

    def __init__(self, *, k: int = 20, beta: float = 1.0) -> None:
        super().__init__(k=k)
        if beta <= 0:
            raise ConfigError(f"expected beta > 0, got {beta}")
        self.beta = beta

    @property
    def column(self) -> str:
        return f"F{self.beta:g}@{self.k}"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        # P = h / k and R = h / n make it (1 + b^2) h / (b^2 n + k).
        found, weight = hits(view, dataset, self.k), self.beta**2
        return defined((1 + weight) * found / (weight * dataset.test.counts + self.k), dataset)


class MAP(CutoffMetric):
    """Average precision: precision at every hit in the top ``k``, over ``min(k, |test|)``.

    Example:
        >>> from vrbench.metrics import MAP
        >>> from vrbench.testing.views import rounded, two_users
        >>> rounded(MAP(k=2).measure(*two_users()))
        [0.5, 0.5]
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        rank = view.relevant_ranks
        precision = ordinal(view, dataset) / rank.double()
        total = per_user(torch.where(rank <= self.k, precision, 0.0), dataset)
        return defined(total / dataset.test.counts.clamp(1, self.k), dataset)


class ElliotMAP(CutoffMetric):
    """What Elliot 0.3.1 calls MAP: the mean of precision at 1, 2, ... ``k``, hit or not.

    Example:
        >>> from vrbench.metrics import ElliotMAP
        >>> from vrbench.testing.views import rounded, two_users
        >>> rounded(ElliotMAP(k=2).measure(*two_users()))
        [0.75, 0.25]
    """

    name = "elliot_MAP"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        # A hit at rank r adds 1/n to precision at every n from r to k.
        longest = min(self.k, dataset.test.num_items)
        inverse = 1 / torch.arange(1, longest + 1, dtype=torch.float64)
        suffix = torch.cat([inverse.flip(0).cumsum(0).flip(0), torch.zeros(1).double()])
        added = suffix[view.relevant_ranks.clamp(max=longest + 1) - 1]
        if self.k > longest:  # precision goes on falling past the last item
            ends = torch.tensor([self.k + 1, longest + 1], dtype=torch.float64).digamma()
            added = added + ends[0] - ends[1]
        return defined(per_user(added, dataset) / self.k, dataset)


class MAR(CutoffMetric):
    """Average recall: recall at every hit in the top ``k``, over ``min(k, |test|)``.

    Example:
        >>> from vrbench.metrics import MAR
        >>> from vrbench.testing.views import rounded, two_users
        >>> rounded(MAR(k=2).measure(*two_users()))
        [0.25, 1.0]
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        count, found = dataset.test.counts, hits(view, dataset, self.k)
        # Recall at the n-th hit is n / |test|.
        total = found * (found + 1) / 2 / count
        return defined(total / count.clamp(1, self.k), dataset)


class ElliotMAR(CutoffMetric):
    """What Elliot 0.3.1 calls MAR: the mean of recall at 1, 2, ... ``k``, hit or not.

    Example:
        >>> from vrbench.metrics import ElliotMAR
        >>> from vrbench.testing.views import rounded, two_users
        >>> rounded(ElliotMAR(k=2).measure(*two_users()))
        [0.5, 0.5]
    """

    name = "elliot_MAR"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        places = (self.k + 1 - view.relevant_ranks.double()).clamp(min=0)
        return defined(per_user(places, dataset) / (self.k * dataset.test.counts), dataset)


class GradedNDCG(CutoffMetric):
    """Normalised discounted cumulative gain with exponential gains (Burges et al., 2005).

    The ideal list holds the ``k`` largest gains of the user's test. NaN where all gains are 0.

    Args:
        k: length of the lists.
        threshold: a rating gains ``2 ** (rating - threshold + 1) - 1``, and 0 below it; 1 is the
            usual ``2 ** rating - 1``, and 1 for feedback without ratings.

    Example:
        >>> from vrbench.metrics import GradedNDCG
        >>> from vrbench.testing.views import rounded, two_users
        >>> rounded(GradedNDCG(k=2).measure(*two_users()))
        [0.875, 0.631]
    """

    name = "graded nDCG"
    better = "higher"

    def __init__(self, *, k: int = 20, threshold: float = 1.0) -> None:
        super().__init__(k=k)
        self.threshold = threshold

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        gain, rank = gains(dataset, self.threshold), view.relevant_ranks.double()
        found = per_user(torch.where(rank <= self.k, gain / torch.log2(rank + 1), 0.0), dataset)
        order = gain.argsort(descending=True, stable=True)
        order = order[dataset.test.users[order].argsort(stable=True)]
        place = torch.arange(len(order)) - dataset.test.indptr[dataset.test.users] + 1
        best = torch.where(place <= self.k, gain[order] / torch.log2(place.double() + 1), 0.0)
        return defined(found / per_user(best, dataset), dataset)


class NDCGRendle(NDCG):
    """Binary nDCG as Elliot's nDCGRendle2020 has it; the same number as ``nDCG``.

    Example:
        >>> from vrbench.metrics import NDCGRendle
        >>> from vrbench.testing.views import rounded, two_users
        >>> rounded(NDCGRendle(k=2).measure(*two_users()))
        [0.613, 0.631]
    """

    name = "nDCGRendle2020"


class GAUC(RankMetric):
    """Area under the curve of each user (Zhu et al., 2017), users weighing the same.

    In a full ranking users hardly differ in candidates, which the paper weighs them by; so this
    is what ``AUC`` reports, under the name it is known by.

    Example:
        >>> from vrbench.metrics import GAUC
        >>> from vrbench.testing.views import two_users
        >>> GAUC().measure(*two_users()).tolist()
        [0.75, 0.5]
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        count = dataset.test.counts.double()
        others = view.candidates.double() - count
        right = (others[dataset.test.users] - others_ahead(view, dataset)) / others[
            dataset.test.users
        ]
        value = per_user(right, dataset) / count
        return defined(torch.where(others > 0, value, torch.nan), dataset)


class LAUC(CutoffMetric):
    """Limited AUC (Schroeder et al., 2011): what is not in the top ``k`` is in random order.

    The curve is followed through the list and goes straight to the corner from there. NaN for
    users whose every candidate is a test item.

    Example:
        >>> from vrbench.metrics import LAUC
        >>> from vrbench.testing.views import rounded, two_users
        >>> rounded(LAUC(k=2).measure(*two_users()))
        [0.625, 0.5]
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        count = dataset.test.counts.double()
        others = view.candidates.double() - count
        inside = view.relevant_ranks <= self.k
        found = per_user(inside.double(), dataset)
        missed = torch.minimum(view.candidates.double(), torch.tensor(self.k)) - found
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
        >>> from vrbench.testing.views import rounded, two_users
        >>> rounded(ElliotAUC().measure(*two_users()))
        0.778
    """

    name = "elliot_AUC"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> float:
        return float(_elliot_shares(view, dataset).mean())


class ElliotGAUC(RankMetric):
    """What Elliot 0.3.1 calls GAUC: ``elliot_AUC`` per user.

    Example:
        >>> from vrbench.metrics import ElliotGAUC
        >>> from vrbench.testing.views import rounded, two_users
        >>> rounded(ElliotGAUC().measure(*two_users()))
        [0.833, 0.667]
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
        >>> from vrbench.testing.views import rounded, two_users
        >>> rounded(ElliotLAUC(k=2).measure(*two_users()))
        [0.5, 0.667]
    """

    name = "elliot_LAUC"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        share = torch.where(view.relevant_ranks <= self.k, _elliot_shares(view, dataset), 0.0)
        return defined(per_user(share, dataset) / dataset.test.counts.clamp(1, self.k), dataset)


def others_ahead(view: View, dataset: Dataset) -> Tensor:
    """Return ``(T,)`` float64: how many items that are no test items stand before each."""
    return (view.relevant_ranks - ordinal(view, dataset)).double()


def _elliot_shares(view: View, dataset: Dataset) -> Tensor:
    """Return ``(T,)``: ``(N - r + p) / N`` of the p-th test item at rank r, both from 0.

    ``N`` is the number of candidates that are no test items, plus 1.
    """
    size = (view.candidates - dataset.test.counts + 1).double()[dataset.test.users]
    return (size - others_ahead(view, dataset)) / size
