"""A data set: a catalogue and split implicit feedback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vrbench.data.catalogue import Catalogue
from vrbench.data.fold import Fold
from vrbench.data.interactions import Interactions


@dataclass(frozen=True)
class Dataset:
    """A catalogue with feedback, split into train, validation and test.

    Attributes:
        catalogue: the items.
        train, valid, test: disjoint feedback of the same users on them. ``valid`` may be empty;
            it selects epochs and settings, and is masked at test like ``train``.
        user_ids, item_ids: the names that users and items have outside; row order is index order.
        cold: ``(n,)`` items without training feedback by construction (item hold-out); or empty.
        fold: which of several splits of the same feedback this is; None: there are no others.
        offered: what each user's test items are ranked among, these included; None: everything.

    Example:
        >>> from vrbench.datasets import colours
        >>> shop = colours()
        >>> len(shop.catalogue), shop.train.num_users, shop.catalogue.names
        (36, 30, ('red', 'green', 'blue'))
    """

    catalogue: Catalogue
    train: Interactions
    valid: Interactions
    test: Interactions
    user_ids: tuple[str, ...] = ()
    item_ids: tuple[str, ...] = ()
    cold: Tensor | None = None
    fold: Fold | None = None
    offered: Interactions | None = None

    @property
    def spec(self) -> list[Any]:
        """What it is made of."""
        found = [self.catalogue.spec, self.train.spec, self.valid.spec, self.test.spec]
        found += [] if self.offered is None else [self.offered.spec]
        attached = (self.catalogue.features, self.catalogue.text)
        return [*found, *(table.spec for table in attached if table is not None)]

    @property
    def spec_of_folds(self) -> Any:
        """What all folds have in common, in place of ``spec``; that itself where there are none."""
        return self.spec if self.fold is None else self.fold.shared_by(self.spec)

    @property
    def item_names(self) -> list[str]:
        """The name of each item outside; its number where it has none."""
        return list(self.item_ids) or [str(n) for n in range(len(self.catalogue))]

    @property
    def seen(self) -> Interactions:
        """What is masked when the test is ranked: train and validation."""
        return self.train | self.valid if len(self.valid) else self.train

    @property
    def tested_cold(self) -> Tensor | None:
        """The ``(n,)`` items without training feedback, held out or not; None if none is tested."""
        untrained = self.train.popularity == 0
        if not untrained[self.test.items].any():
            return None
        return torch.nonzero(untrained).squeeze(1)

    @property
    def cold_items(self) -> Tensor:
        """The ``(n,)`` cold items, ascending; empty where none were held out."""
        return torch.empty(0, dtype=torch.int64) if self.cold is None else self.cold
