"""Adversarial training in two phases: pretraining, then the minimax phase."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Literal, TypedDict

import torch
from typing_extensions import Unpack

from vrbench.core.errors import one_of
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.training.epochs import EpochRecommender, EpochSettings, Optimisers

Predictor = Literal["generator", "discriminator"]


class AdversarialSettings(TypedDict, total=False):
    """How the second phase of AMR, APR and the ``Adversarial*`` models goes."""

    eps: float
    weight: float
    adversarial_epochs: int


class AdversarialPhase(EpochRecommender):
    """A second, adversarial phase; mixed in before the recommender that the first one trains.

    AMR changes features in it and APR factors, each by a loss of its own; ``AdversarialTables``
    changes the tables of any model. ``_adversarial`` says to the loss which phase it is in.

    Example:
        >>> from vrbench.recommenders import AMR
        >>> from vrbench.testing.world import taught
        >>> model = taught(AMR, eps=0.1, epochs=2, adversarial_epochs=3)
        >>> list(model.phases())
        [2, 3]
    """

    weight: float
    adversarial_epochs: int
    _adversarial: bool

    def _second_phase(self, eps: float, weight: float, adversarial_epochs: int) -> None:
        """Keep the settings of the second phase.

        Raises:
            ConfigError: if one is out of range.
        """
        self.refuse_if(
            eps < 0 or weight < 0 or adversarial_epochs < 1,
            "eps, weight >= 0 and adversarial_epochs >= 1",
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


class GANSettings(EpochSettings, total=False):
    """How a generator and its critic are trained; see ``GANRecommender``."""

    steps: int
    critic_steps: int
    critic_lr: float
    l2: float


class GANRecommender(EpochRecommender):
    """A recommender that learns against a critic.

    Args:
        steps, critic_steps: passes per epoch, the critic's first.
        critic_lr: of the critic's Adam.
        l2: weight of the penalty on what a step touches.
        epochs, batch_size, lr, patience, eval_every: see ``EpochRecommender``.

    Example:
        >>> from vrbench.recommenders import CFGAN, GANRecommender
        >>> from vrbench.testing.world import taught
        >>> model = taught(CFGAN, hidden=4, critic_hidden=4, steps=1, epochs=1)
        >>> model.steps, isinstance(model, GANRecommender)
        (1, True)
    """

    def __init__(
        self,
        *,
        steps: int,
        critic_steps: int,
        critic_lr: float,
        l2: float,
        **training: Unpack[EpochSettings],
    ) -> None:
        super().__init__(**self.with_defaults(EpochSettings, training))
        self.refuse_if(
            min(steps, critic_steps) < 1 or critic_lr <= 0 or l2 < 0,
            "steps, critic_steps of at least 1, critic_lr > 0 and l2 >= 0",
        )
        self.steps, self.critic_steps = steps, critic_steps
        self.critic_lr, self.l2 = critic_lr, l2


class PlayerSettings(GANSettings, total=False):
    """How two players that are alike are trained; see ``TwoPlayers``."""

    factors: int
    predictor: Predictor
    pretrain_epochs: int
    pretrain_lr: float
    pretrain_batch: int


class TwoPlayers(GANRecommender):
    """IRGAN's and GraphGAN's phases: the generator alone, then both players, alike at first.

    ``_pretraining`` says to the loss which phase it is in.

    Args:
        factors: length of a row.
        predictor: the player that ranks.
        pretrain_epochs: most epochs of pre-training.
        pretrain_lr, pretrain_batch: of Adam, and triples of a step, in pre-training.
        steps, critic_steps, critic_lr: see ``GANRecommender``.
        l2: weight of half the squared rows that a step of the critic touches.
        epochs, batch_size, lr, patience, eval_every: see ``EpochRecommender``; of the second phase.

    Example:
        >>> from vrbench.recommenders import IRGAN
        >>> from vrbench.testing.world import taught
        >>> model = taught(IRGAN, factors=4, pretrain_epochs=3, epochs=2)
        >>> list(model.phases())
        [3, 2]
    """

    defaults = PlayerSettings(
        predictor="generator",
        pretrain_epochs=100,
        pretrain_lr=0.002,
        pretrain_batch=1024,
        steps=1,
        critic_steps=1,
    )
    generator: Any
    critic: Any
    _pretraining = False

    def __init__(
        self,
        *,
        factors: int,
        predictor: Predictor,
        pretrain_epochs: int,
        pretrain_lr: float,
        pretrain_batch: int,
        **training: Unpack[GANSettings],
    ) -> None:
        super().__init__(**self.with_defaults(GANSettings, training))
        one_of(f"{self.name}.predictor", predictor, Predictor)
        self.refuse_if(
            min(factors, pretrain_batch) < 1 or pretrain_epochs < 0 or pretrain_lr <= 0,
            "factors, pretrain_batch >= 1, pretrain_epochs >= 0 and pretrain_lr > 0",
        )
        self.factors, self.predictor, self.pretrain_epochs = factors, predictor, pretrain_epochs
        self.pretrain_lr, self.pretrain_batch = pretrain_lr, pretrain_batch

    @abstractmethod
    def play(self, train: Interactions, optimisers: Optimisers, rng: torch.Generator) -> float:
        """Let the players take an epoch's steps against each other; return the generator's loss.

        Args:
            train: what users have.
            optimisers: the critic's and the generator's.
            rng: the only source of randomness.
        """

    def _epoch(
        self, train: Interactions, visuals: Visuals, optimisers: Optimisers, rng: torch.Generator
    ) -> float:
        if self._pretraining:
            return super()._epoch(train, visuals, optimisers, rng)
        return self.play(train, optimisers, rng)

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
