"""What a shilling detector is."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError
from vrbench.core.spec import Component
from vrbench.data.interactions import Interactions

Floats = NDArray[np.float64]


class Detector(Component, ABC):
    """Who looks at all feedback before a training, and leaves out whom it suspects most.

    It is told nothing: neither who is fake nor which item is a target. Those it leaves out stay
    users, without any feedback in the training; if they were honest, their lists show it.

    Args:
        share: how many of all users are left out.

    Example:
        >>> from vrbench.detectors import Detector
        >>> from vrbench.testing.world import toy_world
        >>> class Busy(Detector):
        ...     def suspicion(self, feedback):
        ...         return feedback.counts.double().numpy()
        ...
        >>> busy, feedback = Busy(share=0.1), toy_world().train
        >>> suspects = busy.suspects(busy.suspicion(feedback))
        >>> bool((feedback.counts[suspects] >= feedback.counts[~suspects].max()).all())
        True
    """

    def __init__(self, *, share: float = 0.05) -> None:
        if not 0 <= share < 1:
            raise ConfigError(f"{self.name}.share: expected a share below 1, got {share}")
        self.share = share

    @abstractmethod
    def suspicion(self, feedback: Interactions) -> Floats:
        """Return ``(num_users,)``: the larger, the more a user is suspected."""

    def suspects(self, suspicion: Floats) -> NDArray[np.bool_]:
        """Return ``(num_users,)``: who is left out. Of equals at the edge some are drawn."""
        count = round(self.share * len(suspicion))
        drawn = Dice(0, "suspects").order(len(suspicion))
        order = drawn[np.argsort(-suspicion[drawn], kind="stable")]
        found = np.zeros(len(suspicion), dtype=bool)
        found[order[:count]] = True
        return found
