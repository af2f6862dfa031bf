"""Simulated shoppers, for pictures that nobody has bought yet."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError


def simulate(
    categories: Tensor,
    colours: Tensor,
    *,
    num_users: int,
    mean_items: float,
    skew: float,
    focus: float,
    rng: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``(users, items, timestamps)`` of simulated purchases, each ``(N,)`` int64.

    A shopper has a taste for a few categories (Dirichlet, 3 favourites) and for the colours of two
    anchors drawn from the catalogue. An item's weight for a shopper is its popularity (Zipf with
    exponent ``skew`` over a random order, so that neither id nor category tells it) times its
    category's weight times how near its colour is to an anchor. Items are drawn without
    replacement; everyone has at least 5, in random order of time.

    Args:
        categories: ``(n,)`` int64.
        colours: ``(n, 3)`` float32 in ``[0, 1]``, the main colour of each item.
        num_users: shoppers.
        mean_items: mean number of items of a shopper, above 5.
        skew: exponent of popularity; 0 makes all items equally popular.
        focus: how much tastes weigh; 0 ignores them, 1 is strong.
        rng: the only source of randomness.

    Raises:
        ConfigError: if there are too few items, or a setting is out of range.
    """
    n, least = len(categories), 5
    if mean_items <= least or num_users < 1 or skew < 0 or focus < 0:
        raise ConfigError(
            f"expected mean_items > {least}, num_users >= 1, skew, focus >= 0; "
            f"got {mean_items}, {num_users}, {skew}, {focus}"
        )
    if n < 2 * mean_items:
        raise ConfigError(f"{n} pictures are too few for shoppers with {mean_items:g} items each")
    rank = torch.randperm(n, generator=rng).double() + 1
    popularity = -skew * (rank + 5).log()

    kinds = int(categories.max()) + 1
    favourite = torch.rand(num_users, kinds, generator=rng).argsort(dim=1) < min(3, kinds)
    share = -torch.rand(num_users, kinds, generator=rng).clamp(min=1e-6).log()
    taste = torch.where(favourite, share + 0.3, torch.tensor(0.02)).double()

    anchors = torch.randint(n, (num_users, 2), generator=rng)
    away = torch.cdist(colours[anchors].double(), colours.double()).amin(1)  # (U, n)
    near = torch.exp(-away.square() / (2 * 0.2**2)) + 0.02

    weight = popularity + focus * (taste[:, categories].log() + near.log())
    gumbel = -(
        -torch.rand(num_users, n, generator=rng).double().clamp(1e-12, 1 - 1e-12).log()
    ).log()
    order = (weight + gumbel).argsort(dim=1, descending=True)

    extra = torch.empty(num_users).exponential_(1 / (mean_items - least), generator=rng)
    counts = (least + extra.round().long()).clamp(max=n // 2)
    width = int(counts.max())
    chosen = torch.arange(width) < counts[:, None]
    users = torch.arange(num_users)[:, None].expand(-1, width)[chosen]
    items = order[:, :width][chosen]
    # One purchase a day in random order: what is held out is not what is liked least.
    day = torch.rand(num_users, width, generator=rng).masked_fill(~chosen, 2).argsort(1).argsort(1)
    return users, items, 1_600_000_000 + 86_400 * day[chosen]
