"""Submitted entries of a leaderboard: create, load, attack and verify."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from vrbench.bench.result import Result
from vrbench.bench.run import measure
from vrbench.bench.session import Session
from vrbench.bench.store import Artifact, Store
from vrbench.cli.axes import PARTS
from vrbench.cli.composition import Composition
from vrbench.cli.entry_folder import (
    CARD,
    MODEL,
    ROWS,
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
from vrbench.core.files import sha256
from vrbench.core.spec import digest
from vrbench.data.dataset import Dataset
from vrbench.extractors.base import Extractor
from vrbench.recommenders.base import Recommender
from vrbench.report.run_records import OF_THE_PLACE, Entry, record
from vrbench.threats.experiment import Experiment
from vrbench.threats.world import World

LEARNT = ("extractors", "models")  # stages whose outcome an entry brings
LEARNING = "extractor"  # whose numbers come of a training, not of what it left
Weights = dict[str, list[dict[str, Tensor]]]


class _Watched(Store):
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
    def at(cls, folder: Path, given: Weights | None = None) -> _Watched:
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
    folder = find(name, Path(os.environ.get("VRBENCH_ENTRIES", "entries")))
    card = read_card(folder)
    check_files(folder, card)
    composed = compose_record(card.overrides, conf_dir(), own_dir())
    beside = Path(os.environ.get("VRBENCH_STORE", "store")) / "entries" / digest(card.files)
    kept = _Watched.at(Path(store) if store else beside, read_weights(folder, card))
    try:
        return _stands(composed, card, kept)
    except RuntimeError as error:  # torch's, of weights of another shape
        told = " ".join(str(error).split())[:200]
        raise DataError(f"{folder}: its weights do not fit its command line ({told})") from None


def _stands(composed: Composition, card: Card, store: _Watched) -> Loaded:
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


def make_entry(
    run: Entry, to: Path, *, name: str, by: str, licence: str, paper: str = "", store: Path
) -> Card:
    """Write a run as a new entry; models in its store are not trained again.

    Args:
        run: what it left.
        to: a new folder.
        name, by, licence, paper: of the card.
        store: of the run.

    Raises:
        ConfigError: if the folder is not empty, or the card would be refused.
        StorageError: if it cannot be written.
    """
    from safetensors.torch import save_file

    if to.is_dir() and any(to.iterdir()):
        raise ConfigError(f"{to} is not empty: name a new folder")
    overrides = [o for o in run["overrides"] if not o.startswith(OF_THE_PLACE)]
    composed = compose_record(overrides, conf_dir(), own_dir())
    watched = _Watched.at(store)
    card = Card(name=name, by=by, licence=licence, overrides=overrides, paper=paper)
    _stands(composed, card, watched)
    to.mkdir(parents=True, exist_ok=True)
    (to / ROWS).write_text(record([run]), encoding="utf-8")
    *_, model = watched.seen["models"]
    save_file(model, to / MODEL)
    for n, state in enumerate(watched.seen["extractors"]):
        save_file(state, to / f"network_{n}.safetensors")
    files = {path.name: sha256(path) for path in sorted(to.iterdir())}
    (to / CARD).write_text(Card(**vars(card) | {"files": files}).text(), encoding="utf-8")
    return read_card(to)


def differing(loaded: Loaded, told: Sequence[dict[str, Any]], tolerance: float) -> list[str]:
    """Return the rows that differ when the entry's own weights are attacked again.

    What was measured while a network learnt cannot be measured again without learning.
    """
    from vrbench.cli.commands.check import apart

    again = [row for row in loaded.attacked().rows if row.per != LEARNING]
    return apart([row for row in told if row["per"] != LEARNING], again, tolerance)
