"""What minimum-norm attacks share."""

from __future__ import annotations

from typing import ClassVar, TypedDict

from typing_extensions import Unpack

from vrbench.attacks.base import Attack


class SearchSettings(TypedDict, total=False):
    """How far a smallest change is searched; see ``MinimumNorm``."""

    steps: int
    confidence: float


class PenaltySettings(SearchSettings, total=False):
    """And how often the weight of the margin is tried anew; see ``Penalty``."""

    search_steps: int


class MinimumNorm(Attack):
    """An attack that looks for the smallest change that reaches the goal; a budget is a limit.

    Args:
        steps: most steps of a search.
        confidence: by how much the margin is to be passed.

    Example:
        >>> from vrbench.attacks import FMN, MinimumNorm
        >>> attack = FMN(steps=20)
        >>> isinstance(attack, MinimumNorm), attack.steps, attack.needs_radius
        (True, 20, False)
    """

    needs_radius: ClassVar[bool] = False
    defaults = SearchSettings(confidence=0.0)

    def __init__(self, **search: Unpack[SearchSettings]) -> None:
        given = self.with_defaults(SearchSettings, search)
        self.steps, self.confidence = given["steps"], given["confidence"]
        self.refuse_if(self.steps < 1 or self.confidence < 0, "steps >= 1 and confidence >= 0")


class Penalty(MinimumNorm):
    """A search for the weight ``c`` of the margin beside the distance, a picture for each ``c``.

    Args:
        search_steps: values of ``c`` tried per item.
        steps, confidence: see ``MinimumNorm``; of each ``c``.

    Example:
        >>> from vrbench.attacks import LBFGS, Penalty
        >>> attack = LBFGS(search_steps=2)
        >>> isinstance(attack, Penalty), attack.search_steps
        (True, 2)
    """

    def __init__(self, *, search_steps: int, **search: Unpack[SearchSettings]) -> None:
        super().__init__(**self.with_defaults(SearchSettings, search))
        self.refuse_if(search_steps < 1, "search_steps >= 1")
        self.search_steps = search_steps
