"""The adversary's knowledge: white box, transfer from a surrogate, or black box."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from vrbench.core.errors import IncompatibleError
from vrbench.core.spec import inputs_of
from vrbench.core.visuals import Signal
from vrbench.extractors.base import Extractor
from vrbench.recommenders.base import RecommenderFactory, class_of
from vrbench.threats.case import Case
from vrbench.threats.world import World

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment
    from vrbench.threats.surfaces.base import Knows, Stages


def knowledge(stages: Stages, x: Experiment, world: World, case: Case) -> tuple[Knows, Extractor]:
    """Return what the objective is made from, by parameter; and the network the adversary holds.

    White box: the shop's own network and recommender. With a surrogate, whatever else the adversary
    needs is rebuilt on it (transfer). Who is not aware of a defence holds the network behind it.

    Raises:
        IncompatibleError: if the recommender looks through a defence that the adversary is to be
            unaware of.
    """
    asked, threat, signal = inputs_of(x.objective), x.threat, class_of(world.factory).signal
    network = world.network
    if threat.surrogate is not None:
        network = stages.prepare(threat.surrogate, world)
    if not threat.aware:
        network = world.network.undefended
    theirs = world
    if network is not world.network and "recommender" in asked:
        if not threat.aware and signal is Signal.PIXELS:
            raise IncompatibleError(
                f"{world.served.name} looks at pictures through the defence itself: whoever "
                "holds it cannot be unaware of it"
            )
        theirs = replace(world, visuals=stages.extract(world, network))
        if threat.surrogate is not None:
            theirs = stages.fit(replace(theirs, factory=looking_through(world.factory, network)))
    knows: dict[str, Any] = {
        "case": case,
        "images": world.images,
        "train": world.data.train,
        "extractor": network,
        "recommender": theirs.model,
        "visuals": theirs.visuals,
    }
    return {name: knows[name] for name in asked}, network


def looking_through(recommender: RecommenderFactory, network: Extractor) -> RecommenderFactory:
    """Return ``recommender`` with ``network`` as its image network, if it takes one.

    One partial of the class, never a partial of a partial: ``partial`` itself leaves a partial that
    carries attributes as it is, such as Hydra's from 1.3.8 on.
    """
    if "network" not in inputs_of(recommender):
        return recommender
    made: Any = recommender
    if isinstance(recommender, partial):
        made = partial(recommender.func, *recommender.args, **recommender.keywords)
    return cast(RecommenderFactory, partial(made, network=network))
