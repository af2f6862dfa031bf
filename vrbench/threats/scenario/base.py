"""Which items are attacked, and what they should be taken for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError, IncompatibleError, nearest
from vrbench.core.seeds import stream
from vrbench.extractors.base import Extractor
from vrbench.threats.case import Case

log = logging.getLogger(__name__)


class NoCaseError(IncompatibleError):
    """No source and target can be chosen; only those who attack items need them."""


class Facts(NamedTuple):
    """What a case is chosen from; see ``Scenario.choose``."""

    chr_by_label: Tensor
    labels: Tensor
    names: tuple[str, ...]
    cold: Tensor | None = None
    popularity: Tensor | None = None

    @property
    def counts(self) -> Tensor:
        """How many items each category has."""
        return torch.bincount(self.labels, minlength=len(self.names))


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Items of one category are to be taken for another.

    Attributes:
        source: the category whose items are attacked; None chooses the one with the lowest
            CHR@``k`` on clean images under ``reference``, as the papers did by hand. CHR, not the
            lift: it is what their tables show, and grows with a category's size. Where one is to be
            low for its size, and for whom is attacked, take ``ByLift``.
        target: the category they should be taken for; None chooses the one with the highest.
        labels: whose categories: the "catalogue"'s; those that ``labeller`` predicts on the
            clean images ("reference"); or the attacked extractor's own predictions ("own"), as in
            TAaMR. One label source per sweep makes all extractors defend the same items.
        labeller: the extractor whose predictions are the labels; needed by "reference" only.
        reference: what the choice is made with. A model that sees no images, so that the choice
            is the same for every extractor and recommender of a sweep.
        k: length of the lists of the choice.
        min_items: fewest items a chosen category may have.
        max_items: most items to attack; a fixed random choice of the category's. None: all.
        count_own: a fault of VAR's released code (protocol 1.3c), to be measured: metrics count
            the category as the served extractor predicts it, though other labels decided what was
            attacked. Off: one set for both.

    Example:
        >>> import torch
        >>> from vrbench import Scenario
        >>> from vrbench.testing.world import toy_world
        >>> shop = toy_world().catalogue
        >>> three = Scenario(source="red", target="blue", max_items=3)
        >>> case = three.choose(torch.zeros(3), shop.categories, shop.names)
        >>> case.source, len(case.items)
        ('red', 3)
    """

    source: str | None = None
    target: str | None = None
    labels: Literal["catalogue", "reference", "own"] = "catalogue"
    labeller: Extractor | None = None
    reference: Any = None
    k: int = 20
    min_items: int = 10
    max_items: int | None = None
    count_own: bool = False

    def __post_init__(self) -> None:
        if (self.labels == "reference") != (self.labeller is not None):
            raise ConfigError("scenario.labeller goes with scenario.labels=reference, and only so")
        if self.source is not None and self.source == self.target:
            raise ConfigError(f"source and target are the same category, {self.source!r}")
        if self.max_items is not None and self.max_items < 1:
            raise ConfigError(f"expected scenario.max_items >= 1, got {self.max_items}")

    @property
    def is_open(self) -> bool:
        """Whether a category is still to be chosen."""
        return self.source is None or self.target is None

    @property
    def asks_attacked(self) -> bool:
        """Whether the attacked recommender itself says which category is lowest and highest."""
        return False

    def choose(
        self,
        chr_by_label: Tensor,
        labels: Tensor,
        names: tuple[str, ...],
        cold: Tensor | None = None,
        popularity: Tensor | None = None,
    ) -> Case:
        """Return the case at hand, choosing what was not named.

        Args:
            chr_by_label: ``(len(names),)`` CHR@k of each category on clean images; read only if
                a category is to be chosen.
            labels: ``(num_items,)`` int64 category of each item.
            names: the categories.
            cold: the items without training feedback; read only where they are attacked.
            popularity: ``(num_items,)`` training users of each item; read only where it decides.

        Raises:
            ConfigError: if a named category does not exist.
            IncompatibleError: if no category, or no item, is left.
        """
        return self.case_of(Facts(chr_by_label, labels, names, cold, popularity))

    def check(self, facts: Facts) -> None:
        """Raise what ``case_of`` would of the same items, whatever CHR is; that is not read.

        So it can be asked before anything is trained. Whoever overrides ``case_of`` does so here.
        """
        self._check_names(facts)
        if self.source is not None:
            self._items_of(facts, self.source)
        if self.is_open:
            self.pick(self._large(facts))

    def case_of(self, facts: Facts) -> Case:
        """Return the case of ``facts``; what ``choose`` comes to."""
        self._check_names(facts)
        source, target, tied = self.source, self.target, (1, 1)
        if source is None or target is None:
            source, target, tied = self._choose_open(facts)
        items = self._at_most(self._items_of(facts, source), source)
        return Case(
            source=source,
            target=target,
            names=facts.names,
            labels=facts.labels,
            items=items,
            tied=tied,
        )

    def _items_of(self, facts: Facts, source: str) -> Tensor:
        """Return the items of a category, ascending; there must be some."""
        items = torch.nonzero(facts.labels == facts.names.index(source)).squeeze(1)
        if not len(items):
            raise IncompatibleError(f"no item of category {source!r}")
        return items

    def _check_names(self, facts: Facts) -> None:
        for name in (self.source, self.target):
            if name is not None and name not in facts.names:
                counts = facts.counts.tolist()
                known = [n for n, c in zip(facts.names, counts, strict=True) if c]
                raise ConfigError(
                    f"scenario: no category {name!r}{nearest(name, known)}; "
                    f"have {', '.join(known[:40])}"
                )

    def _choose_open(self, facts: Facts) -> tuple[str, str, tuple[int, int]]:
        """Return source and target, chosen where they are not named, and the ties of both."""
        names = facts.names
        stand = self.standing(facts.chr_by_label, facts.counts).tolist()
        order = sorted(self._large(facts), key=lambda n: (stand[n], names[n]))
        found, ties = [], []
        for name, which, end in zip(
            (self.source, self.target), ("lowest", "highest"), self.pick(order), strict=True
        ):
            tied = [n for n in order if stand[n] == stand[end]] if name is None else []
            if name is None:
                self.note_tie(which, tied, names)
            found.append(name or names[end])
            ties.append(max(1, len(tied)))
        source, target = found
        return source, target, (ties[0], ties[1])

    def _large(self, facts: Facts) -> list[int]:
        """Return the categories with enough items that are not named; with those, two at least.

        Raises:
            NoCaseError: if there are fewer.
        """
        names, named = facts.names, [n for n in (self.source, self.target) if n]
        large = [
            n
            for n, count in enumerate(facts.counts.tolist())
            if count >= self.min_items and names[n] not in named
        ]
        if len(names) < 2:
            raise NoCaseError(
                "the catalogue has a single category: choose items by popularity, as scenario=tail "
                "does, or attach categories with dataset=features dataset.categories=FILE"
            )
        if len(large) + len(named) < 2:
            raise NoCaseError(
                f"fewer than two categories have {self.min_items} items or more; "
                "lower scenario.min_items"
            )
        return large

    def standing(self, chr_by_label: Tensor, counts: Tensor) -> Tensor:
        """Return ``(len(names),)``: what the lowest and the highest category are lowest in."""
        return chr_by_label

    def pick(self, order: Sequence[int]) -> tuple[int, int]:
        """Return the source and the target of categories in ascending order."""
        return order[0], order[-1]

    def note_tie(self, which: str, tied: Sequence[int], names: tuple[str, ...]) -> None:
        """Warn where several categories are lowest, or highest, alike."""
        if len(tied) > 1:
            log.warning(
                "scenario: %d categories have the %s CHR alike (%s); one of them was taken by its "
                "name: name it yourself, as in scenario.source=%s",
                len(tied),
                which,
                ", ".join(names[n] for n in tied),
                names[tied[0]],
            )

    def _at_most(self, items: Tensor, source: str) -> Tensor:
        """Return a fixed random choice of ``max_items`` of ``items``, ascending."""
        if self.max_items is None or len(items) <= self.max_items:
            return items
        chosen = torch.randperm(len(items), generator=stream(0, "max_items", source))
        return items[chosen[: self.max_items]].sort().values
