"""What a tracker of experiments takes: a configuration, numbers by step, pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Plain = str | int | float | bool | None


class Tracker(ABC):
    """Keeps what runs tell it; one instance keeps one run.

    ``begin`` comes first and ``end`` last, also of a run that fails. What a tracker does moves no
    number and no key. A library that is missing is refused when the tracker is made.
    """

    @abstractmethod
    def begin(self, name: str, settings: Mapping[str, Plain], folder: Path) -> None:
        """Start a run.

        Args:
            name: of the run, for people.
            settings: of everything it is made of, by dotted name.
            folder: of the run.
        """

    @abstractmethod
    def number(self, name: str, value: float, step: int) -> None:
        """Keep ``value``; ``step`` counts a curve from 1, and is 0 of a single number."""

    @abstractmethod
    def picture(self, name: str, pixels: NDArray[np.uint8]) -> None:
        """Keep a picture, ``(H, W, 3)``."""

    @abstractmethod
    def end(self, failed: str | None) -> None:
        """End the run; ``failed`` says why it came to nothing, None that it did not."""


class Nothing(Tracker):
    """Keeps nothing: the run's folder holds all there is."""

    def begin(self, name: str, settings: Mapping[str, Plain], folder: Path) -> None:
        """Do nothing."""

    def number(self, name: str, value: float, step: int) -> None:
        """Do nothing."""

    def picture(self, name: str, pixels: NDArray[np.uint8]) -> None:
        """Do nothing."""

    def end(self, failed: str | None) -> None:
        """Do nothing."""
