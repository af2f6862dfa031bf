"""Group fairness of items and users."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from vrbench.data.dataset import Dataset
from vrbench.metrics.base import Cutoff, CutoffSystemMetric
from vrbench.metrics.bias import equal_opportunity, statistical_parity
from vrbench.metrics.coverage import times_listed
from vrbench.metrics.groups import Groups, item_groups, user_groups
from vrbench.metrics.ranking import NDCG
from vrbench.metrics.view import View


class _OfItems(Cutoff):
    """Args: ``items`` is a file of item, tab, group; None takes the catalogue's categories."""

    def __init__(self, *, k: int = 20, items: str | None = None) -> None:
        super().__init__(k=k)
        self.items = items

    def groups(self, dataset: Dataset) -> Groups:
        """Return which group an item belongs to."""
        return item_groups(dataset, self.items)


class _OfUsers(Cutoff):
    """Args: ``users`` is a file of user, tab, group; None takes light and heavy users."""

    def __init__(self, *, k: int = 20, users: str | None = None) -> None:
        super().__init__(k=k)
        self.users = users

    def groups(self, dataset: Dataset) -> Groups:
        """Return which group a user belongs to."""
        return user_groups(dataset, self.users)


class REO(_OfItems, CutoffSystemMetric):
    """Ranking equal opportunity (Zhu et al., SIGIR 2020) of groups of items: 0 is fair.

    Example:
        >>> from vrbench.metrics import REO
        >>> from vrbench.testing.views import measured
        >>> measured(REO(k=2))
        {'before': 1.0, 'after': 1.0}
    """

    better = "lower"

    def measure(self, view: View, dataset: Dataset) -> float:
        return equal_opportunity(view, dataset, self.groups(dataset), self.k)


class RSP(_OfItems, CutoffSystemMetric):
    """Ranking statistical parity (Zhu et al., SIGIR 2020) of groups of items: 0 is fair.

    Example:
        >>> from vrbench.metrics import RSP
        >>> from vrbench.testing.views import measured
        >>> measured(RSP(k=2))
        {'before': 0.6, 'after': 0.6}
    """

    better = "lower"

    def measure(self, view: View, dataset: Dataset) -> float:
        return statistical_parity(self.top(view, dataset), dataset, self.groups(dataset))


class _MAD(CutoffSystemMetric):
    """Mean absolute difference between the means of groups, over pairs of groups.

    Deldjoo et al., User Modeling and User-Adapted Interaction 2021. NaN with one group.
    """

    better = "lower"

    @abstractmethod
    def groups(self, dataset: Dataset) -> Groups:
        """Return the groups that are compared."""

    @abstractmethod
    def each(self, view: View, dataset: Dataset) -> Tensor:
        """Return a float64 number per user or item; NaN where it is not defined."""

    def measure(self, view: View, dataset: Dataset) -> float:
        value, groups = self.each(view, dataset), self.groups(dataset)
        there = value.isfinite().nonzero().squeeze(1)
        mean = groups.sums(value[there], there) / groups.counts(there)
        mean = mean[mean.isfinite()]
        if len(mean) < 2:
            return float("nan")
        first, second = torch.triu_indices(len(mean), len(mean), offset=1)
        return float((mean[first] - mean[second]).abs().mean())


class UserMADrating(_OfUsers, _MAD):
    """Of the mean score that users are given for their top ``k``.

    Example:
        >>> from vrbench.metrics import UserMADrating
        >>> from vrbench.testing.views import measured
        >>> measured(UserMADrating(k=2))
        {'before': 2.0, 'after': 2.0}
    """

    def each(self, view: View, dataset: Dataset) -> Tensor:
        assert view.lists.scores is not None
        self.top(view, dataset)  # checks k
        return view.lists.scores[:, : self.k].double().nanmean(1)


class UserMADranking(_OfUsers, _MAD):
    """Of the nDCG@k, with binary gains, of users.

    Example:
        >>> from vrbench.metrics import UserMADranking
        >>> from vrbench.testing.views import measured
        >>> measured(UserMADranking(k=2))
        {'before': 0.018, 'after': 0.613}
    """

    def each(self, view: View, dataset: Dataset) -> Tensor:
        return NDCG(k=self.k).measure(view, dataset).double()


class ItemMADrating(_OfItems, _MAD):
    """Of the mean score with which an item is recommended, over items recommended at all.

    Example:
        >>> from vrbench.metrics import ItemMADrating
        >>> from vrbench.testing.views import measured
        >>> measured(ItemMADrating(k=2))
        {'before': 1.0, 'after': 2.0}
    """

    def each(self, view: View, dataset: Dataset) -> Tensor:
        assert view.lists.scores is not None
        top = self.top(view, dataset)
        score = view.lists.scores[:, : self.k][top >= 0].double()
        gain = torch.zeros(dataset.train.num_items, dtype=torch.float64)
        gain.index_add_(0, top[top >= 0], score)
        return gain / times_listed(top, len(gain))


class ItemMADranking(_OfItems, _MAD):
    """Of an item's discounted hits, ``1 / log2(rank + 1)``, per time it is recommended.

    Example:
        >>> from vrbench.metrics import ItemMADranking
        >>> from vrbench.testing.views import measured
        >>> measured(ItemMADranking(k=2))
        {'before': 0.658, 'after': 0.565}
    """

    def each(self, view: View, dataset: Dataset) -> Tensor:
        hit = view.tested.ranks <= self.k
        gain = torch.zeros(dataset.train.num_items, dtype=torch.float64)
        discount = 1 / torch.log2(view.tested.ranks[hit].double() + 1)
        gain.index_add_(0, dataset.test.items[hit], discount)
        return gain / times_listed(self.top(view, dataset), len(gain))


class _Disparity(CutoffSystemMetric):
    """Bias disparity (Tsintzou et al., 2019) of one group of users for one group of items.

    Args:
        k: length of the lists.
        users, items: files of groups, as in the other measures.
        of, towards: a group of users and one of items by name. None: all, and the mean of
            absolute values over all pairs of groups is reported.
    """

    better = "lower"

    def __init__(
        self,
        *,
        k: int = 20,
        users: str | None = None,
        items: str | None = None,
        of: str | None = None,
        towards: str | None = None,
    ) -> None:
        super().__init__(k=k)
        self.users, self.items, self.of, self.towards = users, items, of, towards

    def measure(self, view: View, dataset: Dataset) -> float:
        of, towards = user_groups(dataset, self.users), item_groups(dataset, self.items)
        top = self.top(view, dataset)
        rows = torch.arange(len(top))[:, None].expand(top.shape)
        source = _preference(of, towards, dataset.train.users, dataset.train.items)
        shown = _preference(of, towards, rows[top >= 0], top[top >= 0])
        value = self.combine(source, shown)
        value = value if self.of is None else value[of.number(self.of), None]
        value = value if self.towards is None else value[:, towards.number(self.towards), None]
        if value.numel() == 1:
            return float(value)
        return float(value[value.isfinite()].abs().mean())

    @abstractmethod
    def combine(self, source: Tensor, shown: Tensor) -> Tensor:
        """Return the measure of the ``(users, items)`` biases of source and recommendations."""


class BiasDisparityBS(_Disparity):
    """Bias of the source: a category's share of a group's training feedback, over its share.

    Example:
        >>> from vrbench.metrics import BiasDisparityBS
        >>> from vrbench.testing.views import measured
        >>> measured(BiasDisparityBS(k=2, of="heavy", towards="red"))
        {'before': 1.25, 'after': 1.25}
    """

    def combine(self, source: Tensor, shown: Tensor) -> Tensor:
        return source


class BiasDisparityBR(_Disparity):
    """Bias of the recommendations: the same of the top ``k``.

    Example:
        >>> from vrbench.metrics import BiasDisparityBR
        >>> from vrbench.testing.views import measured
        >>> measured(BiasDisparityBR(k=2, of="heavy", towards="red"))
        {'before': 1.25, 'after': 1.25}
    """

    def combine(self, source: Tensor, shown: Tensor) -> Tensor:
        return shown


class BiasDisparityBD(_Disparity):
    """Bias disparity ``(BR - BS) / BS``: 0 where lists repeat the bias of the feedback.

    Example:
        >>> from vrbench.metrics import BiasDisparityBD
        >>> from vrbench.testing.views import measured
        >>> measured(BiasDisparityBD(k=2, of="heavy", towards="red"))
        {'before': 0.0, 'after': 0.0}
    """

    def combine(self, source: Tensor, shown: Tensor) -> Tensor:
        return (shown - source) / source


def _preference(of: Groups, towards: Groups, users: Tensor, items: Tensor) -> Tensor:
    """Return ``(user groups, item groups)``: share of the pairs over share of the catalogue."""
    rows, columns = of.of[users], towards.of[items]
    wide = len(towards.names)
    both = (rows >= 0) & (columns >= 0)
    pairs = torch.bincount(rows[both] * wide + columns[both], minlength=len(of.names) * wide)
    total = torch.bincount(rows[rows >= 0], minlength=len(of.names)).double()
    share = pairs.reshape(len(of.names), wide) / total[:, None]
    every = torch.arange(len(towards.of))
    return share / (towards.counts(every) / len(every))
