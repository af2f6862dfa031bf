"""BPR-MF: the same ranking without images; the control of every experiment."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from typing_extensions import Unpack

from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Sizes, mean_row, tables
from vrbench.recommenders.training.pairwise import FactorModel, FactorSettings, half_square


class BPRMF(FactorModel):
    """Bayesian personalised ranking with matrix factorisation (Rendle et al., UAI 2009).

    ``x_ui = beta_i + gamma_u . gamma_i``. The penalty covers the rows of the triple, biases too.

    Args:
        sizes: users and items.
        factors, epochs, batch_size, lr, l2, patience, eval_every: see ``FactorModel``.

    Example:
        >>> from vrbench.recommenders import BPRMF
        >>> from vrbench.testing.world import BRISK, favourites, taught
        >>> favourites(taught(BPRMF, factors=8, **BRISK)) > 0.8
        True
    """

    captures = True
    paper = "Rendle et al., UAI 2009"
    signal = None

    defaults = FactorSettings(l2=0.03)

    def __init__(self, sizes: Sizes, **training: Unpack[FactorSettings]) -> None:
        super().__init__(**self.with_defaults(FactorSettings, training))
        self.user, self.item = tables(sizes, self.factors)
        self.bias = nn.Embedding(sizes.num_items, 1, sparse=True)

    def begin(self, visuals: Visuals, rng: torch.Generator) -> None:
        super().begin(visuals, rng)
        nn.init.zeros_(self.bias.weight)

    def encode(self, items: Tensor, visuals: Visuals) -> tuple[Tensor, Tensor]:
        return self.item(items), self.bias(items)

    def score(self, users: Tensor, encoded: tuple[Tensor, Tensor]) -> Tensor:
        item_IK, bias_I1 = encoded
        return (self.user(users) @ item_IK.T).add_(bias_I1.T)

    def crowd(self, num_users: int) -> Callable[[tuple[Tensor, Tensor]], Tensor]:
        user = mean_row(self.user)
        return lambda encoded: (encoded[0] * user).sum(1) + encoded[1].squeeze(1)

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals) -> Tensor:
        return (self.user(users) * self.item(items)).sum(1) + self.bias(items).squeeze(1)

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        user, yes, no = self.user(users), self.item(liked), self.item(other)
        yes_bias, no_bias = self.bias(liked), self.bias(other)
        margin = (user * (yes - no)).sum(1) + (yes_bias - no_bias).squeeze(1)
        return margin, self.l2 * half_square(user, yes, no, yes_bias, no_bias)
