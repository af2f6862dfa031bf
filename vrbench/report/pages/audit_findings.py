"""Findings of an audit: its runs, grouped by question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vrbench.report.exposure import Exposed, exposed
from vrbench.report.leaderboard import left_out
from vrbench.report.names import label
from vrbench.report.pages.audit_kinds import WORDS, Words
from vrbench.report.run_records import Entry


@dataclass(frozen=True)
class Findings:
    """The runs of an audit by the question they answer, one per seed each.

    Attributes:
        categories: by an adversary who knows everything: which can be pushed?
        adversaries: on the most exposed category: by whom? Each with ``adversary`` in words, what
            it ``knows``, and its ``cost``: gradients and questions a picture.
        defences: on the same, by the adversary who knows everything, the defence too: what helps?
        source: the most exposed category.
        fakes: on the same, by fake users: each with ``adversary`` in words.
        kind: of the audit, one of ``audit_kinds.WORDS``.
        timed: the run that told how long the others would take; it is one of them.
    """

    categories: list[Entry]
    adversaries: list[Entry]
    defences: list[Entry]
    source: str
    fakes: list[Entry] = field(default_factory=list)
    kind: str = "own"
    timed: list[Entry] = field(default_factory=list)

    @property
    def every(self) -> list[Entry]:
        """All of them."""
        return [*self.categories, *self.adversaries, *self.fakes, *self.defences]

    @property
    def left(self) -> list[str]:
        """Why runs were skipped or failed, each reason once; of an adversary, which."""
        told = [
            f"An adversary who {entry['adversary']}: {why}" if "adversary" in entry else why
            for entry in self.every
            for why in left_out([entry])
        ]
        return list(dict.fromkeys(told))


@dataclass(frozen=True)
class Story:
    """Findings of an audit as exposures, the most exposed first.

    Attributes:
        categories, adversaries, defences, fakes: as in ``Findings``.
        shop: the most exposed category, as the shop is now.
        kind: of the audit.
        first: who tried every category.
    """

    categories: Sequence[Exposed]
    adversaries: Sequence[Exposed]
    defences: Sequence[Exposed]
    shop: Exposed
    fakes: Sequence[Exposed] = ()
    kind: str = "own"
    first: str = "knows everything"

    @property
    def words(self) -> Words:
        """What is said of this kind of audit."""
        return WORDS[self.kind]

    @property
    def seeds(self) -> int:
        """How many there are."""
        return len(self.shop.entries)

    @property
    def worst(self) -> Exposed:
        """What the shop as it is now is most exposed to, whoever attacks it."""
        everything = (*self.categories, *self.adversaries, *self.fakes)
        return max(everything, key=lambda one: one.exposure.mean)


def story(found: Findings) -> Story:
    """Return the findings as exposures; failed runs are left out."""
    categories = exposed(found.categories, source_of)
    first = WORDS[found.kind].first or str(found.adversaries[0]["adversary"])
    return Story(
        categories,
        exposed(found.adversaries, lambda entry: str(entry["adversary"])),
        exposed(found.defences, lambda entry: label(entry["parts"]["extractor"])),
        next(one for one in categories if one.name == found.source),
        exposed(found.fakes, lambda entry: str(entry["adversary"])),
        found.kind,
        first,
    )


def source_of(entry: Entry) -> str:
    """Return the category whose pictures were attacked."""
    return str(entry["case"]["source"])
