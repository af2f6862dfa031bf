"""VMF: ratings from rows of users and items, and from what users make of pictures."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.shared_settings import apart
from vrbench.core.visuals import Signal, Visuals
from vrbench.recommenders.base import Sizes, tables
from vrbench.recommenders.collaborative.rated.base import (
    RatedFactorSettings,
    RatedRecommender,
    RatedSettings,
)
from vrbench.recommenders.training.epochs import normal
from vrbench.recommenders.training.pairwise import half_square
from vrbench.recommenders.visual.feature_scaling import measured


class VMF(RatedRecommender):
    """Visual matrix factorisation (Park et al., WWW 2017), as cornac has it.

    ``r_ui = low + (high - low) s(u_u . v_i + p_u . (E f_i))``, with ``s`` logistic and the range of
    train. The loss is the squared error in units of the range; the penalty is on the rows of a
    pair, and on E. With ``negatives`` it ranks, as every model of ratings does.

    Features have zero mean and unit variance, over the root of their number, as in the other visual
    models. cornac leaves the picture out of the rating that it predicts for a single pair, and
    draws all rows at unit deviation; its penalty on E counts once a batch for a sum of errors, here
    for a mean.

    Args:
        sizes: users, items, and the length of a feature vector.
        factors: length of the rows of users and items.
        visual_factors: and of users' rows for pictures.
        visual_lr: learning rate of E, which every batch touches.
        l2_visual: weight of the penalty on E.
        negatives, l2, epochs, batch_size, lr, patience, eval_every: see ``RatedRecommender``.

    Example:
        >>> from vrbench.recommenders import VMF
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> model = taught(VMF, factors=8, visual_factors=8, visual_lr=0.05, **BRISK)
        >>> favourites(model) > 0.8
        True
    """

    paper = "Park et al., WWW 2017"
    signal = Signal.VECTOR
    defaults = RatedFactorSettings(factors=20, negatives=4, l2=0.002)

    def __init__(
        self,
        sizes: Sizes,
        *,
        visual_factors: int = 20,
        visual_lr: float = 0.002,
        l2_visual: float = 0.001,
        **training: Unpack[RatedFactorSettings],
    ) -> None:
        own, shared = apart(self.with_defaults(RatedFactorSettings, training), RatedSettings)
        super().__init__(**shared)
        factors = own["factors"]
        self.refuse_if(min(factors, visual_factors) < 1, "factors, visual_factors >= 1")
        self.refuse_if(visual_lr <= 0 or l2_visual < 0, "visual_lr > 0 and l2_visual >= 0")
        self.factors, self.visual_factors = factors, visual_factors
        self.visual_lr, self.l2_visual = visual_lr, l2_visual
        (dim,) = sizes.visual
        self.user, self.item = tables(sizes, factors)
        self.taste = nn.Embedding(sizes.num_users, visual_factors, sparse=True)
        self.project = nn.Linear(dim, visual_factors, bias=False)
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("unit", torch.ones(dim))

    centre: Tensor
    unit: Tensor

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        for table in (self.user, self.item, self.taste):
            table.weight.data.copy_(normal(table.weight, 0.1, rng))
        centre, unit = measured(visuals, "standard", self.device)
        self.centre.copy_(centre)
        self.unit.copy_(unit)

    def dense_lr(self) -> float:
        return self.visual_lr

    def rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        return [self.user(users), self.item(items), self.taste(users)]

    def look(self, items: Tensor, visuals: Visuals) -> Tensor:
        """Return ``(B, V)``: what tastes are matched with."""
        view: Tensor = self.project((visuals[items] - self.centre) / self.unit)
        return view

    def batch_loss(self, batch: tuple[Tensor, ...], visuals: Visuals) -> Tensor:
        users, items, rating = batch
        many, flat = users.repeat_interleave(items.shape[1]), items.flatten()
        low, high, _ = self.scale
        wanted = (rating.flatten() - low) / (high - low)
        error = (self.part(many, flat, visuals) - wanted).square().mean()
        rows = self.l2 * half_square(*self.rows(many, flat)).mean()
        return error + rows + 0.5 * self.l2_visual * self.project.weight.square().sum()

    def part(self, users: Tensor, items: Tensor, visuals: Visuals) -> Tensor:
        """Return ``(B,)``: predictions in units of the range, in (0, 1)."""
        latent = (self.user(users) * self.item(items)).sum(1)
        seen = (self.taste(users) * self.look(items, visuals)).sum(1)
        return (latent + seen).sigmoid()

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals | None = None) -> Tensor:
        assert visuals is not None, "a rating depends on the picture"
        return self.stars(self.part(users, items, visuals))

    def encode(self, items: Tensor, visuals: Visuals) -> tuple[Tensor, Tensor]:
        return self.item(items), self.look(items, visuals)

    def score(self, users: Tensor, encoded: tuple[Tensor, Tensor]) -> Tensor:
        item, look = encoded
        return self.stars((self.user(users) @ item.T + self.taste(users) @ look.T).sigmoid())
