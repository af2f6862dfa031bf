"""Source and target categories by the lift that the shop itself gives them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from vrbench.core.errors import ConfigError
from vrbench.threats.scenario.base import NoCaseError, Scenario

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ByLift(Scenario):
    """Items of the category that the shop's own recommender neglects are to be taken for its pet.

    Origin and target of targeted misclassification as TAaMR's premise has them (Di Noia et al.,
    DSN-W 2020): a little recommended category, and a much recommended one, *by the recommender
    that is attacked*. What is compared is the lift: the share of everyone's first ``k`` places that
    a category takes on clean images, over its share of the catalogue; 1 is what chance gives it.

    Attributes:
        reference: what the choice is made with. None is the attacked recommender, trained with
            seed 0, so that every seed attacks the same pair; BPRMF where no items are attacked.

    Example:
        >>> from vrbench.scenarios import ByLift
        >>> ByLift(k=10).asks_attacked, ByLift(k=10).is_open
        (True, True)
    """

    @property
    def asks_attacked(self) -> bool:
        return self.reference is None

    def standing(self, chr_by_label: Tensor, counts: Tensor) -> Tensor:
        """Return ``(len(names),)`` lifts; NaN for categories without items."""
        return lift(chr_by_label, counts, self.k)

    def note_tie(self, which: str, tied: Sequence[int], names: tuple[str, ...]) -> None:
        """Refuse where several categories have the lowest, or the highest, lift.

        Raises:
            NoCaseError: names them.
        """
        if len(tied) > 1:
            end = "source" if which == "lowest" else "target"
            raise NoCaseError(
                f"scenario: {len(tied)} categories have the {which} lift alike "
                f"({', '.join(names[n] for n in tied)}): name one with "
                f"scenario.{end}={names[tied[0]]}"
            )


@dataclass(frozen=True, kw_only=True)
class EachPair(ByLift):
    """Several sources and targets, one pair a run: what one pair shows may be that pair's own.

    The categories are ordered by lift as in ``ByLift``, those of the same lift by name. The target
    is taken from the top of that order, the source from the bottom of what is left, so that a
    sweep of ``low`` and ``high`` visits every pair once. Nine pairs may leave some of a tie out:
    a line says so, and a record counts the tie (``Case.tied``).

    Attributes:
        pairs: what a sweep visits that names neither ``low`` nor ``high``: "nine" pairs, the three
            lowest sources times the three highest targets; "every_source" with the highest target;
            or "every" ordered pair.
        low: how many lower categories are passed over for the source.
        high: how many higher categories are passed over for the target.

    Example:
        >>> from vrbench.scenarios import EachPair
        >>> EachPair(low=1).pick([2, 0, 1])
        (0, 1)
    """

    pairs: Literal["nine", "every_source", "every"] = "nine"
    low: int = 0
    high: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low < 0 or self.high < 0:
            raise ConfigError(
                f"expected scenario.low and .high >= 0, got {self.low} and {self.high}"
            )

    def pick(self, order: Sequence[int]) -> tuple[int, int]:
        """Return the source and the target.

        Raises:
            NoCaseError: if there are not so many categories.
        """
        rest = list(order)
        try:
            target = order[0] if self.target else rest.pop(-1 - self.high)
            source = order[0] if self.source else rest[self.low]
        except IndexError:
            raise NoCaseError(
                f"scenario: no pair low={self.low}, high={self.high} among {len(order)} categories"
            ) from None
        return source, target

    def note_tie(self, which: str, tied: Sequence[int], names: tuple[str, ...]) -> None:
        """Warn where a tie is broken by name and the others of it may have no turn.

        A sweep over "every" pair visits all of them, and one over "every_source" all sources.
        """
        swept = {"nine": (), "every_source": ("lowest",), "every": ("lowest", "highest")}
        if len(tied) > 1 and which not in swept[self.pairs]:
            log.warning(
                "scenario: %d categories have one lift (%s): which of them is a %s here was "
                "decided by name, and the others may not be tried; scenario=every_pair tries all",
                len(tied),
                ", ".join(names[n] for n in tied),
                "source" if which == "lowest" else "target",
            )

    def visits(self, categories: int) -> dict[str, int]:
        """Return how many values of ``low`` and ``high`` a sweep visits.

        Args:
            categories: how many are large enough, those that are named left out.
        """
        free = categories - (self.source is None and self.target is None)
        nine = self.pairs == "nine"
        found = {}
        if self.source is None:
            found["low"] = 3 if nine else free
        if self.target is None and self.pairs != "every_source":
            found["high"] = 3 if nine else categories
        return found


def lift(chr_by_label: Tensor, counts: Tensor, k: int) -> Tensor:
    """Return the share of ``k`` places that each category takes, over its share of the items.

    Args:
        chr_by_label: ``(C,)`` mean number of its items in a list of ``k``.
        counts: ``(C,)`` its items in the catalogue.
        k: length of the lists.
    """
    places = min(k, int(counts.sum()))
    return (chr_by_label / places) / (counts / counts.sum())
