"""The fold of a cross-validation or of repeated splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vrbench.core.spec import describe


@dataclass(frozen=True)
class Fold:
    """One of several splits of the same feedback: of a cross-validation, or of repeats.

    Attributes:
        number, valid: which, of the test and of the validation; from 0.
        count, valid_count: of how many.
        spec: how this split is told in the specs of its parts: what those begin with.
        shared: what all of the splits have in common, in place of that.

    Example:
        >>> from vrbench.data.fold import Fold
        >>> second = Fold(1, 0, 5, 1, spec=["file", 1], shared=["file", "any of 5"])
        >>> second.shared_by([["file", 1, "train"], ["file", 1, "test"]])
        [['file', 'any of 5', 'train'], ['file', 'any of 5', 'test']]
    """

    number: int
    valid: int
    count: int
    valid_count: int
    spec: Sequence[Any]
    shared: Sequence[Any]

    def shared_by(self, spec: Any) -> Any:
        """Return ``spec`` of a data set made of this split as it is for every one of them."""
        own, shared = describe(self.spec), describe(self.shared)

        def of_all(told: Any) -> Any:
            if isinstance(told, dict):
                return {key: of_all(value) for key, value in told.items()}
            if not isinstance(told, list):
                return told
            if told[: len(own)] == own:
                told = [*shared, *told[len(own) :]]
            return [of_all(value) for value in told]

        return of_all(describe(spec))


def fold_of(
    number: int, valid: int, counts: tuple[int, int], spec: Sequence[Any], shared: Sequence[Any]
) -> Fold | None:
    """Return the ``Fold`` where there are several; None where there is one split only."""
    return Fold(number, valid, *counts, spec, shared) if max(counts) > 1 else None
