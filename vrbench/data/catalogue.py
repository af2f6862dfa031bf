"""The catalogue: items, their pictures and categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError, nearest
from vrbench.core.visuals import Visuals


@dataclass(frozen=True)
class Attributes:
    """What items have: several of some kinds, such as genres.

    Attributes:
        items, kinds: ``(n,)`` int64, pairs of an item and a kind that it has, by item.
        names: the name of each kind.
    """

    items: Tensor
    kinds: Tensor
    names: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    """Items ``0 .. len(images) - 1``.

    Attributes:
        images: what they look like, as ``Signal.PIXELS``.
        categories: ``(num_items,)`` int64, the category of each.
        names: the name of each category.
        spec: the content address of the files.
        redistributable: whether the pictures may be passed on; where not, pages and exports
            leave them out.
        features: a vector of each item, made elsewhere, as ``Signal.VECTOR``; None: nobody has
            attached any (``with_features``).
        text: a vector of each item's words, as ``Signal.VECTOR``; None: nobody has attached any
            (``with_text``). Models that read text take it as a second modality.
        attributes: as many of each item as it has; None: nobody has attached any
            (``with_attributes``), and an item's category is its only one.
    """

    images: Visuals
    categories: Tensor
    names: tuple[str, ...]
    spec: Any
    redistributable: bool = True
    features: Visuals | None = None
    text: Visuals | None = None
    attributes: Attributes | None = None

    @property
    def has_pictures(self) -> bool:
        """Whether there is anything to look at."""
        return 0 not in self.images.shape

    def __len__(self) -> int:
        return len(self.categories)

    def category(self, name: str) -> int:
        """Return the index of the category called ``name``.

        Raises:
            ConfigError: if there is none; the text names the nearest.
        """
        if name not in self.names:
            raise ConfigError(
                f"no category {name!r}{nearest(name, self.names)}; have {', '.join(self.names)}"
            )
        return self.names.index(name)

    def of(self, name: str) -> Tensor:
        """Return the items of the category called ``name``, ascending."""
        return torch.nonzero(self.categories == self.category(name)).squeeze(1)
