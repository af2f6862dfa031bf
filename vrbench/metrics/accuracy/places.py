"""Where test items stand, and what they are worth."""

from collections.abc import Callable

import torch
from torch import Tensor

from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.metrics.ranking import mean_ranks, per_user
from vrbench.metrics.view import View

KEPT = "_found"  # where a view keeps what was found


def hits(view: View, dataset: Dataset, k: int) -> Tensor:
    """Return the ``(U,)`` number of test items in everyone's top ``k``."""
    return per_user((view.tested.ranks <= k).double(), dataset)


def once(view: View, dataset: Dataset, name: str, find: Callable[[], Tensor]) -> Tensor:
    """Return what ``find`` returns; found once for a view and a test, and kept with the view.

    Args:
        view, dataset: what it is found from.
        name: what it is kept under.
        find: finds it.
    """
    kept: dict[str, tuple[Interactions, Tensor]] = vars(view.tested).setdefault(KEPT, {})
    if name not in kept or kept[name][0] is not dataset.test:
        kept[name] = dataset.test, find()
    return kept[name][1]


def ordinal(view: View, dataset: Dataset) -> Tensor:
    """Return ``(T,)``: each test item's place, from 1, among its user's test items by rank."""
    return once(view, dataset, "ordinal", lambda: _ordinal(view.tested.ranks, dataset.test))


def _ordinal(ranks: Tensor, test: Interactions) -> Tensor:
    far = int(ranks.max()) + 1 if len(test) else 1
    order = (test.users * far + ranks).argsort()
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


def others_ahead(view: View, dataset: Dataset) -> Tensor:
    """Return ``(T,)`` float64: how many items that are no test items stand before each."""

    def find() -> Tensor:
        return (view.tested.ranks - ordinal(view, dataset)).double()

    return once(view, dataset, "others ahead", find)


def others_before(view: View, dataset: Dataset) -> Tensor:
    """Return ``(T,)`` float64: ``others_ahead``, where one that ties counts one half."""

    def find() -> Tensor:
        test, rank = dataset.test, mean_ranks(view).double()
        far = 2 * int(rank.max()) + 2 if len(test) else 1
        # Twice a mean rank is whole, so that user and rank are one number; equal ones are tied.
        own, index, many = torch.unique(
            test.users * far + (2 * rank).long(), return_inverse=True, return_counts=True
        )
        before = many.cumsum(0) - many - test.indptr[own // far]  # of the user's test items
        return rank - (before + (many + 1) / 2)[index]

    return once(view, dataset, "others before", find)
