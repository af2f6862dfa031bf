"""BM3: users, items and modalities pulled together, without a single negative item."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.dropout import Dropout, seed_dropout
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.lightgcn import Nodes
from vrbench.recommenders.multimodal.base import Multimodal, MultimodalSettings
from vrbench.recommenders.training.pairwise import half_square


class BM3(Multimodal):
    """Bootstrapped multimodal model (Zhou et al., WWW 2023, sections 3.1-3.3).

    ``x_ui = p(e_u) . p(e_i)``: the LightGCN rows of a user and of an item, to which the item's own
    row is added, each through one linear layer ``p``. The loss of a purchase is a sum of cosine
    distances: of ``p(e_u)`` to ``e_i`` and of ``p(e_i)`` to ``e_u``; and ``alignment`` times, for
    the linear view ``v`` of each modality, of ``p(v)`` to ``e_i`` and to ``v``. What is a distance
    *to* is constant and has entries left out at random.

    Pictures teach and do not score: no picture changed after the training moves a list, so
    promotion is possible by poisoning only.

    The penalty is ``l2 / 2`` times the squared rows of a purchase; in the authors' code it is the
    length of all rows, over the number of items.

    Args:
        sizes: users, items, the length of a feature vector; vectors of words, if there are any.
        dropout: share of the entries that is left out of what a distance is to.
        alignment: weight of the losses of modalities.
        layers, scale, modality_dropout, mirror, mirror_every: see ``Multimodal``.
        factors: length of a row.
        epochs, batch_size, lr, patience, eval_every: see ``EpochRecommender``; purchases of a step.
        l2: weight of the penalty.

    Example:
        >>> from vrbench.recommenders import BM3
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(BM3, factors=8, **BRISK)) > 0.8
        True
    """

    paper = "Zhou et al., WWW 2023"
    own_picture = False
    defaults = MultimodalSettings(layers=1, l2=0.0001)

    def __init__(
        self,
        sizes: Sizes,
        *,
        dropout: float = 0.3,
        alignment: float = 2.0,
        **training: Unpack[MultimodalSettings],
    ) -> None:
        super().__init__(sizes, **self.with_defaults(MultimodalSettings, training))
        self.refuse_if(alignment < 0 or not 0 <= dropout < 1, "alignment >= 0, dropout in [0, 1)")
        self.alignment = alignment
        self.predict = nn.Linear(self.factors, self.factors)
        self.thin = Dropout(dropout)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        seed_dropout(self, rng)

    def nodes(self) -> Nodes:
        user, item = self.propagate()
        return Nodes(user, item + self.item.weight)

    def encode(self, items: Tensor, visuals: Visuals) -> Nodes:
        user, item = self.nodes()
        return Nodes(self.predict(user), self.predict(item[items]))

    def batches(self, train: Interactions, rng: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        return self.purchases(train, rng)

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        users, liked = batch
        nodes = self.nodes()
        user, item = nodes.user[users], nodes.item[liked]
        to_user, to_item = self.thin(user).detach(), self.thin(item).detach()
        found = distance(self.predict(user), to_item) + distance(self.predict(item), to_user)
        for name, table in self.tables(visuals).items():
            view = self.modality(name)(liked, table)
            seen, to_view = self.predict(view), self.thin(view).detach()
            found = found + self.alignment * (distance(seen, to_item) + distance(seen, to_view))
        return (found + self.l2 * half_square(user, item)).mean()


def distance(rows: Tensor, targets: Tensor) -> Tensor:
    """Return the ``(B,)`` cosine distances of rows, in [0, 2]."""
    return 1 - F.cosine_similarity(rows, targets, dim=1)
