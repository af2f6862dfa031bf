"""Who has to look at pictures, and whether there is anything to look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vrbench.core.errors import IncompatibleError
from vrbench.core.visuals import Signal
from vrbench.extractors.ready import BLIND, Ready
from vrbench.recommenders.base import class_of

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment

NO_PICTURES = "this dataset has no pictures: choose one that has"


def check_sight(x: Experiment) -> None:
    """Raise if a part of an experiment looks at what is not there, before anything is made.

    Raises:
        IncompatibleError: says who looks, and what to take instead.
    """
    catalogue, ready = x.dataset.catalogue, isinstance(x.extractor, Ready)
    if catalogue.has_pictures and not ready:
        return
    if isinstance(x.extractor, Ready) and _is_shown_vectors(x):
        x.extractor.features_of(catalogue, Signal.VECTOR)
    who = next(_onlookers(x), None)
    if who is not None:
        raise IncompatibleError(f"{BLIND if catalogue.has_pictures else NO_PICTURES}; {who}")
    if not ready and _is_shown_vectors(x):
        if catalogue.features is not None:
            raise IncompatibleError(
                "this dataset brings features and no pictures: extractor=ready hands them on"
            )
        raise IncompatibleError(f"{NO_PICTURES}, or attach features with dataset=features")


def _is_shown_vectors(x: Experiment) -> bool:
    return class_of(x.recommender).signal is Signal.VECTOR


def _onlookers(x: Experiment) -> Iterator[str]:
    """Yield who looks at pictures, or at what a network makes of them, and what does not."""
    shop, surface = class_of(x.recommender), x.threat.acts_on
    if shop.signal is Signal.MAPS or (
        shop.signal is Signal.PIXELS and not x.dataset.catalogue.has_pictures
    ):
        yield f"{shop.name} looks at them: vbpr, amr, deepstyle, fm and vnpr take ready features"
    if surface.needs_pictures and x.attacked:
        yield (
            f"{type(x.attack).__name__} changes them: threat=vector, profiles, parameters and "
            "oracle change none"
        )
    if x.scenario.labels != "catalogue":
        yield "a network is to label them: take a scenario with the catalogue's categories"
