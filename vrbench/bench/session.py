"""What all stages of a run share: the store, the machine, the seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vrbench.attacks.base import Attack
from vrbench.attacks.budget import Budget
from vrbench.attacks.embedding.perturbation import Embeddings, ParameterAttack
from vrbench.attacks.goal import Goal
from vrbench.attacks.profile.base import ProfileAttack
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.transplant import Transplant
from vrbench.attacks.words import WordAttack, Words
from vrbench.bench import stages
from vrbench.bench.detection import detect, watch
from vrbench.bench.shops import Shops
from vrbench.bench.stages.parameters import perturb
from vrbench.bench.stages.profiles import register
from vrbench.bench.stages.transplant import transplant
from vrbench.bench.stages.words import edit_words
from vrbench.bench.store import Artifact
from vrbench.core.visuals import Signal
from vrbench.extractors.base import Extractor
from vrbench.recommenders.base import Recommender
from vrbench.threats.case import Case
from vrbench.threats.detectors.base import Detector
from vrbench.threats.detectors.pictures import PictureDetector, Watch
from vrbench.threats.experiment import Experiment
from vrbench.threats.objectives.base import Objective
from vrbench.threats.word_promotion import Readers
from vrbench.threats.world import World


@dataclass(frozen=True)
class Session(Shops):
    """Makes shops, attacks them, and keeps every stage; what is in the store is not made again.

    Attributes:
        store: keeps the stages.
        machine: device, threads, precision of the adversary.
        seed: of the recommender's training and of the attack.
        extractor_seed: of the extractor's training, and of the GAN's where the attack has one.

    Example:
        >>> from functools import partial
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> from vrbench import Machine, Session, Store
        >>> from vrbench.extractors import Colour
        >>> from vrbench.recommenders import VBPR
        >>> from vrbench.testing.world import toy_world
        >>> session = Session(Store(Path(mkdtemp())), Machine())
        >>> world = session.shop(toy_world(), Colour(), partial(VBPR, epochs=2))
        >>> session.fit(world).served.name
        'VBPR'
    """

    def craft(
        self,
        x: Experiment,
        world: World,
        case: Case,
        goal: Goal,
        aim: Objective,
        knows: dict[str, Any],
    ) -> Artifact:
        """Return ``pixels`` and ``queries`` of the case's items; see ``stages.craft``."""
        who, device = self._adversary(x, aim, knows), world.network.device
        return stages.craft(self.store, self.machine, who, goal, world.images, case.items, device)

    def perturb_features(
        self,
        x: Experiment,
        world: World,
        aim: Objective,
        knows: dict[str, Any],
        only: Tensor | None = None,
    ) -> Artifact:
        """Return ``rows``: the features of items, changed; see ``stages.perturb_features``."""
        adversary = self._adversary(x, aim, knows)
        return stages.perturb_features(self.store, adversary, world.visuals, only)

    def _adversary(self, x: Experiment, aim: Objective, knows: dict[str, Any]) -> stages.Adversary:
        assert isinstance(x.attack, Attack)
        assert isinstance(x.budget, Budget)
        return stages.Adversary(x.attack, x.budget, aim, knows, self.seed)

    def perturb_parameters(self, x: Experiment, world: World) -> Recommender:
        """Return the recommender of ``world`` with its embeddings changed."""
        assert isinstance(x.attack, ParameterAttack)
        assert isinstance(x.budget, Embeddings)
        return perturb(
            self.store,
            world.served,
            world.data,
            world.visuals,
            x.attack,
            x.budget,
            self.seed,
        )

    def edit_words(self, x: Experiment, world: World, readers: Readers, sign: int) -> Artifact:
        """Return ``counts``: how often items have each word, changed; see ``stages.words``."""
        assert isinstance(x.attack, WordAttack)
        assert isinstance(x.budget, Words)
        return edit_words(self.store, readers, x.attack, x.budget, sign, self.seed)

    def register(
        self, attack: ProfileAttack, budget: FakeUsers, world: World, case: Case
    ) -> Artifact:
        """Return ``indptr``, ``items`` and perhaps ``stars`` of fake users.

        An attack that asks what the shop recommends sees everyone's lists; one that asks what
        items look like sees them through the shop's network, which is fitted for it.
        """
        features, ranking = None, None
        if attack.asks_features:
            features = self._seen(world, self.prepare(world.network, world), Signal.VECTOR)
        if attack.asks_lists:
            ranked = self.rank(world, case.items)
            ranking = None if ranked is None else ranked.ranking
        return register(
            self.store,
            world.data,
            case.items,
            attack,
            budget,
            self.seed,
            world.served,
            world.visuals,
            ranking,
            features,
        )

    def detect(self, detector: Detector, world: World) -> Artifact:
        """Return ``suspicion`` of all users of ``world``, and who is ``left_out``."""
        return detect(self.store, world.taught.train, detector)

    def watch(
        self, detector: PictureDetector, network: Extractor, world: World, case: Case
    ) -> Watch | None:
        """Return a detector behind ``network``, taught; None in a dry run."""
        return watch(self.store, detector, network, world.images, case.items)

    def transplant(self, x: Experiment, world: World, case: Case) -> Artifact:
        """Return ``rows``: what the case's items are given of target items' looks."""
        assert isinstance(x.attack, Transplant)
        return transplant(self.store, world.visuals, case, x.attack, self.seed)
