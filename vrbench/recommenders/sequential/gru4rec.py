"""GRU4Rec: a recurrent network over what a user had."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.sequential.base import SequenceSettings, SequentialRecommender
from vrbench.recommenders.training.epochs import normal


class GRU4RecSettings(SequenceSettings, total=False):
    """How GRU4Rec is built and trained."""

    layers: int


class GRU4Rec(SequentialRecommender):
    """Recurrent recommendation with gated units (Hidasi et al., ICLR 2016, sec. 3).

    Rows of items go through ``layers`` of a GRU; the score of an item is its row times the state,
    plus a bias. A sequence is one user's, not a session's; the same rows are read and scored with
    (the authors' later "constrained" embeddings), where the paper reads one-hot vectors. Rows are
    thinned before they are read (Tan et al., DLRS 2016, leave out whole items). The paper's losses
    are ``loss=top1`` and ``bpr``, those of Hidasi and Karatzoglou (CIKM 2018) ``bpr_max`` and
    ``top1_max``, with ``negatives`` drawn uniformly for each place and not shared by a batch; the
    default is a softmax over all items.

    Args:
        sizes: users and items.
        layers: of the network.
        length, factors, dropout, loss, negatives, epochs, batch_size, lr, patience, eval_every: see
            ``SequentialRecommender``; dropout of the rows that are read.

    Raises:
        IncompatibleError: by ``fit``, if the train feedback has no timestamps.

    Example:
        >>> from vrbench.recommenders import GRU4Rec
        >>> from vrbench.testing.sequences import BRISK_NEXT, next_found
        >>> next_found(GRU4Rec, factors=16, **BRISK_NEXT) > 0.9
        True
    """

    paper = "Hidasi et al., ICLR 2016"
    defaults = GRU4RecSettings(layers=1)

    def __init__(
        self, sizes: Sizes, *, layers: int = 1, **training: Unpack[SequenceSettings]
    ) -> None:
        super().__init__(sizes, **self.with_defaults(SequenceSettings, training))
        self.refuse_if(layers < 1, "layers >= 1")
        self.layers = layers
        self.units = nn.GRU(self.factors, self.factors, layers, batch_first=True)
        self.popular = nn.Embedding(sizes.num_items, 1)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        self.item.weight.data.copy_(normal(self.item.weight, self.factors**-0.5, rng))
        for weight in self.units.parameters():
            drawn = 2 * torch.rand(weight.shape, generator=rng) - 1
            weight.data.copy_(drawn * self.factors**-0.5)
        nn.init.zeros_(self.popular.weight)

    def bias(self, items: Tensor) -> Tensor:
        made: Tensor = self.popular(items).squeeze(-1)
        return made

    def read(self, rows: Tensor) -> Tensor:
        made: Tensor = self.units(self.drop(rows))[0]
        return made
