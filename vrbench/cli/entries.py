"""Submitted entries of a leaderboard: load and attack them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from vrbench.attacks.imported import Imported
from vrbench.bench.result import Result
from vrbench.bench.run import measure
from vrbench.bench.session import Session
from vrbench.bench.store import Artifact, Store
from vrbench.cli.axes import PARTS
from vrbench.cli.composition import Composition
from vrbench.cli.entry_folder import (
    ADVERSARY,
    Card,
    check_files,
    find,
    read_card,
    read_weights,
)
from vrbench.cli.folders import conf_dir, own_dir
from vrbench.cli.instantiation import make
from vrbench.cli.record_composition import compose_record
from vrbench.core.errors import ConfigError, DataError
from vrbench.core.spec import digest
from vrbench.data.dataset import Dataset
from vrbench.extractors.base import Extractor
from vrbench.recommenders.base import Recommender
from vrbench.threats.experiment import Experiment
from vrbench.threats.world import World

LEARNT = ("extractors", "models")  # stages whose outcome an entry brings
Weights = dict[str, list[dict[str, Tensor]]]


class WatchedStore(Store):
    """A store that returns given weights instead of training, and records which were used.

    Given weights are used up in the order in which a run learns; afterwards it is a plain store.
    """

    given: Weights
    seen: Weights

    def fetch(self, stage: str, inputs: Any, make: Callable[[], Any]) -> Artifact:
        waiting = self.given.get(stage) if stage in LEARNT else None
        made = super().fetch(stage, inputs, partial(_as_is, waiting.pop(0)) if waiting else make)
        if stage in LEARNT and made.tensors is not None:
            self.seen[stage].append(made.tensors)
        return made

    @classmethod
    def at(cls, folder: Path, given: Weights | None = None) -> WatchedStore:
        """Return the store of a folder, with weights that are given, or none."""
        store = cls(folder)
        store.given, store.seen = given or {}, {stage: [] for stage in LEARNT}
        return store


def _as_is(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return state


@dataclass(frozen=True)
class Loaded:
    """A loaded entry: the submitted weights, and the data set they were trained on.

    Attributes:
        card: what it says of itself.
        world: the shop: data, network, recommender, all fitted.
        parts: every part of its run, by axis.
        metrics: what its run measured.
        session: store, machine and seeds.
    """

    card: Card
    world: World
    parts: dict[str, Any]
    metrics: list[Any]
    session: Session

    @property
    def recommender(self) -> Recommender:
        """The trained recommender."""
        return self.world.served

    @property
    def extractor(self) -> Extractor:
        """The network that it looks through, fitted."""
        return self.world.network

    @property
    def dataset(self) -> Dataset:
        """Pictures and feedback."""
        return self.world.data

    def attacked(self, **parts: Any) -> Result:
        """Return what the bench measures of it: as it was run, but for what is given.

        Args:
            **parts: attack, budget, objective, threat, scenario or metrics, as ``run`` takes them.

        Raises:
            ConfigError: if something else is given: then it would be another entry.
            IncompatibleError: if the parts cannot work together.
        """
        free = {"attack", "budget", "objective", "threat", "scenario", "metrics"}
        if wrong := set(parts) - free:
            raise ConfigError(f"an entry is attacked as it is: leave out {', '.join(wrong)}")
        metrics = parts.pop("metrics", self.metrics)
        found = measure(Experiment(**self.parts | parts), self.session, metrics)
        assert found is not None  # None in dry runs alone
        return found


def load(name: str | Path, *, store: str | Path | None = None) -> Loaded:
    """Return an entry of a board with its trained recommender and network; nothing is trained.

    Nothing of it is executed: its card is data, its weights are numbers, and of its command line
    only shipped choices and plain values are composed. Weights are kept apart from those that runs
    of one's own learn.

    Args:
        name: its name, such as ``"clothing_men/amr-adversarial"``, among the folders below
            ``$VRBENCH_ENTRIES`` (``entries``); or its folder.
        store: where its stages are kept; None: a folder of its own in ``$VRBENCH_STORE``.

    Raises:
        ConfigError: if there is no such entry, or its command line reaches outside.
        DataError, MissingDataError: if a file is missing, damaged, or not the one of the card; or
            its weights do not fit.

    Example:
        >>> from vrbench import load
        >>> load("nowhere/nobody")
        Traceback (most recent call last):
            ...
        vrbench.core.errors.ConfigError: no entry 'nowhere/nobody' in entries ...
    """
    folder = find(name, entries_folder())
    card = read_card(folder)
    check_files(folder, card)
    if card.attacks:
        return _under_attack(folder, card, store)
    composed = compose_record(card.overrides, conf_dir(), own_dir())
    beside = Path(os.environ.get("VRBENCH_STORE", "store")) / "entries" / digest(card.files)
    kept = WatchedStore.at(Path(store) if store else beside, read_weights(folder, card))
    try:
        return stands(composed, card, kept)
    except RuntimeError as error:  # torch's, of weights of another shape
        told = " ".join(str(error).split())[:200]
        raise DataError(f"{folder}: its weights do not fit its command line ({told})") from None


def entries_folder() -> Path:
    """Return where entries are found by name: ``$VRBENCH_ENTRIES``, or ``entries``."""
    return Path(os.environ.get("VRBENCH_ENTRIES", "entries"))


def _under_attack(folder: Path, card: Card, store: str | Path | None) -> Loaded:
    """Return the shop that attacked pictures are about, with their attack, budget and aim."""
    attacked = find(card.attacks, entries_folder())
    if read_card(attacked).attacks:
        raise DataError(f"{card.name} attacks {card.attacks}, which is pictures, not a shop")
    loaded = load(attacked, store=store)
    if of_the_shop(card.overrides) != of_the_shop(loaded.card.overrides):
        raise DataError(f"{card.name}: its command line is of another shop than {card.attacks}")
    parts = loaded.parts | limits(card.overrides) | {"attack": Imported(path=str(folder))}
    return replace(loaded, card=card, parts=parts)


def but_attack(overrides: Sequence[str]) -> Composition:
    """Return the composition of a command line under imported pictures, which have no choice."""
    kept = [o for o in overrides if axis_of(o) != "attack"]
    return compose_record(kept, conf_dir(), own_dir())


def limits(overrides: Sequence[str]) -> dict[str, Any]:
    """Return budget and aim of a command line under imported pictures."""
    composed = but_attack(overrides)
    return {part: composed.make(part) for part in ("budget", "objective")}


def of_the_shop(overrides: Sequence[str]) -> list[str]:
    """Return a command line without what the adversary chooses."""
    return [o for o in overrides if axis_of(o) not in ADVERSARY]


def axis_of(override: str) -> str:
    """Return the axis that an override is about, such as "attack" of ``attack.steps=3``."""
    key = override.partition("=")[0].lstrip("+~")
    return key.partition("@")[0].partition(".")[0]


def stands(composed: Composition, card: Card, store: WatchedStore) -> Loaded:
    """Return the shop of a composition, fitted in ``store``."""
    parts = {part: composed.make(part) for part in PARTS}
    machine, cfg = composed.make("machine"), composed.cfg
    machine.use()
    session = Session(store, machine, cfg.seed, cfg.extractor_seed)
    shop = session.shop(parts["dataset"], parts["extractor"], parts["recommender"], True)
    fitted = session.fit(shop)
    if any(store.given.values()):
        raise DataError(f"{card.name} brings more weights than its command line learns")
    return Loaded(card, fitted, parts, list(make(cfg.metrics).values()), session)
