"""Users a model was not trained on, made from what they own."""

from __future__ import annotations

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
        _solve(*_padded(histories, users, device), vector, bias, others, l2)
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


def _solve(
    owned: Tensor, taken: Tensor, vector: Tensor, bias: Tensor, others: Tensor, l2: float
) -> Tensor:
    own_nhk, own_bias, rest_mk, rest_bias = vector[owned], bias[owned], vector[others], bias[others]
    is_own = torch.zeros(len(owned), len(vector), dtype=torch.bool, device=vector.device)
    is_own[
        torch.arange(len(owned), device=vector.device)[:, None].expand_as(owned)[taken],
        owned[taken],
    ] = True
    pair_nhm = (taken[:, :, None] & ~is_own[:, others][:, None]).double()
    pair_nhm /= pair_nhm.sum((1, 2), keepdim=True).clamp(min=1)
    ridge = l2 * torch.eye(vector.shape[1], dtype=vector.dtype, device=vector.device)

    def margins(row_nk: Tensor) -> Tensor:
        own = torch.einsum("nhk,nk->nh", own_nhk, row_nk) + own_bias
        return own[:, :, None] - (row_nk @ rest_mk.T + rest_bias)[:, None]

    def loss(row_nk: Tensor) -> Tensor:
        fit = (F.softplus(-margins(row_nk)) * pair_nhm).sum((1, 2))
        return fit + 0.5 * l2 * row_nk.square().sum(1)

    row = torch.zeros(len(owned), vector.shape[1], dtype=vector.dtype, device=vector.device)
    value = loss(row)
    for _ in range(STEPS):
        wrong = torch.sigmoid(-margins(row))
        pull, bend = wrong * pair_nhm, wrong * (1 - wrong) * pair_nhm
        slope = l2 * row - torch.einsum("nh,nhk->nk", pull.sum(2), own_nhk) + pull.sum(1) @ rest_mk
        going = slope.norm(dim=1) > EXACT
        if not going.any():
            break
        cross = torch.einsum("nhk,nhl->nkl", own_nhk, bend @ rest_mk)
        curve = torch.einsum("nh,nhk,nhl->nkl", bend.sum(2), own_nhk, own_nhk) + ridge
        curve = curve + rest_mk.T @ (bend.sum(1)[:, :, None] * rest_mk) - cross - cross.mT
        step = torch.linalg.solve(curve, slope) * going[:, None]
        length = torch.ones_like(value)
        for _ in range(30):  # halve, user by user, until the loss falls as a slope promises
            ahead = loss(row - length[:, None] * step)
            short = ahead > value - 1e-4 * length * (step * slope).sum(1) + 1e-15
            if not short.any():
                break
            length = torch.where(short, length / 2, length)
        row = row - length[:, None] * step
        value = loss(row)
    return row
