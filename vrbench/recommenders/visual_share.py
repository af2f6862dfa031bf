"""Share of a recommender's scores that is due to pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.core.visuals import Table, Visuals
from vrbench.recommenders.base import Recommender

BLOCK = 64  # entries read at once; bounds the memory
MOST = 2**24  # scores held at once, of one kind; bounds the memory


@torch.no_grad()
def visual_share(model: Recommender, visuals: Visuals, num_users: int) -> Tensor:
    """Return ``(U,)`` float32 in ``[0, 1]``: the share of a user's scores that is due to pictures.

    A user's score of item ``i`` is split in two: ``b_i``, what it would be if every item were shown
    the mean entry of the table, and ``v_i``, the rest, which is due to what the items look like.
    The share is ``var(v) / (var(v) + var(b))``, variances over all items: that of the scores that
    pictures would keep if they were dealt out at random, so that ``v`` and ``b`` told nothing of
    each other. It asks the model for scores only. 0 for a model that is shown nothing, 1 for one
    that tells items apart by their pictures alone. Where users are made of pictures (ACF), what
    moves them counts too. NaN where a user scores all items alike.

    It is a share of variance, not of the first places of a list, and no bound of what an attack
    may do: a picture can lie farther from the mean than any real one.

    Args:
        model: trained.
        visuals: what the items look like to it.
        num_users: users, from 0.
    """
    if model.signal is None:
        return torch.zeros(num_users)
    count, device = len(visuals), model.device
    items = torch.arange(count, device=device)
    seen, alike = model.encode(items, visuals), model.encode(items, _alike(visuals))
    found = []
    for users in torch.arange(num_users, device=device).split(max(1, MOST // count)):
        blind = model.score(users, alike).double()
        looks = model.score(users, seen).double() - blind
        of_looks, of_rest = looks.var(1, correction=0), blind.var(1, correction=0)
        found.append((of_looks / (of_looks + of_rest)).float().cpu())
    return torch.cat(found) if found else torch.zeros(0)


def _alike(visuals: Visuals) -> Visuals:
    """Return a table in which every item is shown the mean entry of ``visuals``."""
    blocks = torch.arange(len(visuals), device=visuals.device).split(BLOCK)
    total = torch.zeros(visuals.shape, dtype=torch.float64, device=visuals.device)
    for block in blocks:
        total += visuals[block].double().sum(0)
    mean = (total / len(visuals)).float()
    rows = mean.expand(len(visuals), *visuals.shape)  # one row in memory
    return Table(visuals.signal, rows, None, device=visuals.device)
