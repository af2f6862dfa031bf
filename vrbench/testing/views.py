"""What metrics are shown, made by hand or at random."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.catalogue import Catalogue
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.metrics.base import View

NONE = torch.empty(0, dtype=torch.int64)


def dataset(
    test: Sequence[tuple[int, int]], num_items: int, num_users: int | None = None
) -> Dataset:
    """Return a dataset whose test is the given ``(user, item)`` pairs, and nothing else."""
    pairs = torch.tensor(test).reshape(-1, 2)
    users = num_users or int(pairs[:, 0].max()) + 1
    empty = Interactions.of(NONE, NONE, users, num_items)
    images = Table(Signal.PIXELS, torch.zeros(num_items, 3, 1, 1), None)
    catalogue = Catalogue(images, torch.zeros(num_items, dtype=torch.int64), ("all",), None)
    return Dataset(
        catalogue, empty, empty, Interactions.of(pairs[:, 0], pairs[:, 1], users, num_items)
    )


def view(
    ranking: Tensor | Sequence[Sequence[int]],
    labels: Sequence[int] | None = None,
    *,
    data: Dataset | None = None,
    scores: Sequence[Sequence[float]] | None = None,
    ranks: Sequence[Sequence[int]] | None = None,
    items: Sequence[int] = (0,),
    source: int = 0,
) -> View:
    """Return a view in which every item is ranked for every user, best first.

    Args:
        ranking: ``(U, k)`` item ids.
        labels: category of each item; unless given, all are zero.
        data: of whose test the ranks are read off the ranking.
        scores: ``(U, n)`` of the attacked items; unless given, zero.
        ranks: ``(U, n)`` of the attacked items; unless given, 1.
        items: the attacked ones.
        source: their category.
    """
    ranking = torch.as_tensor(ranking)
    users, k = ranking.shape
    known = torch.zeros(int(ranking.max()) + 1).long() if labels is None else torch.tensor(labels)
    relevant = NONE
    if data is not None:
        place = torch.zeros(users, data.test.num_items, dtype=torch.int64)
        place.scatter_(1, ranking, torch.arange(1, k + 1).expand(users, -1))
        relevant = place[data.test.users, data.test.items]
    return View(
        ranking=ranking,
        scores=torch.zeros(users, len(items)) if scores is None else torch.tensor(scores),
        ranks=torch.ones(users, len(items)).int() if ranks is None else torch.tensor(ranks).int(),
        relevant_ranks=relevant,
        candidates=torch.full((users,), k),
        items=torch.tensor(items),
        labels=known,
        source=source,
        target=1,
    )


def random_case(
    seed: int = 0, num_users: int = 40, num_items: int = 30
) -> tuple[View, Dataset, Tensor, Tensor]:
    """Return a view, its dataset, the ``(U, I)`` ranking, and ``(U, I)`` whether it is liked.

    The first user likes nothing, the second everything.
    """
    rng = stream(seed, "metrics")
    ranking = torch.rand(num_users, num_items, generator=rng).argsort(1)
    liked = torch.rand(num_users, num_items, generator=rng) < 0.1
    liked[0], liked[1] = False, True
    data = dataset(liked.nonzero().tolist(), num_items, num_users)
    return view(ranking, data=data), data, ranking, liked
