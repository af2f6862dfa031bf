"""Training in two phases: as it is, then against an adversary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

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


class TwoPlayers:
    """IRGAN's and GraphGAN's phases: the generator alone, then both players, alike at first.

    Mixed in before the recommender, which has the networks ``generator`` and ``critic``.
    ``_pretraining`` says to the loss which phase it is in.
    """

    name: Any
    predictor: Literal["generator", "discriminator"]
    pretrain_epochs: int
    pretrain_lr: float
    epochs: int
    lr: float
    critic_lr: float
    generator: Any
    critic: Any
    _pretraining = False

    def _predicted_by(self, predictor: Literal["generator", "discriminator"]) -> None:
        """Keep who ranks.

        Raises:
            ConfigError: if there is no such player.
        """
        if predictor not in ("generator", "discriminator"):
            raise ConfigError(
                f"{self.name}: expected predictor generator or discriminator, got {predictor!r}"
            )
        self.predictor = predictor

    @property
    def generates(self) -> bool:
        """Whether it is the generator that ranks now."""
        return self._pretraining or self.predictor == "generator"

    def phases(self) -> Iterator[int]:
        """Yield the most epochs of each phase; the second begins with two equal players."""
        self._pretraining = True
        yield self.pretrain_epochs
        self._pretraining = False
        self.critic.load_state_dict(self.generator.state_dict())
        yield self.epochs

    def rates(self) -> dict[str, float]:
        """Return the settings to lower where training diverges, and what they are now."""
        if self._pretraining:
            return {"pretrain_lr": self.pretrain_lr}
        return {"lr": self.lr, "critic_lr": self.critic_lr}
