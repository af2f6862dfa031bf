"""Positive control of visual signal: semi-synthetic feedback that follows pictures."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError
from vrbench.core.shared_settings import sharing
from vrbench.data.catalogue import Catalogue
from vrbench.data.dataset import Dataset
from vrbench.data.sources.shoppers import DrawnCrowdSettings, purchases
from vrbench.data.splits.assignment import last_two_out

VERSION = 1  # raise it when the same settings give other purchases
SPREAD = 1.5  # appeals lie between minus this and this; their deviation is near 1


CROWD = DrawnCrowdSettings(num_users=800, mean_items=9.0, seed=0)


@sharing(CROWD)
def dial(
    dataset: Dataset,
    *,
    pictures: float = 1.0,
    appeal: float = 1.0,
    taste: float = 1.0,
    **crowd: Unpack[DrawnCrowdSettings],
) -> Dataset:
    """Return the pictures of ``dataset`` with shoppers who follow them, as far as the dial says.

    An item's log weight for a shopper is ``sqrt(pictures) * L(its category) + sqrt(1 - pictures) *
    L(another category)``: the first is what its picture shows, the second is dealt to it so that
    pictures tell nothing of it (``dealt``). ``L`` is ``appeal`` times what all like alike, which is
    evenly spaced over the categories (``appeals``), plus ``taste`` times a normal number of the
    shopper's own. So ``pictures`` is the share of the variance of the log weights that pictures
    explain, and how unequal items are does not depend on it: at 1 they explain all but chance, at 0
    nothing, and what they should have said is said by something that nobody sees.

    A bench that sees no effect at 1 could not have found what it was asked. At 0 the control is a
    model whose items have vectors of their own: there an attack on pictures does no more than
    chance. One that ranks by pictures alone follows them at 0 as well, for it knows nothing else.

    Args:
        dataset: its catalogue is kept; its feedback is not read.
        pictures: the dial, in ``[0, 1]``.
        appeal: how far all shoppers agree about categories.
        taste: how far they differ.
        num_users: shoppers.
        mean_items: mean number of items of a shopper, above 5.
        seed: of everything drawn.

    Raises:
        ConfigError: if a setting is out of range, or there are too few items.

    Example:
        >>> from vrbench.datasets import dial
        >>> from vrbench.testing.world import toy_world
        >>> shop = dial(toy_world(), num_users=50)
        >>> shop.train.num_users, len(shop.catalogue)
        (50, 36)
    """
    if not (0 <= pictures <= 1 and 0 <= appeal < float("inf") and 0 <= taste < float("inf")):
        raise ConfigError(
            "dial: expected pictures in [0, 1], and appeal and taste >= 0; "
            f"got {pictures}, {appeal} and {taste}"
        )
    num_users, mean_items, seed = crowd["num_users"], crowd["mean_items"], crowd["seed"]
    catalogue, settings = dataset.catalogue, [pictures, appeal, taste, num_users, mean_items, seed]
    spec = ["dial", VERSION, catalogue.spec, *settings]
    own, count = catalogue.categories, len(catalogue)
    drawn = Dice(seed, "dial", "taste").normal(num_users, len(catalogue.names))
    liked_by_all = appeals(catalogue, seed=seed)
    other = dealt(own, liked_by_all, Dice(seed, "dial", "others"))
    liking = appeal * liked_by_all + taste * torch.from_numpy(drawn)
    weight = pictures**0.5 * liking[:, own] + (1 - pictures) ** 0.5 * liking[:, other]
    users, items, times = purchases(weight, mean_items, Dice(seed, "dial", "purchases"))
    parts = last_two_out(users, items, times, num_users, count, spec)
    return Dataset(
        catalogue,
        *parts,
        user_ids=tuple(f"shopper {n}" for n in range(num_users)),
        item_ids=dataset.item_ids,
    )


def appeals(catalogue: Catalogue, *, seed: int = 0) -> Tensor:
    """Return ``(C,)`` float64: how much all shoppers like each category, in a random order."""
    count = len(catalogue.names)
    place = torch.from_numpy(Dice(seed, "dial", "appeal").order(count)).double()
    return (2 * place / max(1, count - 1) - 1) * SPREAD


def dealt(own: Tensor, appeal: Tensor, dice: Dice) -> Tensor:
    """Return ``(n,)``: the same categories in another order, of which ``own`` tells nothing.

    Not a random permutation, which in a few categories always leaves some of them better off than
    others: every category of ``own`` gets its share of each, as far as it has items enough, and
    else of categories of like appeal.

    Args:
        own: ``(n,)`` int64 categories.
        appeal: ``(C,)`` of each category.
        dice: decides which item gets which.
    """
    drawn = torch.from_numpy(dice.order(len(own)))
    sizes = torch.bincount(own)
    first = sizes.cumsum(0) - sizes
    within = torch.empty_like(own)  # place of each item among those of its category, at random
    within[(own * len(own) + drawn).argsort()] = torch.arange(len(own))
    within -= first[own]
    # The middle of the item's share of its category, in 1 / (2 n_c): compared across sizes.
    share = (2 * within + 1).double() / (2 * sizes[own])
    other = torch.empty_like(own)
    other[drawn[share[drawn].argsort(stable=True)]] = own[appeal[own].argsort(stable=True)]
    return other
