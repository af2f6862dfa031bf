"""FM: factorisation machines over a user, an item, and the features of its picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Side, Sizes, tables
from vrbench.recommenders.bilinear import Bilinear
from vrbench.recommenders.visual.feature_scaling import VisualFactorSettings


class FM(Bilinear):
    """Visual factorisation machine, trained by BPR.

    The form of LightFM (Kula, CBRecSys 2015, sec. 2.2), which VAR calls FM: an item is the sum of
    an identity embedding and of its features' embeddings, biases likewise:
    ``x_ui = gamma_u . (gamma_i + E f_i) + beta_i + beta' . f_i``. With ``second_order`` all pairs
    of variables interact (Rendle, ICDM 2010, eq. 1), which adds the item's own
    ``gamma_i . E f_i + (|E f_i|^2 - sum_d f_id^2 |e_d|^2) / 2``. What depends on the user alone
    cancels and is left out. In VAR's code feature number j shared the parameters of item j and
    scores were filed under other items (``FM2021`` has both); here features have their own rows
    and an item is its index.

    Args:
        sizes: users, items, and the length D of a feature vector.
        factors: length K of all embeddings.
        second_order: let the parts of an item interact with each other, too.
        scale, l2_visual, visual_lr: see ``ScaledFeatures``; E and beta' are what items share.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import FM
        >>> from vrbench.testing.world import BRISK_LOOKS, favourites, taught
        >>> favourites(taught(FM, factors=8, **BRISK_LOOKS)) > 0.8
        True
    """

    captures = True
    paper = "Kula, CBRecSys 2015; Rendle, ICDM 2010"

    def __init__(
        self, sizes: Sizes, *, second_order: bool = False, **training: Unpack[VisualFactorSettings]
    ) -> None:
        (dim,) = sizes.visual
        super().__init__(dim, **self.with_defaults(VisualFactorSettings, training))
        self.second_order = second_order
        self.user, self.item = tables(sizes, self.factors)
        self.bias = nn.Embedding(sizes.num_items, 1, sparse=True)
        self.feature = nn.Linear(dim, self.factors, bias=False)
        self.feature_bias = nn.Linear(dim, 1, bias=False)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        nn.init.zeros_(self.bias.weight)
        nn.init.zeros_(self.feature_bias.weight)

    def side(self, items: Tensor, visuals: Visuals) -> Side:
        seen, own = self.seen(items, visuals), self.item(items)
        look = self.feature(seen)
        bias = (self.bias(items) + self.feature_bias(seen)).squeeze(1)
        if self.second_order:
            lengths = self.feature.weight.square().sum(0)
            pairs = 0.5 * (look.square().sum(1) - seen.square() @ lengths)
            bias = bias + (own * look).sum(1) + pairs
        return Side(own + look, bias)

    def slope(self, users: Tensor) -> Tensor:
        if self.second_order:
            return super().slope(users)
        return (self.user(users) @ self.feature.weight + self.feature_bias.weight) / self.unit

    def rows(self, items: Tensor) -> list[Tensor]:
        return [self.item(items), self.bias(items)]

    def shared(self) -> list[Tensor]:
        return [self.feature.weight, self.feature_bias.weight]
