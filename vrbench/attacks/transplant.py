"""Oracle of targeted misclassification: features of real items of the target class."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from vrbench.attacks.base import Cost
from vrbench.core.errors import one_of
from vrbench.core.seeds import Streams
from vrbench.core.spec import Component
from vrbench.core.visuals import Visuals

BLOCK = 64  # entries read at once; bounds the memory
Shown = Literal["drawn", "mean"]


class Transplant(Component):
    """Entries of other items, such as those of a target class, instead of an item's own.

    No adversary can do it, and nothing is searched. It says what "to be taken for the target" is
    worth to a recommender: where items with the very features of the target are not recommended
    more, an attack that reaches the class and changes nothing cannot refute anything. It is *no
    upper bound*: an adversarial picture can go deeper into a class than any real one, or aim at the
    recommender's score instead.

    Args:
        shown: what each item is given: "drawn", one donor at random, drawn item by item; or
            "mean", the mean entry of all donors, the same for every item.

    Raises:
        ConfigError: if ``shown`` is neither.

    Example:
        >>> import torch
        >>> from vrbench.attacks import Transplant
        >>> from vrbench.core.seeds import Streams
        >>> from vrbench.core.visuals import Signal
        >>> from vrbench.testing.world import toy_visuals
        >>> looks, items = toy_visuals(Signal.VECTOR), torch.arange(2)
        >>> given = Transplant(shown="mean")(looks, torch.tensor([2, 5]), items, Streams(0))
        >>> given.argmax(1).tolist()
        [2, 2]
    """

    version: ClassVar[int] = 2
    paper = ""
    knows = "features of the target's items; a hand in the shop's table"

    def __init__(self, *, shown: Shown = "drawn") -> None:
        self.shown = one_of("Transplant.shown", shown, Shown)

    @property
    def cost(self) -> Cost:
        """Nothing is asked."""
        return Cost(0, 0)

    def __call__(self, visuals: Visuals, donors: Tensor, items: Tensor, rng: Streams) -> Tensor:
        """Return ``(n, *visuals.shape)``, what ``items`` are given.

        Args:
            visuals: the clean table.
            donors: ``(m,)`` items whose entries are handed on, at least one.
            items: ``(n,)`` items that get them; what one gets does not depend on the others.
            rng: the only source of randomness.
        """
        if self.shown == "drawn":
            return visuals[donors[rng.integers(items, 0, len(donors))]]
        total = torch.stack([visuals[block].double().sum(0) for block in donors.split(BLOCK)])
        mean = (total.sum(0) / len(donors)).float()
        return mean.expand(len(items), *visuals.shape).contiguous()
