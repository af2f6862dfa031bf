"""VBPR: matrix factorisation with a linear view of the image.

Shape suffixes: B pairs or users, I items, D visual features, K latent and V visual factors.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.errors import ConfigError
from vrbench.core.shared_settings import apart
from vrbench.core.visuals import Signal, Visuals
from vrbench.recommenders.base import Side, Sizes, mean_row, tables
from vrbench.recommenders.training.pairwise import half_square
from vrbench.recommenders.visual.feature_scaling import VisualFactorModel, VisualFactorSettings


class VBPRSettings(VisualFactorSettings, total=False):
    """How VBPR is made and trained; see there."""

    visual_factors: int
    tied: bool


class VBPR(VisualFactorModel):
    """Visual Bayesian personalised ranking (He and McAuley, AAAI 2016, eq. 4).

    ``x_ui = beta_i + gamma_u . gamma_i + theta_u . (E f_i) + beta' . f_i``; the terms that do
    not depend on the item cancel in the loss and are left out. With ``tied`` it is the form of
    AMR, TAaMR and VAR: ``x_ui = gamma_u . (gamma_i + E f_i)``, no biases, one user vector.

    Args:
        sizes: users, items, and the length D of a feature vector.
        factors: length K of the latent rows.
        visual_factors: length V of the visual rows; with ``tied`` it must equal ``factors``.
        tied: share the user vector and drop the biases.
        scale, l2_visual, visual_lr: see ``ScaledFeatures``; E and beta' are what items share.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Raises:
        ConfigError: if settings contradict each other.

    Example:
        >>> from vrbench.recommenders import VBPR
        >>> from vrbench.testing.world import BRISK_LOOKS, favourites, taught
        >>> favourites(taught(VBPR, factors=8, visual_factors=8, **BRISK_LOOKS)) > 0.8
        True
    """

    captures = True
    paper = "He and McAuley, AAAI 2016"
    signal = Signal.VECTOR

    defaults = VBPRSettings(factors=32, visual_factors=32, tied=False)

    def __init__(self, sizes: Sizes, **training: Unpack[VBPRSettings]) -> None:
        (dim,) = sizes.visual
        own, shared = apart(self.with_defaults(VBPRSettings, training), VisualFactorSettings)
        super().__init__(dim, **shared)
        visual_factors, tied = own["visual_factors"], own["tied"]
        if tied and self.factors != visual_factors:
            raise ConfigError(
                f"{self.name}: tied needs equal factors, got {visual_factors} and {self.factors}"
            )
        self.visual_factors, self.tied = visual_factors, tied
        self.user, self.item = tables(sizes, self.factors)
        self.project = nn.Linear(dim, visual_factors, bias=False)
        if not tied:
            self.taste = nn.Embedding(sizes.num_users, visual_factors, sparse=True)
            self.bias = nn.Embedding(sizes.num_items, 1, sparse=True)
            self.appeal = nn.Linear(dim, 1, bias=False)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        if not self.tied:
            nn.init.zeros_(self.bias.weight)
            nn.init.zeros_(self.appeal.weight)

    def encode(self, items: Tensor, visuals: Visuals) -> tuple[Tensor, Tensor, Tensor | None]:
        f_ID = self.seen(items, visuals)
        if self.tied:
            return self.item(items) + self.project(f_ID), f_ID, None
        return self.item(items), self.project(f_ID), self.bias(items) + self.appeal(f_ID)

    def score(self, users: Tensor, encoded: tuple[Tensor, Tensor, Tensor | None]) -> Tensor:
        item_IK, look_IV, bias_I1 = encoded
        latent = self.user(users) @ item_IK.T
        if bias_I1 is None:
            return latent
        return latent.add_(self.taste(users) @ look_IV.T).add_(bias_I1.T)

    def crowd(self, num_users: int) -> Callable[[tuple[Tensor, Tensor, Tensor | None]], Tensor]:
        user = mean_row(self.user)
        taste = None if self.tied else mean_row(self.taste)

        def mean(encoded: tuple[Tensor, Tensor, Tensor | None]) -> Tensor:
            item_IK, look_IV, bias_I1 = encoded
            latent_I = (item_IK * user).sum(1)
            if taste is None or bias_I1 is None:
                return latent_I
            return latent_I + (look_IV * taste).sum(1) + bias_I1.squeeze(1)

        return mean

    def product(self, encoded: tuple[Tensor, Tensor, Tensor | None]) -> Side:
        item_IK, look_IV, bias_I1 = encoded
        if bias_I1 is None:
            return Side(item_IK, torch.zeros(len(item_IK), device=item_IK.device))
        return Side(torch.cat([item_IK, look_IV], 1), bias_I1.squeeze(1))

    def slope(self, users: Tensor) -> Tensor:
        if self.tied:
            return self.user(users) @ self.project.weight / self.unit
        return (self.taste(users) @ self.project.weight + self.appeal.weight) / self.unit

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals) -> Tensor:
        item_BK, look_BV, bias_B1 = self.encode(items, visuals)
        latent_B = (self.user(users) * item_BK).sum(1)
        if bias_B1 is None:
            return latent_B
        return latent_B + (self.taste(users) * look_BV).sum(1) + bias_B1.squeeze(1)

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        # Linear in the features: one product of their difference serves both items, and it is
        # the small matrix that is scaled, not the features.
        difference_BD = visuals.difference(liked, other)
        seen = difference_BD @ (self._visual_weight() / self.unit).T
        return self._assemble(users, liked, other, seen)

    def compare_seen(
        self, users: Tensor, liked: Tensor, other: Tensor, difference_BD: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return margins and penalties, given scaled features of liked minus other."""
        return self._assemble(users, liked, other, difference_BD @ self._visual_weight().T)

    def _visual_weight(self) -> Tensor:
        """Return E, and below it beta' unless tied: ``(V, D)`` or ``(V + 1, D)``."""
        if self.tied:
            return self.project.weight
        return torch.cat([self.project.weight, self.appeal.weight])

    def _assemble(
        self, users: Tensor, liked: Tensor, other: Tensor, seen: Tensor
    ) -> tuple[Tensor, Tensor]:
        user, yes, no = self.user(users), self.item(liked), self.item(other)
        if self.tied:
            margin, rows = (user * (yes - no + seen)).sum(1), [user, yes, no]
            whole = self.project.weight.square().sum()
        else:
            look, appeal = seen[:, :-1], seen[:, -1]
            taste, yes_bias, no_bias = self.taste(users), self.bias(liked), self.bias(other)
            margin = (user * (yes - no)).sum(1) + (taste * look).sum(1)
            margin = margin + (yes_bias - no_bias).squeeze(1) + appeal
            rows = [user, yes, no, taste, yes_bias, no_bias]
            whole = self.project.weight.square().sum() + self.appeal.weight.square().sum()
        return margin, self.l2 * half_square(*rows) + 0.5 * self.l2_visual * whole
