"""A world of sequences whose next items are known to those who see their order."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Recommender, RecommenderFactory, Sizes
from vrbench.recommenders.ranking import rank
from vrbench.recommenders.sequential.base import SequenceSettings
from vrbench.testing.world import NONE

AROUND = 12  # items, in a circle
READ = 6  # of them a user has
# Settings with which a sequential model learns this world in a second.
BRISK_NEXT = SequenceSettings(length=8, dropout=0.0, epochs=40, batch_size=32, lr=0.01)


def circling(num_users: int = 240) -> tuple[Interactions, Interactions]:
    """Return what users have who go around a circle of items, and what each has next.

    Half of them go one way, half the other, from any item. Whoever sees what a user has, and not
    in which order, has two items to choose from, and each is as likely: one half of the next items
    is the most that can be found.
    """
    users = torch.arange(num_users)
    step = torch.where(users % 2 == 0, 1, -1)
    begin = torch.randint(AROUND, (num_users,), generator=stream(0, "circling"))
    nth = torch.arange(READ + 1)
    items = (begin[:, None] + step[:, None] * nth) % AROUND
    owner = users[:, None].expand_as(items)
    times = nth.expand_as(items)

    def part(columns: slice, name: str) -> Interactions:
        taken: list[Tensor] = [t[:, columns].flatten() for t in (owner, items, times)]
        return Interactions.of(
            taken[0], taken[1], num_users, AROUND, ["circling", name], timestamps=taken[2]
        )

    return part(slice(READ), "train"), part(slice(READ, None), "next")


def next_found(factory: RecommenderFactory, /, **settings: Any) -> float:
    """Return the share of users whose next item a model that learns ``circling`` puts first.

    Args:
        factory: makes the model.
        settings: of its own, beside those of ``factory``.
    """
    train, after = circling()
    make: Any = partial(factory, **settings)
    model: Recommender = make(Sizes(train.num_users, train.num_items, ()))
    no_pictures: Any = None
    model.fit(train, train.nobody(), no_pictures, stream(0))
    model.eval().requires_grad_(False)
    first = rank(model, no_pictures, train, after, NONE, 1).ranking
    return float((first[:, 0] == after.items).float().mean())
