"""Simulated implicit feedback for catalogues without purchases."""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor

from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError

VERSION = 2  # raise it when the same settings give other purchases
LEAST = 5  # items that everyone has
REACH = 0.2  # how far, in colours of 0 to 1, a taste for an anchor's colour goes


class CrowdSettings(TypedDict, total=False):
    """Simulated shoppers: how many, and how much they buy."""

    num_users: int
    mean_items: float


class TasteSettings(CrowdSettings, total=False):
    """Choice model of simulated shoppers; see ``simulate``."""

    skew: float
    focus: float


class DrawnCrowdSettings(CrowdSettings, total=False):
    """A crowd, as drawn from a seed."""

    seed: int


class ShopperSettings(TasteSettings, DrawnCrowdSettings, total=False):
    """Simulated shoppers, as drawn from a seed."""


def tastes_of(shop: ShopperSettings) -> TasteSettings:
    """Return the settings of ``simulate`` among those of its callers."""
    return TasteSettings(
        num_users=shop["num_users"],
        mean_items=shop["mean_items"],
        skew=shop["skew"],
        focus=shop["focus"],
    )


def simulate(
    categories: Tensor,
    colours: Tensor,
    *,
    num_users: int,
    mean_items: float,
    skew: float,
    focus: float,
    dice: Dice,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``(users, items, timestamps)`` of simulated purchases, each ``(N,)`` int64.

    A shopper has a taste for a few categories (Dirichlet, 3 favourites) and for the colours of two
    anchors drawn from the catalogue. An item's weight for a shopper is its popularity (Zipf with
    exponent ``skew`` over a random order, so that neither id nor category tells it) times its
    category's weight times how near its colour is to an anchor. Items are drawn without
    replacement; everyone has at least 5, and an exponential number more, in random order of time.

    Purchases are data, and the same everywhere. The logarithms in the weights have a last bit of
    their machine's own; it could only matter where two of a shopper's float64 weights agree to some
    14 digits.

    Args:
        categories: ``(n,)`` int64.
        colours: ``(n, 3)`` in ``[0, 1]``, the main colour of each item.
        num_users: shoppers.
        mean_items: mean number of items of a shopper, above 5.
        skew: exponent of popularity; 0 makes all items equally popular.
        focus: how much tastes weigh; 0 ignores them, 1 is strong.
        dice: the only source of randomness.

    Raises:
        ConfigError: if there are too few items, or a setting is out of range.
    """
    n = len(categories)
    if mean_items <= LEAST or num_users < 1 or skew < 0 or focus < 0:
        raise ConfigError(
            f"expected mean_items > {LEAST}, num_users >= 1, skew, focus >= 0; "
            f"got {mean_items}, {num_users}, {skew}, {focus}"
        )
    rank = torch.from_numpy(dice.order(n)).double() + 1
    popularity = -skew * (rank + 5).log()

    kinds = int(categories.max()) + 1
    favourite = _uniform(dice, num_users, kinds).argsort(dim=1, stable=True) < min(3, kinds)
    share = -_uniform(dice, num_users, kinds).clamp(min=1e-6).log()
    taste = torch.where(favourite, share + 0.3, 0.02)

    anchors = torch.from_numpy(dice.integers(n, num_users, 2))
    near = torch.exp(-_nearest(colours.double(), anchors) / (2 * REACH**2)) + 0.02

    weight = popularity + focus * (taste[:, categories].log() + near.log())
    return purchases(weight, mean_items, dice)


def purchases(weight: Tensor, mean_items: float, dice: Dice) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``(users, items, timestamps)``, each ``(N,)`` int64, of shoppers with given tastes.

    Items are drawn without replacement; everyone has at least ``LEAST``, and an exponential number
    more, in random order of time.

    Args:
        weight: ``(U, n)`` float64 logarithms of how likely each item is to be drawn.
        mean_items: mean number of items of a shopper, above ``LEAST``.
        dice: the only source of randomness.

    Raises:
        ConfigError: if there are too few items, or ``mean_items`` is out of range.
    """
    num_users, n = weight.shape
    if mean_items <= LEAST or num_users < 1:
        raise ConfigError(
            f"expected mean_items > {LEAST} and num_users >= 1; got {mean_items}, {num_users}"
        )
    if n < 2 * mean_items:
        raise ConfigError(f"{n} pictures are too few for shoppers with {mean_items:g} items each")
    gumbel = -(-_uniform(dice, num_users, n).clamp(min=1e-12).log()).log()
    order = (weight + gumbel).argsort(dim=1, descending=True, stable=True)

    extra = (LEAST - mean_items) * torch.log1p(-_uniform(dice, num_users))
    counts = (LEAST + extra.round().long()).clamp(max=n // 2)
    width = int(counts.max())
    chosen = torch.arange(width) < counts[:, None]
    users = torch.arange(num_users)[:, None].expand(-1, width)[chosen]
    items = order[:, :width][chosen]
    # One purchase a day in random order: what is held out is not what is liked least.
    drawn = _uniform(dice, num_users, width).masked_fill(~chosen, 2)
    day = drawn.argsort(dim=1, stable=True).argsort(dim=1)
    return users, items, 1_600_000_000 + 86_400 * day[chosen]


def _uniform(dice: Dice, *shape: int) -> Tensor:
    return torch.from_numpy(dice.uniform(*shape))


def _nearest(colours: Tensor, anchors: Tensor) -> Tensor:
    """Return ``(U, n)``, the squared distance of each colour to the nearest of a user's anchors.

    Summed channel by channel: a matrix product would round by its shape and its machine.
    """
    found = None
    for anchor in anchors.T:
        away = torch.zeros(len(anchor), len(colours), dtype=torch.float64)
        for channel in colours.T:
            away += (channel[anchor, None] - channel).square()
        found = away if found is None else torch.minimum(found, away)
    assert found is not None
    return found
