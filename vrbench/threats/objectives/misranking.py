"""Untargeted misranking: maximise the recommender's training loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.attacks.goal import Verdict
from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Recommender, class_of
from vrbench.recommenders.training.negative_sampling import triples
from vrbench.recommenders.training.pairwise import PairwiseRecommender
from vrbench.threats.objectives.base import Objective, check_promotable, distinct_rounds

if TYPE_CHECKING:
    from vrbench.threats.experiment import Experiment


class Misrank(Objective):
    """Untargeted misranking: raise the loss that the recommender was trained with.

    The aim of AMR's published test (Tang et al., TKDE 2020, eq. 5). The loss of an item is minus
    the BPR loss, summed over the training triples that it is part of, with one other item drawn
    per purchase, the same for every call; an item's share does not depend on how the others look
    in this call. The margin is that loss minus its value on clean visuals.

    Args:
        train: the triples' users and liked items.
        recommender: the model to be misled; it must score pairs, as all pairwise ones do.
        visuals: what it was trained on; ``x`` is what the items look like instead.

    Example:
        >>> import torch
        >>> from vrbench.objectives import Misrank
        >>> from vrbench.recommenders import VBPR
        >>> from vrbench.testing.world import taught, toy_visuals, toy_world
        >>> shop, model = toy_world(), taught(VBPR, epochs=2)
        >>> looks, items = toy_visuals(model.signal), torch.arange(3)
        >>> Misrank(shop.train, model, looks).judge(looks[items], items).loss.shape
        torch.Size([3])
    """

    paper = "Tang et al., TKDE 2020"

    def __init__(self, train: Interactions, recommender: Recommender, visuals: Visuals) -> None:
        _check(type(recommender))
        self.recommender, self.visuals = recommender, visuals
        device = recommender.device
        drawn = triples(train, stream(0, "misrank"))
        self._users, self._liked, self._other = (t.to(device) for t in drawn)
        self._clean: tuple[Tensor, Tensor] | None = None

    @classmethod
    def check(cls, x: Experiment) -> None:
        _check(class_of(x.recommender))

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        if self._clean is None:
            with torch.no_grad():
                self._clean = self._scores(self._liked), self._scores(self._other)
        rounds = distinct_rounds(items)
        now = torch.cat([self._loss(x[rows], items[rows]) for rows in rounds])
        with torch.no_grad():
            clean = [self._loss(self.visuals[items[rows]], items[rows]) for rows in rounds]
        back = torch.cat(rounds).argsort()
        return Verdict(-now[back], (torch.cat(clean) - now)[back])

    def _loss(self, x: Tensor, items: Tensor) -> Tensor:
        """Return the ``(B,)`` BPR losses of distinct ``items`` that look like ``x``."""
        assert self._clean is not None
        liked_score, other_score = self._clean
        shown = self.visuals.overlay(items, x)
        place = torch.full((len(self.visuals),), -1, device=items.device)
        place[items] = torch.arange(len(items), device=items.device)
        total = torch.zeros(len(items), device=items.device)
        for item, rest, sign in ((self._liked, other_score, 1), (self._other, liked_score, -1)):
            at = torch.nonzero(place[item] >= 0).squeeze(1)
            own = self.recommender(self._users[at], item[at], shown)
            total = total.index_add(0, place[item[at]], F.softplus(-sign * (own - rest[at])))
        return total

    def _scores(self, items: Tensor) -> Tensor:
        pairs = zip(self._users.split(8192), items.split(8192), strict=True)
        return torch.cat([self.recommender(u, i, self.visuals) for u, i in pairs])


def _check(recommender: type[Recommender]) -> None:
    """Raise unless it is trained on triples, and looks at an item's own picture."""
    check_promotable(recommender)
    if not issubclass(recommender, PairwiseRecommender):
        raise IncompatibleError(f"{recommender.name} is not trained on triples")
