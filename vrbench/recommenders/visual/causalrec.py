"""CausalRec: a preference in which pictures mediate, less what would be bought for looks alone.

Shape suffixes: B pairs or users, I items, K latent and V visual factors.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Signal, Visuals
from vrbench.recommenders.base import Sizes, mean_row, tables
from vrbench.recommenders.training.pairwise import half_square
from vrbench.recommenders.visual.feature_scaling import (
    VisualFactorModel,
    VisualFactorSettings,
    measured,
)


class Encoded(NamedTuple):
    """What scoring needs to know of ``I`` items."""

    matched: Tensor  # (I, K): rows that a user's row is matched with
    bias: Tensor  # (I,)
    look: Tensor  # (I, V): what tastes are matched with
    appeal: Tensor  # (I,)


class CausalRec(VisualFactorModel):
    """Causal inference for visual debiasing (Qiu et al., MM 2021).

    Two preferences are learnt side by side: for the item, with its picture as a mediator,
    ``m_ui = beta_i + gamma_u . (gamma_i * (1 + G f_i))``, and for the picture by itself,
    ``n_ui = theta_u . (E f_i) + beta' . f_i``. Together they are
    ``y(m, n) = s(m + n) s(m) s(n)``, ``s`` being the sigmoid. The loss of a triple is BPR's of
    ``y``, of ``m`` and of ``n``, added. What is served is the total indirect effect:
    ``y(m_ui, n_ui) - debias * y(m*_u, n_ui)``, where ``m*_u`` is the preference for nothing in
    particular: the mean row and bias of all items, with the mean picture of the training. So what a
    picture would gain whatever the item is taken away again.

    Means are constants: a picture changed afterwards moves its own item alone. The authors' code
    (in cornac) makes of the picture's bias a ``(B, B)`` matrix, which mixes users in the loss, and
    adds each user's scores to the biases that the next user is scored with; here neither is so.
    The loss is a mean over triples, theirs a sum; they offer tanh in the views of pictures as well.

    Args:
        sizes: users, items, and the length D of a feature vector.
        factors: length K of the latent rows.
        visual_factors: length V of tastes for pictures.
        debias: how much of the counterfactual is taken away; 0 serves ``y``.
        scale, l2_visual, visual_lr: see ``ScaledFeatures``; E, G and beta' are what items share.
        epochs, batch_size, lr, l2, patience, eval_every: see ``PairwiseRecommender``.

    Example:
        >>> from vrbench.recommenders import CausalRec
        >>> from vrbench.testing.world import BRISK_LOOKS, favourites, taught
        >>> favourites(taught(CausalRec, factors=8, visual_factors=8, **BRISK_LOOKS)) > 0.8
        True
    """

    paper = "Qiu et al., MM 2021"
    signal = Signal.VECTOR
    defaults = VisualFactorSettings(factors=32)

    def __init__(
        self,
        sizes: Sizes,
        *,
        visual_factors: int = 32,
        debias: float = 0.8,
        **training: Unpack[VisualFactorSettings],
    ) -> None:
        (dim,) = sizes.visual
        super().__init__(dim, **self.with_defaults(VisualFactorSettings, training))
        self.refuse_if(
            visual_factors < 1 or not 0 <= debias <= 1, "visual_factors >= 1, debias in [0, 1]"
        )
        self.visual_factors, self.debias = visual_factors, debias
        self.user, self.item = tables(sizes, self.factors)
        self.taste = nn.Embedding(sizes.num_users, visual_factors, sparse=True)
        self.bias = nn.Embedding(sizes.num_items, 1, sparse=True)
        self.mediate = nn.Linear(dim, self.factors, bias=False)  # G
        self.project = nn.Linear(dim, visual_factors, bias=False)  # E
        self.appeal = nn.Linear(dim, 1, bias=False)  # beta'
        self.register_buffer("typical", torch.zeros(dim))

    typical: Tensor  # (D,): the mean picture of the training, as scaled

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        nn.init.zeros_(self.bias.weight)
        nn.init.zeros_(self.appeal.weight)
        mean, _ = measured(visuals, "standard", self.device)
        self.typical.copy_((mean - self.centre) / self.unit)

    def encode(self, items: Tensor, visuals: Visuals) -> Encoded:
        f_ID = self.seen(items, visuals)
        matched = self.item(items) * (1 + self.mediate(f_ID))
        bias, appeal = self.bias(items).squeeze(1), self.appeal(f_ID).squeeze(1)
        return Encoded(matched, bias, self.project(f_ID), appeal)

    def nothing(self, users: Tensor) -> Tensor:
        """Return ``(B,)``, m*: what users make of no item in particular."""
        row = mean_row(self.item) * (1 + self.mediate(self.typical))
        return self.user(users) @ row + mean_row(self.bias)

    def _served(self, m: Tensor, n: Tensor, nothing: Tensor) -> Tensor:
        """Return the total indirect effect of preferences that broadcast."""
        return together(m, n) - self.debias * together(nothing, n)

    def score(self, users: Tensor, encoded: Encoded) -> Tensor:
        m_BI = self.user(users) @ encoded.matched.T + encoded.bias
        n_BI = self.taste(users) @ encoded.look.T + encoded.appeal
        return self._served(m_BI, n_BI, self.nothing(users)[:, None])

    def both(self, users: Tensor, items: Tensor, visuals: Visuals) -> tuple[Tensor, Tensor]:
        """Return ``(B,)`` each: preferences ``m`` and ``n`` of pairs."""
        encoded = self.encode(items, visuals)
        m_B = (self.user(users) * encoded.matched).sum(1) + encoded.bias
        n_B = (self.taste(users) * encoded.look).sum(1) + encoded.appeal
        return m_B, n_B

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals) -> Tensor:
        return self._served(*self.both(users, items, visuals), self.nothing(users))

    def penalty(self, users: Tensor, liked: Tensor, other: Tensor) -> Tensor:
        """Return the ``(B,)`` penalties of triples."""
        rows = [self.user(users), self.taste(users)]
        rows += [table(items) for table in (self.item, self.bias) for items in (liked, other)]
        shared = (self.mediate, self.project, self.appeal)
        whole = torch.stack([layer.weight.square().sum() for layer in shared]).sum()
        return self.l2 * half_square(*rows) + 0.5 * self.l2_visual * whole

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        """Return how far a liked item is *served* above another one, and penalties."""
        margin = self(users, liked, visuals) - self(users, other, visuals)
        return margin, self.penalty(users, liked, other)

    def loss(self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals) -> Tensor:
        yes, no = self.both(users, liked, visuals), self.both(users, other, visuals)
        margins = [together(*yes) - together(*no), yes[0] - no[0], yes[1] - no[1]]
        lost = torch.stack([F.softplus(-margin) for margin in margins]).sum(0)
        return (lost + self.penalty(users, liked, other)).mean()


def together(m: Tensor, n: Tensor) -> Tensor:
    """Return ``s(m + n) s(m) s(n)``, in (0, 1)."""
    return torch.sigmoid(m + n) * torch.sigmoid(m) * torch.sigmoid(n)
