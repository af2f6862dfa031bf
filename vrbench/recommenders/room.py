"""Whether there is room for a recommender: asked before its tables are made, and its training."""

from __future__ import annotations

from torch import nn

from vrbench.core.memory import Bounded, require, sizing
from vrbench.core.spec import settings, unbound
from vrbench.recommenders.base import Recommender, RecommenderFactory, Sizes

LEARNT = 6  # times the size of what is learnt: it, Adam's two, the last good, the best, one spare
DENSE = 1  # times more, of what has a gradient everywhere


def make_recommender(factory: RecommenderFactory, sizes: Sizes) -> Recommender:
    """Return the recommender that ``factory`` makes.

    Raises:
        IncompatibleError: if its tables do not fit into memory; none of them is made.
    """
    chosen = {name: setting.default for name, setting in settings(factory).items()}
    with Bounded(getattr(unbound(factory), "name", "the recommender"), "recommender", chosen):
        return factory(sizes)


def require_room_to_learn(model: Recommender, batch: int = 0) -> None:
    """Do nothing if there is room for what training keeps of a model beside it.

    Args:
        model: it is there, and on the device where it will be trained.
        batch: bytes that a step holds.

    Raises:
        IncompatibleError: if there is not.
    """
    if model.device.type != "cpu":
        return  # whose memory says no by itself, in a line
    learnt = [p for p in model.parameters() if p.requires_grad]
    lazy = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding) and m.sparse}
    need = batch
    for p in learnt:
        need += p.numel() * p.element_size() * (LEARNT - 1 + (0 if id(p) in lazy else DENSE))
    largest = max(learnt, key=lambda p: p.numel()).shape if learnt else ()
    require(need, f"training {model.name}", sizing(largest, "recommender", model.spec))
