"""Fold-in of new users: embeddings fitted to a trained model from their histories."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Side

ENTRIES = 2**22  # numbers held at once; changes no result
STEPS = 50  # most Newton steps; six to ten are the rule
EXACT = 1e-9  # length of the gradient at which a row is done


def folded(histories: Interactions, side: Side, others: Tensor, l2: float) -> Tensor:
    """Return the ``(num_users, K)`` rows that minimise each user's own pairwise loss.

    The loss is the one of training, in the new row only and without sampling: the mean over owned
    and other items of ``softplus(-(x_ui - x_uj))``, plus ``l2 / 2`` times the squared length of the
    row. All else stays as trained. It is strictly convex and solved by damped Newton steps in
    float64, every user on their own. Cohen et al. (WSDM 2021) average the vectors of the owned
    items instead, whose length has nothing to do with that of trained rows, though the biases
    have. AMR's second loss, on changed features, is left out. A user who owns nothing gets zeros.

    Args:
        histories: what each user owns.
        side: vectors and biases of all items.
        others: ``(m,)`` items that an owned one is compared with; a user's own are left out.
        l2: weight of the penalty, positive.
    """
    assert l2 > 0
    device = side.vector.device
    vector, bias, others = side.vector.double(), side.bias.double(), others.to(device)
    most = max(1, int(histories.counts.max())) if histories.num_users else 1
    widest = len(others) * max(most, vector.shape[1])
    rows = [
        _minimised(_losses(*_padded(histories, users, device), vector, bias, others, l2))
        for users in torch.arange(histories.num_users).split(max(1, ENTRIES // max(1, widest)))
    ]
    return torch.cat(rows).float() if rows else side.vector[:0]


def _padded(histories: Interactions, users: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return ``(n, h)`` owned items, and which of these places are taken."""
    counts = histories.counts[users]
    taken = torch.arange(max(1, int(counts.max()))) < counts[:, None]
    owned = torch.zeros(taken.shape, dtype=torch.int64)
    owned[taken] = histories.pairs_of(users)[1]
    return owned.to(device), taken.to(device)


class _Losses(NamedTuple):
    """The losses of ``n`` users in their own rows, each over ``h`` owned and ``m`` other items."""

    own_nhk: Tensor
    own_bias_nh: Tensor
    rest_mk: Tensor
    rest_bias_m: Tensor
    pair_nhm: Tensor  # weights that sum to 1; 0 where a place is empty, or the other owned, too
    l2: float

    def margins(self, row_nk: Tensor) -> Tensor:
        """Return ``(n, h, m)``: by how much owned items are scored above the others."""
        own = torch.einsum("nhk,nk->nh", self.own_nhk, row_nk) + self.own_bias_nh
        return own[:, :, None] - (row_nk @ self.rest_mk.T + self.rest_bias_m)[:, None]

    def at(self, row_nk: Tensor) -> Tensor:
        """Return the ``(n,)`` losses."""
        fit = (F.softplus(-self.margins(row_nk)) * self.pair_nhm).sum((1, 2))
        return fit + 0.5 * self.l2 * row_nk.square().sum(1)

    def slope(self, row_nk: Tensor, wrong: Tensor) -> Tensor:
        """Return the ``(n, K)`` gradients; ``wrong`` is the sigmoid of minus the margins."""
        pull = wrong * self.pair_nhm
        own = torch.einsum("nh,nhk->nk", pull.sum(2), self.own_nhk)
        return self.l2 * row_nk - own + pull.sum(1) @ self.rest_mk

    def curve(self, wrong: Tensor) -> Tensor:
        """Return the ``(n, K, K)`` Hessians."""
        bend, rest_mk = wrong * (1 - wrong) * self.pair_nhm, self.rest_mk
        ridge = self.l2 * torch.eye(rest_mk.shape[1], dtype=rest_mk.dtype, device=rest_mk.device)
        cross = torch.einsum("nhk,nhl->nkl", self.own_nhk, bend @ rest_mk)
        curve = torch.einsum("nh,nhk,nhl->nkl", bend.sum(2), self.own_nhk, self.own_nhk) + ridge
        return curve + rest_mk.T @ (bend.sum(1)[:, :, None] * rest_mk) - cross - cross.mT


def _losses(
    owned: Tensor, taken: Tensor, vector: Tensor, bias: Tensor, others: Tensor, l2: float
) -> _Losses:
    is_own = torch.zeros(len(owned), len(vector), dtype=torch.bool, device=vector.device)
    user = torch.arange(len(owned), device=vector.device)[:, None].expand_as(owned)
    is_own[user[taken], owned[taken]] = True
    pair_nhm = (taken[:, :, None] & ~is_own[:, others][:, None]).double()
    pair_nhm /= pair_nhm.sum((1, 2), keepdim=True).clamp(min=1)
    return _Losses(vector[owned], bias[owned], vector[others], bias[others], pair_nhm, l2)


def _minimised(losses: _Losses) -> Tensor:
    """Return the ``(n, K)`` rows at which each loss is least, by damped Newton steps."""
    row = torch.zeros_like(losses.own_nhk[:, 0])
    value = losses.at(row)
    for _ in range(STEPS):
        wrong = torch.sigmoid(-losses.margins(row))
        slope = losses.slope(row, wrong)
        going = slope.norm(dim=1) > EXACT
        if not going.any():
            break
        step = torch.linalg.solve(losses.curve(wrong), slope) * going[:, None]
        length = torch.ones_like(value)
        for _ in range(30):  # halve, user by user, until the loss falls as a slope promises
            ahead = losses.at(row - length[:, None] * step)
            short = ahead > value - 1e-4 * length * (step * slope).sum(1) + 1e-15
            if not short.any():
                break
            length = torch.where(short, length / 2, length)
        row = row - length[:, None] * step
        value = losses.at(row)
    return row
