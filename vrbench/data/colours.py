"""A world with a known right answer: users like one colour, items have one colour."""

import torch

from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.catalogue import Catalogue
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions

COLOURS = {"red": (0.8, 0.3, 0.3), "green": (0.3, 0.8, 0.3), "blue": (0.3, 0.3, 0.8)}


def colours(*, num_users: int = 30, num_items: int = 36, size: int = 16, seed: int = 0) -> Dataset:
    """Return a dataset in which user ``u`` likes the items of colour ``u % 3``, and no other.

    Of what each user likes a quarter is held out for validation and a quarter for testing, so a
    recommender that understood the images fills the top of the list with it.
    """
    rng = stream(seed, "colours")
    names = tuple(COLOURS)
    category = torch.arange(num_items) % len(names)
    colour = torch.tensor([COLOURS[n] for n in names])[category]
    noise = 0.05 * torch.randn(num_items, 3, size, size, generator=rng)
    pixels = (colour[:, :, None, None] + noise).clamp(0, 1).mul(255).round().byte()

    users, items = torch.nonzero(torch.arange(num_users)[:, None] % 3 == category, as_tuple=True)
    part = torch.rand(len(users), generator=rng).mul(4).long()

    def feedback(chosen: torch.Tensor, name: str) -> Interactions:
        return Interactions.of(users[chosen], items[chosen], num_users, num_items, [*spec, name])

    spec = ["colours", num_users, num_items, size, seed]
    return Dataset(
        catalogue=Catalogue(Table(Signal.PIXELS, pixels, spec), category, names, spec),
        train=feedback(part < 2, "train"),
        valid=feedback(part == 2, "valid"),
        test=feedback(part == 3, "test"),
    )
