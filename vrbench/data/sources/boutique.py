"""An embedded shop: generated product pictures and simulated shoppers; nothing to download."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError
from vrbench.core.shared_settings import sharing
from vrbench.core.visuals import OnDemand
from vrbench.data.catalogue import Catalogue
from vrbench.data.dataset import Dataset
from vrbench.data.sources.product_drawing.picture import Colour, draw, hue
from vrbench.data.sources.product_drawing.products import CATEGORIES
from vrbench.data.sources.shoppers import ShopperSettings, simulate, tastes_of
from vrbench.data.splits.assignment import last_two_out

VERSION = 2  # raise it when the same settings draw other pictures or shoppers


SHOPPERS = ShopperSettings(num_users=800, mean_items=6.0, skew=0.3, focus=1.0, seed=0)


@sharing(SHOPPERS)
def boutique(
    *, num_items: int = 720, size: int = 64, **shoppers: Unpack[ShopperSettings]
) -> Dataset:
    """Return a shop of drawn products whose shoppers have tastes for category and colour.

    Products of 16 categories vary in shape, colour, texture, background and pose; several
    categories share an outline, and every category comes in every colour. Item ids are shuffled.
    The last item of every shopper is the test, the one before the validation.

    Args:
        num_items: products, at least 32.
        num_users: shoppers.
        size: height and width of a picture in pixels, at least 32.
        mean_items, skew, focus: of the shoppers, see ``shoppers.simulate``.
        seed: of everything drawn.

    Example:
        >>> import torch
        >>> from vrbench.datasets import boutique
        >>> shop = boutique(num_items=32, num_users=20, size=32)
        >>> tuple(shop.catalogue.images[torch.tensor([0])].shape), shop.catalogue.names[:3]
        ((1, 3, 32, 32), ('bag', 'boot', 'dress'))
    """
    if num_items < 2 * len(CATEGORIES) or size < 32:
        raise ConfigError(
            f"boutique: expected num_items >= {2 * len(CATEGORIES)} and size >= 32, "
            f"got {num_items} and {size}"
        )
    num_users, mean_items, seed = shoppers["num_users"], shoppers["mean_items"], shoppers["seed"]
    choosing = [mean_items, shoppers["skew"], shoppers["focus"], seed]
    spec = ["boutique", VERSION, num_items, num_users, size, *choosing]
    categories = torch.arange(num_items) % len(CATEGORIES)
    categories = categories[torch.from_numpy(Dice(seed, "boutique").order(num_items))]
    hues = [hue(Dice(seed, "boutique", "hue", item)) for item in range(num_items)]
    pictures = Drawn(categories, hues, size=size, seed=seed, spec=spec)
    colours = torch.tensor(hues, dtype=torch.float64) / 255
    users, items, times = simulate(
        categories, colours, **tastes_of(shoppers), dice=Dice(seed, "shoppers")
    )
    train, valid, test = last_two_out(users, items, times, num_users, num_items, spec)
    return Dataset(
        catalogue=Catalogue(pictures, categories, CATEGORIES, spec),
        train=train,
        valid=valid,
        test=test,
        user_ids=tuple(f"shopper {n}" for n in range(num_users)),
        item_ids=tuple(f"product {n}" for n in range(num_items)),
    )


class Drawn(OnDemand):
    """The pictures of the boutique, each drawn when asked for."""

    def __init__(
        self, categories: Tensor, colours: list[Colour], *, size: int, seed: int, spec: Any
    ) -> None:
        self.categories, self.colours, self.size, self.seed = categories, colours, size, seed
        self.shape, self.spec = (3, size, size), spec

    def __len__(self) -> int:
        return len(self.categories)

    def decode(self, items: Tensor) -> Tensor:
        pictures = [
            draw(
                CATEGORIES[int(self.categories[item])],
                self.colours[item],
                self.size,
                Dice(self.seed, "boutique", "picture", item),
            )
            for item in items.tolist()
        ]
        return torch.from_numpy(np.stack([np.asarray(p) for p in pictures])).permute(0, 3, 1, 2)
