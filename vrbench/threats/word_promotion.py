"""What words of items are changed for: a high, or a low, score for every user."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from torch import Tensor

from vrbench.core.errors import IncompatibleError
from vrbench.core.visuals import Visuals
from vrbench.data.words import WordTable
from vrbench.recommenders.base import Recommender
from vrbench.recommenders.multimodal.base import Multimodal


class Readers:
    """The mean score of items over users, as a function of the items' words.

    Args:
        model: a multimodal recommender, trained; an item's words are part of its score.
        visuals: what items look like to it.
        table: the words of all items.
        items: ``(n,)`` those whose words change.
        num_users: whose mean.

    Raises:
        IncompatibleError: if the model's scores do not read an item's words.
    """

    def __init__(
        self, model: Recommender, visuals: Visuals, table: WordTable, items: Tensor, num_users: int
    ) -> None:
        if not isinstance(model, Multimodal) or not model.own_words:
            raise IncompatibleError(
                f"n/a: the score of an item under {model.name} does not read its words"
            )
        self.model, self.visuals, self.num_users = model, visuals, num_users
        self.table, self.items = table.to(model.device), items.to(model.device)

    @cached_property
    def counts(self) -> Tensor:
        """How often the items have each word, ``(n, W)``."""
        return self.table.counts(self.items)

    def text(self, counts: Tensor) -> Tensor:
        """Return the vectors of all items where those in question have other words."""
        return self.table.rows.index_put((self.items,), self.table.vectors(counts))

    def served_with(self, rows: Tensor, spec: Any) -> Recommender:
        """Return the model reading other vectors of words, under their address."""
        served = self.model.reading(rows)
        served.spec = spec
        return served

    def mean_score(self, counts: Tensor) -> Tensor:
        """Return ``(n,)``: the mean scores of the items over all users."""
        served = self.model.reading(self.text(counts))
        return served.crowd(self.num_users)(served.encode(self.items, self.visuals))
