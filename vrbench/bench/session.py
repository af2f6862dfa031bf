"""What all stages of a run share: the store, the machine, the seeds."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from torch import Tensor

from vrbench.attacks.base import Attack
from vrbench.attacks.budget import Budget
from vrbench.attacks.embedding.perturbation import Embeddings, ParameterAttack
from vrbench.attacks.goal import Goal
from vrbench.attacks.profile.base import ProfileAttack
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.transplant import Transplant
from vrbench.bench import stages
from vrbench.bench.detection import detect, watch
from vrbench.bench.machine import Machine
from vrbench.bench.mapping import Block, map_blocks
from vrbench.bench.stages.parameters import perturb
from vrbench.bench.stages.profiles import register
from vrbench.bench.stages.transplant import transplant
from vrbench.bench.store import Artifact, Store
from vrbench.core.errors import IncompatibleError
from vrbench.core.spec import Component, inputs_of
from vrbench.core.visuals import Signal, Visuals
from vrbench.data.dataset import Dataset
from vrbench.extractors.base import Extractor
from vrbench.extractors.ready import Ready
from vrbench.generators.lsgan import LSGAN
from vrbench.recommenders.base import Recommender, RecommenderFactory, class_of
from vrbench.recommenders.ranking import Ranked
from vrbench.recommenders.two_stage_ranking import Injected
from vrbench.recommenders.visual_share import visual_share
from vrbench.threats.case import Case
from vrbench.threats.detectors.base import Detector
from vrbench.threats.detectors.pictures import PictureDetector, Watch
from vrbench.threats.experiment import Experiment
from vrbench.threats.knowledge import looking_through
from vrbench.threats.objectives.base import Objective
from vrbench.threats.world import World

log = logging.getLogger(__name__)
Part = TypeVar("Part", bound=Component)
TOP = 100  # length of the lists that are kept, unless longer ones are asked for


@dataclass(frozen=True)
class Session:
    """Makes worlds, and keeps every stage; what the store already has is not made again.

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

    store: Store
    machine: Machine
    seed: int = 0
    extractor_seed: int = 0

    def __post_init__(self) -> None:
        self.store.device = self.machine.device  # noted beside what is made

    @property
    def device(self) -> str:
        """Where models are."""
        return self.machine.device

    @property
    def precision(self) -> str:
        """What the adversary's network computes in."""
        return self.machine.precision

    @property
    def compile_after(self) -> int | None:
        """Batches of one shape before it is compiled for it; None: never."""
        return self.machine.compile_after

    def shop(
        self,
        dataset: Dataset,
        extractor: Extractor,
        recommender: RecommenderFactory,
        needs_network: bool = False,
    ) -> World:
        """Return a shop: pictures decoded, its network fitted, its features extracted.

        Args:
            dataset: pictures and feedback.
            extractor: the shop's network; taught only if the recommender looks through it.
            recommender: makes the shop's recommender.
            needs_network: teach it in any case.
        """
        images = stages.decode_images(self.store, self.machine, dataset.catalogue.images)
        world = World(dataset, images, extractor, recommender, images.to(self.device))
        if needs_network or looks_through(recommender):
            network, notes = self._teach(extractor, world)
            world = replace(world, network=network, notes=notes)
            world = replace(world, visuals=self.extract(world, network))
        return replace(world, factory=self._with_network(world))

    def map(self, stage: str, blocks: Sequence[Block], label: str = "") -> list[Artifact]:
        """Return the artifact of each block of a long stage, made by the machine's executor."""
        return map_blocks(self.store, self.machine, stage, blocks, label or stage)

    def prepare(self, part: Part, world: World) -> Part:
        """Return a fitted copy of what is learnt from the catalogue; else the part itself.

        An extractor (with the defence in front of it), a GAN, a design, an attack that has one.
        """
        made: Any = part
        if isinstance(made, Extractor):
            made, _ = self._teach(made, world)
        elif isinstance(made, LSGAN):
            made, _ = stages.train_gan(
                self.store,
                made,
                world.data.catalogue,
                world.images,
                self.extractor_seed,
                self.device,
            )
        else:
            made = made.with_fitted_parts(partial(self.prepare, world=world))
        return made

    def extract(self, world: World, network: Extractor) -> Visuals:
        """Return what the recommender of ``world`` is shown through ``network``."""
        return self._seen(world, network, class_of(world.factory).signal)

    def _seen(self, world: World, network: Extractor, signal: Signal | None) -> Visuals:
        if isinstance(network, Ready) and signal not in (None, Signal.PIXELS):
            return network.features_of(world.data.catalogue, signal)
        return stages.extract_features(self.store, self.machine, world.images, network, signal)

    def label(self, world: World, network: Extractor) -> Tensor | None:
        """Return the ``(num_items,)`` classes that ``network`` predicts; None in a dry run."""
        made = stages.label(self.store, world.images, network).tensors
        return None if made is None else made["labels"]

    def fit(self, world: World, seed: int | None = None) -> World:
        """Return ``world`` with its recommender trained on what it is shown."""
        seed = self.seed if seed is None else seed
        model = stages.train(
            self.store, world.taught, world.factory, world.visuals, seed, self.device
        )
        return replace(world, model=model)

    def rank(self, world: World, targets: Tensor, places: int = 0) -> Ranked | None:
        """Return everyone's lists, and where ``targets`` stand; None in a dry run.

        The lists are of ``places`` items, of 100 at least, of the whole catalogue at most.
        """
        data, k = world.data, min(max(TOP, places), world.data.train.num_items)
        return stages.ranking(
            self.store,
            self.machine,
            world.served,
            world.visuals,
            data.seen,
            data.test,
            targets,
            k,
            data.tested_cold,
        )

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
        self, x: Experiment, world: World, aim: Objective, knows: dict[str, Any]
    ) -> Artifact:
        """Return ``rows``: the features of every item, changed; see ``stages.perturb_features``."""
        return stages.perturb_features(self.store, self._adversary(x, aim, knows), world.visuals)

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

    def register(
        self, attack: ProfileAttack, budget: FakeUsers, world: World, case: Case
    ) -> Artifact:
        """Return ``indptr``, ``items`` and perhaps ``stars`` of fake users.

        An attack that asks what the shop recommends sees everyone's lists; one that asks what
        items look like sees them through the shop's network, which is fitted for it.

        Raises:
            IncompatibleError: if it is to look at pictures, and there are none.
        """
        features, ranking = None, None
        if attack.asks_features:
            ready = isinstance(world.network, Ready)
            if not ready and not world.data.catalogue.has_pictures:
                raise IncompatibleError("this dataset has no pictures: take fillers by category")
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

    def weigh_pictures(self, world: World) -> Tensor | None:
        """Return ``(U,)``: the share of a user's scores due to pictures; None in a dry run."""
        model, shown, users = world.served, world.visuals, world.data.train.num_users
        made = self.store.fetch(
            "shares",
            {"recommender": model, "visuals": shown if model.signal else None, "users": users},
            lambda: {"share": visual_share(model, shown, users)},
        )
        return None if made.tensors is None else made.tensors["share"]

    def inject(self, world: World, offered: Artifact, items: Tensor) -> Injected | None:
        """Return where ``items`` stand, each alone among the candidates; None in a dry run."""
        data = world.data
        return stages.injection(
            self.store, world.served, world.visuals, offered, data.test, items, data.cold_items
        )

    def _teach(self, extractor: Extractor, world: World) -> tuple[Extractor, dict[str, Any]]:
        return stages.teach(
            self.store,
            extractor,
            world.data.catalogue,
            world.images,
            self.extractor_seed,
            self.device,
        )

    def _with_network(self, world: World) -> RecommenderFactory:
        """Return the factory with the image network it asks for: its own, or the shop's."""
        factory, network = world.factory, world.network
        own = factory.keywords.get("network") if isinstance(factory, partial) else None
        if own is not None:
            network = own.to(self.device) if own.bare else self.prepare(own, world)
        return looking_through(factory, network)


def looks_through(recommender: RecommenderFactory) -> bool:
    """Return whether the recommender needs the shop's extractor: features, maps, or a network."""
    shown = class_of(recommender).signal in (Signal.MAPS, Signal.VECTOR)
    return shown or "network" in inputs_of(recommender)
