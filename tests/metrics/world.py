"""Views made by hand, or at random."""

import torch

from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.catalogue import Catalogue
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.metrics.base import View

NONE = torch.empty(0, dtype=torch.int64)


def dataset(test, num_items, num_users=None):
    """A dataset whose test is the given ``(user, item)`` pairs."""
    pairs = torch.tensor(test).reshape(-1, 2)
    users = num_users or int(pairs[:, 0].max()) + 1
    empty = Interactions.of(NONE, NONE, users, num_items)
    images = Table(Signal.PIXELS, torch.zeros(num_items, 3, 1, 1), None)
    catalogue = Catalogue(images, torch.zeros(num_items, dtype=torch.int64), ("all",), None)
    return Dataset(
        catalogue, empty, empty, Interactions.of(pairs[:, 0], pairs[:, 1], users, num_items)
    )


def view(ranking, labels=None, *, data=None, scores=None, ranks=None, items=(0,), source=0):
    """A view in which every item is ranked; unless given, labels are all zero."""
    ranking = torch.as_tensor(ranking)
    users, k = ranking.shape
    labels = torch.zeros(int(ranking.max()) + 1).long() if labels is None else torch.tensor(labels)
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
        labels=labels,
        source=source,
        target=1,
    )


def random_case(seed=0, num_users=40, num_items=30):
    rng = stream(seed, "metrics")
    ranking = torch.rand(num_users, num_items, generator=rng).argsort(1)
    liked = torch.rand(num_users, num_items, generator=rng) < 0.1
    liked[0], liked[1] = False, True  # a user without, and one with everything
    data = dataset(liked.nonzero().tolist(), num_items, num_users)
    return view(ranking, data=data), data, ranking, liked
