"""Vectors under ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vrbench.core.errors import DataError


@dataclass(frozen=True)
class FeatureRows:
    """Vectors under ids.

    Attributes:
        source: where they are from, for messages.
        ids: ``n`` names, each once.
        rows: ``(n, D)`` numbers of any type.
    """

    source: str
    ids: Sequence[str]
    rows: np.ndarray

    def __post_init__(self) -> None:
        """Raise unless there is one id a row and one row an id."""
        if self.rows.ndim != 2 or self.rows.shape[1] < 1 or self.rows.dtype.kind not in "fiub":
            raise DataError(
                f"{self.source}: expected one row of numbers an item, (items, length), got "
                f"{self.rows.dtype} of shape {self.rows.shape}"
            )
        if len(self.ids) != len(self.rows):
            raise DataError(
                f"{self.source}: {len(self.ids)} ids for {len(self.rows)} rows: give as many"
            )
        first: dict[str, int] = {}
        for row, name in enumerate(self.ids):
            if name in first:
                raise DataError(
                    f"{self.source}: two rows for item {name!r}, {first[name]} and {row} counted "
                    "from 0: keep one"
                )
            first[name] = row
