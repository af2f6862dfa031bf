"""A synthetic data set with a known optimum: each user likes items of one colour."""

import numpy as np
import torch
from numpy.typing import NDArray

from vrbench.core.dice import Dice
from vrbench.core.visuals import Signal, Table
from vrbench.data.catalogue import Catalogue
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions

COLOURS = {"red": (0.8, 0.3, 0.3), "green": (0.3, 0.8, 0.3), "blue": (0.3, 0.3, 0.8)}


def colours(*, num_users: int = 30, num_items: int = 36, size: int = 16, seed: int = 0) -> Dataset:
    """Return a dataset in which user ``u`` likes the items of colour ``u % 3``, and no other.

    Of what each user likes a quarter is held out for validation and a quarter for testing, so a
    recommender that understood the images fills the top of the list with it.

    Example:
        >>> from vrbench.datasets import colours
        >>> shop = colours(num_users=3, num_items=6)
        >>> (shop.seen | shop.test).matrix().int().tolist()
        [[1, 0, 0, 1, 0, 0], [0, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 1]]
    """
    dice = Dice(seed, "colours")
    names = tuple(COLOURS)
    category = torch.arange(num_items) % len(names)
    colour = torch.tensor([COLOURS[n] for n in names])[category]
    noise = 0.05 * torch.from_numpy(_normal(dice, num_items * 3 * size**2))
    noise = noise.view(num_items, 3, size, size)
    pixels = (colour[:, :, None, None] + noise).clamp(0, 1).mul(255).round().byte()

    users, items = torch.nonzero(torch.arange(num_users)[:, None] % 3 == category, as_tuple=True)
    part = torch.from_numpy(dice.words(len(users)) >> 22 & 3)

    def feedback(chosen: torch.Tensor, name: str) -> Interactions:
        return Interactions.of(users[chosen], items[chosen], num_users, num_items, [*spec, name])

    spec = ["colours", num_users, num_items, size, seed]
    return Dataset(
        catalogue=Catalogue(Table(Signal.PIXELS, pixels, spec), category, names, spec),
        train=feedback(part < 2, "train"),
        valid=feedback(part == 2, "valid"),
        test=feedback(part == 3, "test"),
    )


def _normal(dice: Dice, count: int) -> NDArray[np.float64]:
    """Return ``(count,)`` normal numbers by Box and Muller, eight pairs at a time, 24 bits each.

    In this order, since it is the one in which these pictures were first drawn. A last bit of
    logarithm and cosine is too little to change a grey level.
    """
    drawn = dice.words(-(-count // 16), 2, 8) % 2**24 * 2.0**-24
    length, angle = np.sqrt(-2 * np.log(1 - drawn[:, 0])), 2 * np.pi * drawn[:, 1]
    return np.stack([length * np.cos(angle), length * np.sin(angle)], 1).reshape(-1)[:count]
