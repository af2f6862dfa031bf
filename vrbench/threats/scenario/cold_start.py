"""New items that are to be promoted, whatever their category."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.threats.case import Case
from vrbench.threats.scenario.base import Facts, Scenario


@dataclass(frozen=True, kw_only=True)
class ColdStart(Scenario):
    """New items are to be promoted, whatever their category (Liu and Larson, WWW 2021, sec. 5).

    The source is the set of all cold items, under the name "new items": a category of its own
    for metrics that count one. Metrics of two stages (``InjectedHR``) try every attacked item
    alone among candidates of each user; a clean new item is what an attacked one is compared with.

    Attributes:
        candidates: how many of the known items a user has not seen the first stage hands on.
        generator: the recommender of the first stage, trained with seed 0; None is BPRMF. It sees
            no images, so that the attack, the extractor and the second stage leave the
            candidates as they are.

    Example:
        >>> from vrbench.scenarios import ColdStart
        >>> ColdStart(max_items=5).is_open
        True
    """

    candidates: int = 1000
    generator: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source is not None or self.count_own:
            raise ConfigError("cold_start attacks new items: leave scenario.source and .count_own")
        if self.candidates < 1:
            raise ConfigError(f"expected scenario.candidates >= 1, got {self.candidates}")

    def check(self, facts: Facts) -> None:
        _some(facts.cold)
        super().check(facts)

    def case_of(self, facts: Facts) -> Case:
        cold, source = _some(facts.cold), "new items"
        return replace(
            super().case_of(facts),
            source=source,
            names=(*facts.names, source),
            labels=facts.labels.index_fill(0, cold, len(facts.names)),
            items=self._at_most(cold, source),
        )


def _some(cold: Tensor | None) -> Tensor:
    """Return the cold items; there must be some."""
    if cold is None or not len(cold):
        raise IncompatibleError(
            "no item is cold: take dataset=boutique_injected, or inject over another data set"
        )
    return cold
