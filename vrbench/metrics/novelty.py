"""How little known the liked items of a list are (Vargas and Castells, RecSys 2011)."""

from abc import abstractmethod

import torch
from torch import Tensor

from vrbench.core.seeds import stream
from vrbench.data.dataset import Dataset
from vrbench.metrics.accuracy.places import gains
from vrbench.metrics.base import CutoffMetric
from vrbench.metrics.ranking import defined, per_user
from vrbench.metrics.view import View


class _Novelty(CutoffMetric):
    """``sum of rel(i) novelty(i) / log2(rank + 1)`` over ``sum of 1 / log2(rank + 1)``, top k."""

    better = "higher"

    @abstractmethod
    def novelty(self, dataset: Dataset) -> Tensor:
        """Return ``(num_items,)`` float64."""

    def relevance(self, dataset: Dataset) -> Tensor:
        """Return ``(T,)`` float64: what each test item is worth."""
        return torch.ones(len(dataset.test), dtype=torch.float64)

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        rank = view.tested.ranks.double()
        worth = self.relevance(dataset) * self.novelty(dataset)[dataset.test.items]
        found = per_user(torch.where(rank <= self.k, worth / torch.log2(rank + 1), 0.0), dataset)
        longest = min(self.k, dataset.test.num_items)
        discount = 1 / torch.log2(torch.arange(longest, dtype=torch.float64) + 2)
        length = view.lists.candidates.clamp(1, self.k)
        return defined(found / discount.cumsum(0)[length - 1], dataset)


class EFD(_Novelty):
    """Expected free discovery: novelty is ``-log2`` of an item's share of the training feedback.

    Items that nobody has count as if one user had, the most novel there can be.

    Example:
        >>> from vrbench.metrics import EFD
        >>> from vrbench.testing.views import measured
        >>> measured(EFD(k=1))
        {'before': [1.585, 0.0], 'after': [0.0, 1.585]}
    """

    def novelty(self, dataset: Dataset) -> Tensor:
        count = dataset.train.popularity.double()
        return -torch.log2(count.clamp(min=1) / count.sum())


class EPC(_Novelty):
    """Expected popularity complement: novelty is the share of users who do not have an item.

    Example:
        >>> from vrbench.metrics import EPC
        >>> from vrbench.testing.views import measured
        >>> measured(EPC(k=1))
        {'before': [0.5, 0.0], 'after': [0.0, 1.0]}
    """

    def novelty(self, dataset: Dataset) -> Tensor:
        return 1 - dataset.train.popularity.double() / dataset.train.num_users


class _Graded(_Novelty):
    """With exponential gains of the ratings in place of 1, see ``accuracy.gains``."""

    def __init__(self, *, k: int = 20, threshold: float = 1.0) -> None:
        super().__init__(k=k)
        self.threshold = threshold

    def relevance(self, dataset: Dataset) -> Tensor:
        return gains(dataset, self.threshold)


class ExtendedEFD(_Graded, EFD):
    """Expected free discovery with graded relevance.

    Example:
        >>> from vrbench.metrics import ExtendedEFD
        >>> from vrbench.testing.views import measured
        >>> measured(ExtendedEFD(k=1))
        {'before': [49.134, 0.0], 'after': [0.0, 1.585]}
    """

    name = "extended EFD"


class ExtendedEPC(_Graded, EPC):
    """Expected popularity complement with graded relevance.

    Example:
        >>> from vrbench.metrics import ExtendedEPC
        >>> from vrbench.testing.views import measured
        >>> measured(ExtendedEPC(k=1))
        {'before': [15.5, 0.0], 'after': [0.0, 1.0]}
    """

    name = "extended EPC"


class Serendipity(CutoffMetric):
    """Share of the top ``k`` that is a test item and that nobody would need a model for to name.

    Ge et al. (RecSys 2010, eq. 2): unexpected is what is not among the ``k`` items that the most
    popular ones would be for the same user, ties in the order that a ranking has.

    Example:
        >>> from vrbench.metrics import Serendipity
        >>> from vrbench.testing.views import measured
        >>> measured(Serendipity(k=1))
        {'before': [1.0, 0.0], 'after': [0.0, 1.0]}
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        test, seen = dataset.test, dataset.seen
        size = test.num_items
        place = popularity_places(dataset)
        # How many items that the user has stand before the test item in the order of popularity.
        known = (seen.users * size + place[seen.items]).sort().values
        own = torch.searchsorted(known, test.users * size + place[test.items])
        expected = place[test.items] - (own - seen.indptr[test.users]) < self.k
        found = (view.tested.ranks <= self.k) & ~expected
        return defined(per_user(found.double(), dataset) / self.k, dataset)


def popularity_places(dataset: Dataset) -> Tensor:
    """Return ``(num_items,)``: each item's place, from 0, by users in train, as ``Popular`` ranks.

    Equal ones stand in the order that the ranking of equal scores has.
    """
    size = dataset.train.num_items
    shuffled = torch.randperm(size, generator=stream(0, "ties", size))
    by_count = dataset.train.popularity[shuffled].argsort(descending=True, stable=True)
    return shuffled[by_count].argsort()
