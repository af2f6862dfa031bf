"""Recommenders whose score is one product: a vector per user, a vector and a bias per item."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vrbench.core.visuals import Signal, Visuals
from vrbench.recommenders.base import Side, mean_row
from vrbench.recommenders.training.pairwise import half_square
from vrbench.recommenders.visual.feature_scaling import VisualFactorModel


class Bilinear(VisualFactorModel):
    """``x_ui = gamma_u . v_i + b_i``, where pictures may speak in ``v_i`` and ``b_i``.

    Example:
        >>> import torch
        >>> from vrbench.recommenders import FM
        >>> from vrbench.testing.world import taught, toy_visuals
        >>> model = taught(FM, epochs=2)
        >>> model.side(torch.arange(2), toy_visuals(model.signal)).vector.shape
        torch.Size([2, 64])
    """

    signal = Signal.VECTOR
    user: nn.Embedding

    @abstractmethod
    def side(self, items: Tensor, visuals: Visuals) -> Side:
        """Return vectors and biases of ``items``."""

    def encode(self, items: Tensor, visuals: Visuals) -> Side:
        return self.side(items, visuals)

    @abstractmethod
    def rows(self, items: Tensor) -> list[Tensor]:
        """Return the ``(B, *)`` rows that belong to ``items`` and are penalised by ``l2``."""

    @abstractmethod
    def shared(self) -> list[Tensor]:
        """Return the weights that all items share and that are penalised by ``l2_visual``."""

    def score(self, users: Tensor, encoded: Side) -> Tensor:
        # In place: a second table of that size takes as long to come by as to fill.
        return (self.user(users) @ encoded.vector.T).add_(encoded.bias)

    def crowd(self, num_users: int) -> Callable[[Side], Tensor]:
        user = mean_row(self.user)
        return lambda side: (side.vector * user).sum(1) + side.bias

    def product(self, encoded: Side) -> Side:
        return encoded

    def forward(self, users: Tensor, items: Tensor, visuals: Visuals) -> Tensor:
        side = self.side(items, visuals)
        return (self.user(users) * side.vector).sum(1) + side.bias

    def compare(
        self, users: Tensor, liked: Tensor, other: Tensor, visuals: Visuals
    ) -> tuple[Tensor, Tensor]:
        both = self.side(torch.cat([liked, other]), visuals)
        (yes, no), (plus, minus) = both.vector.chunk(2), both.bias.chunk(2)
        user = self.user(users)
        margin = (user * (yes - no)).sum(1) + plus - minus
        penalty = half_square(user, *self.rows(liked), *self.rows(other))
        squares = [w.square().sum() for w in self.shared()] or [user.new_zeros(())]
        whole = torch.stack(squares).sum()
        return margin, self.l2 * penalty + 0.5 * self.l2_visual * whole
