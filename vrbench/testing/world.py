"""The toy world, whose right answers are known: a colour per item, a favourite colour per user."""

from functools import cache

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, Verdict
from vrbench.attacks.budget import Budget, Linf
from vrbench.core.seeds import Streams, stream
from vrbench.core.visuals import Signal, Table, Visuals
from vrbench.data.colours import colours
from vrbench.data.dataset import Dataset
from vrbench.extractors.base import Extractor
from vrbench.extractors.colour import Colour
from vrbench.recommenders.base import Recommender, RecommenderFactory, Sizes, class_of
from vrbench.recommenders.pairwise import PairwiseSettings
from vrbench.recommenders.ranking import rank
from vrbench.recommenders.scaled import ScaledSettings

# Settings with which a pairwise model learns this world in less than a second.
BRISK = PairwiseSettings(epochs=60, batch_size=64, lr=0.05, l2=0.01)
BRISK_LOOKS = ScaledSettings(**BRISK, visual_lr=0.05, l2_visual=0.0001)

NONE = torch.empty(0, dtype=torch.int64)


@cache
def toy_world() -> Dataset:
    """Return 36 items and 30 users; who likes red buys red items, and no other."""
    return colours()


def looks(world: Dataset, extractor: Extractor, signal: Signal | None) -> Visuals:
    """Return what a recommender with a ``signal`` is shown of a world's items."""
    images = world.catalogue.images
    if signal in (None, Signal.PIXELS):
        return images
    return Table(signal, extractor.see(images[torch.arange(len(images))], signal), None)


def toy_visuals(signal: Signal | None) -> Visuals:
    """Return what it is shown of the 36 items of the toy world, by a network that sees colours."""
    return looks(toy_world(), Colour().eval(), signal)


def taught(factory: RecommenderFactory, seed: int = 0) -> Recommender:
    """Return a recommender that has learnt the toy world."""
    world, visuals = toy_world(), toy_visuals(class_of(factory).signal)
    train, labels = world.train, world.catalogue.categories
    model = factory(Sizes(train.num_users, train.num_items, visuals.shape, labels))
    model.fit(train, world.valid, visuals, stream(seed))
    return model.eval().requires_grad_(False)


def favourites(model: Recommender, visuals: Visuals | None = None) -> float:
    """Return how well a model ranks: of its first three items, the share that users like.

    Of users with three held-out items of their colour. Chance finds about a tenth.
    """
    world, shown = toy_world(), visuals or toy_visuals(model.signal)
    first = rank(model, shown, world.seen, world.test, NONE, 3).ranking
    liked = world.test.matrix().gather(1, first)
    return float(liked[world.test.counts >= 3].float().mean())


class Redder:
    """A goal with a known optimum: as little red as the budget allows."""

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return the mean red of each picture; reached below 0.3."""
        loss = x[:, 0].flatten(1).mean(1)
        return Verdict(loss, loss - 0.3)


def red_removed(attack: Attack, budget: Budget | None = None) -> Tensor:
    """Return the grey levels by which an attack on ``Redder`` lowers the red of three pictures.

    Args:
        attack: what is tried.
        budget: 8 grey levels a pixel, unless another is given.
    """
    items = torch.arange(3)
    clean = toy_world().catalogue.images[items].clone()
    x = attack(clean, items, Redder(), budget or Linf(eps=8), Streams(0))
    return (clean - x)[:, 0].flatten(1).mean(1) * 255
