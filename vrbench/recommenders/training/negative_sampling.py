"""Negative items for pairwise training, drawn for many users at once."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.core.errors import DataError
from vrbench.data.interactions import Interactions

ROUNDS = 20  # of rejection; whoever is left then owns nearly everything and is drawn exactly


def learnable(train: Interactions, rng: torch.Generator) -> Tensor:
    """Return, shuffled, the positions of interactions whose user lacks an item others have.

    Raises:
        DataError: if there is none.
    """
    order = torch.randperm(len(train), generator=rng)
    known = int((train.popularity > 0).sum())
    if not bool((train.counts < known).all()):
        order = order[train.counts[train.users[order]] < known]
    if not len(order):
        raise DataError("every user owns every item: there is nothing to learn")
    return order


def triples(train: Interactions, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return users, liked items and one other item each: a triple per purchase, in order.

    Purchases of users who own all that anybody has are left out.
    """
    able = train.counts[train.users] < int((train.popularity > 0).sum())
    users = train.users[able]
    return users, train.items[able], negatives(train, users, rng)


def negatives(train: Interactions, users: Tensor, rng: torch.Generator) -> Tensor:
    """Return for each of ``users``, ``(N,)``, an item drawn uniformly from those not in train.

    Items that nobody has in train are never drawn (as in AMR's and AIP's protocols): drawn as
    negatives only, they would be taught to be last, and a cold item could not be found by its
    picture. No user may own every other item.
    """
    there = users.device  # bits are the CPU's, and what is made of them is so where users are
    warm = torch.nonzero(train.popularity).squeeze(1).to(there)

    def drawn(count: int) -> Tensor:
        return warm[torch.randint(len(warm), (count,), generator=rng).to(there)]

    items = drawn(len(users))
    bad = torch.nonzero(train.contains(users, items)).squeeze(1)
    for _ in range(ROUNDS):
        if not len(bad):
            return items
        items[bad] = drawn(len(bad))
        bad = bad[train.contains(users[bad], items[bad])]
    for user in users[bad].unique().tolist():
        free = torch.zeros(train.num_items, dtype=torch.bool)
        free[warm.cpu()] = True
        free[train.items[train.indptr[user] : train.indptr[user + 1]]] = False
        choice = torch.nonzero(free).squeeze(1)
        assert len(choice), f"user {user} owns every item"
        rows = bad[users[bad] == user]
        items[rows] = choice[torch.randint(len(choice), rows.shape, generator=rng)].to(there)
    return items
