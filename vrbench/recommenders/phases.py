"""Training in two phases: as it is, then also against the worst small change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vrbench.core.errors import ConfigError


class AdversarialPhase:
    """The second phase of AMR and APR; mixed in before the recommender that the first one trains.

    ``_adversarial`` says to the loss which phase it is in.
    """

    name: Any
    spec: Any
    epochs: int
    weight: float
    adversarial_epochs: int
    _adversarial: bool

    def _second_phase(self, eps: float, weight: float, adversarial_epochs: int) -> None:
        """Keep the settings of the second phase.

        Raises:
            ConfigError: if one is out of range.
        """
        if eps < 0 or weight < 0 or adversarial_epochs < 1:
            raise ConfigError(
                f"{self.name}: expected eps, weight >= 0 and adversarial_epochs >= 1, "
                f"got {self.spec}"
            )
        self.eps, self.weight, self.adversarial_epochs = eps, weight, adversarial_epochs
        self._adversarial = False

    def phases(self) -> Iterator[int]:
        """Yield the most epochs of each phase; without a weight there is no second one."""
        self._adversarial = False
        yield self.epochs
        if self.weight > 0:
            self._adversarial = True
            yield self.adversarial_epochs
            self._adversarial = False
