"""Shops as they stand before anybody attacks: fitted, shown, ranked, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from torch import Tensor

from vrbench.bench import stages
from vrbench.bench.machine import Machine
from vrbench.bench.mapping import Block, map_blocks
from vrbench.bench.store import Artifact, Store
from vrbench.core.spec import Component, inputs_of
from vrbench.core.visuals import Signal, Visuals
from vrbench.data.dataset import Dataset
from vrbench.extractors.base import Extractor
from vrbench.extractors.ready import Ready
from vrbench.generators.lsgan import LSGAN
from vrbench.recommenders.base import RecommenderFactory, class_of
from vrbench.recommenders.ranking import Ranked
from vrbench.recommenders.two_stage_ranking import Injected
from vrbench.recommenders.visual_share import visual_share
from vrbench.threats.knowledge import looking_through
from vrbench.threats.world import World

Part = TypeVar("Part", bound=Component)
TOP = 100  # length of the lists that are kept, unless longer ones are asked for


@dataclass(frozen=True)
class Shops:
    """Makes shops, trains them and ranks for them; see ``Session``, which has the attributes."""

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
        model, _ = stages.trained(
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
            data.offered,
        )

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
