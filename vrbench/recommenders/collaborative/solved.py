"""Rows of users and items that a library solves for."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import History, Sizes


class SolvedFactors(nn.Module):
    """``x_ui = p_u . q_i`` of rows that no step changes: what stands before ``Recommender``."""

    user: Tensor  # (num_users, factors)
    item: Tensor  # (num_items, factors)

    def allocate(self, sizes: Sizes, factors: int) -> None:
        """Make room for the rows, zeros as yet."""
        self.register_buffer("user", torch.zeros(sizes.num_users, factors))
        self.register_buffer("item", torch.zeros(sizes.num_items, factors))

    def found(self, user: np.ndarray, item: np.ndarray) -> History:
        """Keep the rows that a fit found, and return its history."""
        self.user.copy_(torch.from_numpy(user))
        self.item.copy_(torch.from_numpy(item.copy()))
        return History()

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return self.item[items]

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        return self.user[users] @ encoded.T
