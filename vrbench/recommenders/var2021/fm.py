"""FM as VAR calls LightFM, with two faults of its code behind flags."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.errors import IncompatibleError
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Side, Sizes
from vrbench.recommenders.training.epochs import Optimisers
from vrbench.recommenders.var2021.settings import CodedSettings
from vrbench.recommenders.var2021.vbpr import quiet_adagrad
from vrbench.recommenders.visual.feature_scaling import VisualFactorSettings
from vrbench.recommenders.visual.fm import FM


class FM2021(FM):
    """FM as VAR calls LightFM: raw features, Adagrad, no penalty, no validation.

    Trained here in batches, where LightFM goes triple by triple in four unlocked threads.

    Args:
        sizes: users, items, and the length D of a feature vector.
        factors: length K.
        epochs, batch_size: see ``PairwiseRecommender``.
        lr: of Adagrad, for all parameters.
        collide: a fault of VAR (protocol 4.3a): feature number ``j`` has the embedding and the
            bias of item ``j``, because both are keys of one dictionary.
        misfiled: a fault of VAR (protocol 4.3b): scores are filed in the order in which the items
            first occur in the training data, not under the items' own numbers.

    Example:
        >>> from vrbench.recommenders import FM2021
        >>> from vrbench.testing.world import favourites, taught
        >>> favourites(taught(FM2021, factors=8, epochs=30, batch_size=64, lr=0.2)) > 0.8
        True
    """

    paper = "Kula, CBRecSys 2015, as coded for VAR"
    selects = False

    defaults = VisualFactorSettings(epochs=100, lr=0.01)

    def __init__(
        self,
        sizes: Sizes,
        *,
        collide: bool = False,
        misfiled: bool = False,
        **training: Unpack[CodedSettings],
    ) -> None:
        given = self.with_defaults(CodedSettings, training)
        super().__init__(
            sizes,
            scale="none",
            visual_lr=given["lr"],
            l2=0.0,
            l2_visual=0.0,
            **given,
        )
        self.collide, self.misfiled = collide, misfiled
        if collide:  # one table for both
            rows = max(sizes.num_items, *sizes.visual)
            self.item, self.bias = nn.Embedding(rows, self.factors), nn.Embedding(rows, 1)
            del self.feature, self.feature_bias
        self.register_buffer("filed", torch.arange(sizes.num_items))

    filed: Tensor

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        if self.collide:
            self._collided(visuals)
        else:
            super().begin(visuals, rng)
            nn.init.zeros_(self.feature_bias.weight)
        nn.init.zeros_(self.bias.weight)
        tables = [self.user, self.item] + ([] if self.collide else [self.feature])
        for table in tables:
            drawn = torch.rand(table.weight.shape, generator=rng)
            table.weight.data.copy_((drawn - 0.5) / self.factors)

    def _collided(self, visuals: Visuals) -> None:
        self.centre.zero_()
        self.unit.fill_(1.0)

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        if self.misfiled:
            first = torch.full((train.num_items,), len(train))
            first.scatter_reduce_(0, train.items, torch.arange(len(train)), "amin")
            self.filed.copy_(first.argsort(stable=True))
        with quiet_adagrad():
            return super().fit(train, valid, visuals, rng)

    def _optimisers(self) -> Optimisers:
        return [torch.optim.Adagrad([p], lr=self.lr) for p in self.parameters()]

    def side(self, items: Tensor, visuals: Visuals) -> Side:
        if not self.collide:
            return super().side(items, visuals)
        seen = self.seen(items, visuals)
        dim = seen.shape[1]
        vector = self.item(items) + seen @ self.item.weight[:dim]
        bias = self.bias(items) + seen @ self.bias.weight[:dim]
        return Side(vector, bias.squeeze(1))

    def slope(self, users: Tensor) -> Tensor:
        if self.collide or self.misfiled:
            raise IncompatibleError(
                f"{self.name} reads an item's features as other items, too: collide=false and "
                "misfiled=false score it by its own"
            )
        return super().slope(users)

    def shared(self) -> list[Tensor]:
        return [] if self.collide else super().shared()

    def encode(self, items: Tensor, visuals: Visuals) -> Side:
        return self.side(self.filed[items] if self.misfiled else items, visuals)
