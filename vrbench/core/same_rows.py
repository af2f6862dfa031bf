"""Whether a tensor of rows is the one that came last, told without looking at its numbers."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class SameRows(NamedTuple):
    """A tensor as it was when it came: what is written to it since makes it another one.

    Attributes:
        rows: the tensor itself.
        version: how often it had been written to; -1 where that is not counted.
    """

    rows: Tensor
    version: int

    @classmethod
    def of(cls, rows: Tensor) -> SameRows:
        """Return a tensor as it is now."""
        return cls(rows, -1 if rows.is_inference() else rows._version)

    def same(self, other: SameRows) -> bool:
        """Whether it is surely the same tensor with the same numbers."""
        return self.rows is other.rows and self.version == other.version >= 0
