"""Items are attacked by how many have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError, IncompatibleError, one_of
from vrbench.threats.case import Case
from vrbench.threats.scenario.base import Facts, Scenario

Rule = Literal["cold", "tail", "popular"]
CALLED = {"cold": "cold items", "tail": "tail items", "popular": "popular items"}


@dataclass(frozen=True, kw_only=True)
class ByPopularity(Scenario):
    """Some items are attacked by a rule, whatever their category.

    They are a category of their own ("cold items", "tail items", "popular items"), so that CHR
    and nCDCG count them and no other. A catalogue of one category will do.

    Attributes:
        rule: "cold": items that nobody has in train; "tail": the least popular of the items that
            somebody has; "popular": the most popular ones.
        share: how many of these are drawn from, as a share of them: of the tail 0.5 is the less
            popular half. Equally popular items are ordered by position.
        target: what an objective of a class reads; None: the largest category.
        max_items: how many are drawn, the same ones in every run; None: all.

    Example:
        >>> from vrbench.scenarios import ByPopularity
        >>> from vrbench.testing.world import toy_world
        >>> shop, bought = toy_world().catalogue, toy_world().train.popularity
        >>> tail = ByPopularity(rule="tail", share=0.25, max_items=3)
        >>> case = tail.choose(None, shop.categories, shop.names, popularity=bought)
        >>> case.source, len(case.items)
        ('tail items', 3)
    """

    rule: Rule = "tail"
    share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("scenario.rule", self.rule, Rule)
        if not 0 < self.share <= 1:
            raise ConfigError(f"scenario.share: expected more than 0, at most 1, got {self.share}")
        if self.source is not None or self.count_own:
            raise ConfigError("items are attacked by rule: leave scenario.source and .count_own")

    @property
    def is_open(self) -> bool:
        return False

    def check(self, facts: Facts) -> None:
        assert facts.popularity is not None
        self._check_names(facts)
        self._pool(facts.popularity)

    def case_of(self, facts: Facts) -> Case:
        assert facts.popularity is not None
        self._check_names(facts)
        source, count = CALLED[self.rule], len(facts.names)
        items = self._at_most(self._pool(facts.popularity), source)
        return Case(
            source=source,
            target=self.target or facts.names[int(facts.counts.argmax())],
            names=(*facts.names, source),
            labels=facts.labels.index_fill(0, items, count),
            items=items,
        )

    def _pool(self, popularity: Tensor) -> Tensor:
        """Return the items that the rule allows, ascending.

        Raises:
            IncompatibleError: if there are none.
        """
        (pool,) = torch.nonzero((popularity == 0) == (self.rule == "cold"), as_tuple=True)
        if not len(pool):
            raise IncompatibleError(f"scenario.rule={self.rule}: the training has no such item")
        fewest = popularity[pool].argsort(stable=True)
        count = max(1, round(self.share * len(pool)))
        chosen = fewest[-count:] if self.rule == "popular" else fewest[:count]
        return pool[chosen].sort().values
