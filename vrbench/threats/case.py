"""What is attacked, with everything settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Case:
    """A scenario with everything settled.

    Attributes:
        source, target: categories by name.
        names: all categories that ``labels`` may count.
        labels: ``(num_items,)`` int64: what is attacked and what metrics count, one set for both.
        items: ``(n,)`` int64, the attacked items, ascending.
        item_ids: the names that items have outside, in the order of rows; or empty.
        tied: how many categories stood as low as the source did when it was chosen, and as high as
            the target, each counted in; of several the name decided. 1 where it was named.
        settled: whether there are a source and a target; else nothing can be counted by category.
    """

    source: str
    target: str
    names: tuple[str, ...]
    labels: Tensor
    items: Tensor
    item_ids: tuple[str, ...] = ()
    tied: tuple[int, int] = (1, 1)
    settled: bool = True

    @property
    def spec(self) -> dict[str, Any]:
        """The aim.

        The items are part of keys on their own, and what an objective reads of labels and names
        (``Objective.told``).
        """
        return {"source": self.source, "target": self.target}
