"""A shop as it stands, and what an adversary made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from torch import Tensor

from vrbench.core.visuals import Visuals
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.extractors.base import Extractor
from vrbench.recommenders.base import Recommender, RecommenderFactory
from vrbench.threats.detectors.pictures import Watch
from vrbench.threats.objectives.base import Objective


@dataclass(frozen=True)
class Suspected:
    """What a detector made of all users, the fake ones last.

    Attributes:
        suspicion: ``(num_users,)`` float64, the larger, the more suspected.
        left_out: ``(num_users,)`` bool: whose feedback is not trained on.
        spec: its address.
    """

    suspicion: Tensor
    left_out: Tensor
    spec: Any = None


@dataclass(frozen=True)
class World:
    """One shop: what its recommender learns from, what it is shown, and what it has learnt.

    Whatever changes a world returns another one (``dataclasses.replace``), so that the shop before
    an attack and the shop after it stand side by side.

    Attributes:
        data: catalogue and feedback.
        images: the catalogue's pixels, decoded.
        network: the shop's extractor; fitted, wherever anybody looks through it.
        factory: makes the recommender, with the image network that it asks for.
        visuals: what the recommender is shown of every item.
        notes: of the network's training: ``final``, ``curve``, ``origin``.
        model: the recommender, trained; None until ``Session.fit``.
        fakes: what users have who are nobody; the recommender is trained on it, too.
        suspected: whom a detector made out, and left out of the training.
    """

    data: Dataset
    images: Visuals
    network: Extractor
    factory: RecommenderFactory
    visuals: Visuals
    notes: dict[str, Any] = field(default_factory=dict)
    model: Recommender | None = None
    fakes: Interactions | None = None
    suspected: Suspected | None = None

    @property
    def real(self) -> int:
        """How many users are real. All that is ranked and measured is of these."""
        return self.data.train.num_users

    @property
    def taught(self) -> Dataset:
        """What the recommender is trained on: the feedback of all users, the fake ones last.

        Where the feedback has times, that of fake users is dated by times of real feedback.
        """
        found, real = self.data, self.data.train
        if self.fakes is not None:
            train = real.followed_by(self.fakes.dated_like(real))
            valid = self.data.valid.followed_by(self.fakes.nobody())
            found = replace(found, train=train, valid=valid)
        if self.suspected is not None:
            kept = ~self.suspected.left_out[found.train.users]
            of = [found.train.spec, "without", self.suspected.spec]
            found = replace(found, train=found.train.keep(kept, of))
        return found

    @property
    def served(self) -> Recommender:
        """The trained recommender."""
        assert self.model is not None, "the recommender of this world is not trained yet"
        return self.model


class Aimed(Protocol):
    """What says whom an attacked item is to reach; an objective does."""

    def aimed_at(self, items: Tensor) -> Tensor | None:
        """Return ``(num_users, n)`` bool: whom each of ``items`` is to reach; None: nobody."""
        ...


@dataclass(frozen=True)
class Change:
    """What an adversary did to a world.

    Attributes:
        world: the world after it; a recommender that is poisoned is trained in it anew.
        complete: False where a dry run lacks what the adversary would have made.
        pixels: ``(n, 3, H, W)`` the attacked pictures, where it was pictures.
        queries: ``(n,)`` int64 questions asked for each of them.
        masking: by sign of masked gradients, how many items show it, of how many looked at; None
            where that is not known.
        objective: what the adversary wanted, where an objective was read, or a segment of users.
        watch: who looked at the pictures for attacked ones, where a shop does.
        beside: worlds to compare with, by the name of a view (``metrics.base.Views``): "random".
    """

    world: World
    complete: bool = True
    pixels: Tensor | None = None
    queries: Tensor | None = None
    masking: Mapping[str, Sequence[int]] | None = None
    objective: Objective | Aimed | None = None
    watch: Watch | None = None
    beside: Mapping[str, World] = field(default_factory=dict)
