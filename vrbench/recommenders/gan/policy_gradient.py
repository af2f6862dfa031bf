"""Policy gradient (REINFORCE) for generators that sample items."""

from __future__ import annotations

import torch
from torch import Tensor


def policy_loss(log_p: Tensor, weight: Tensor, reward: Tensor) -> Tensor:
    """Return a loss whose expected gradient is that of minus the policy's expected reward.

    The expected reward is the mean over rows of ``sum_i p_i reward_i`` (REINFORCE). Rewards are
    taken less the mean that a row's other picks estimate, which leaves the expectation as it is.

    Args:
        log_p: ``(B, S)`` log-probabilities of independent picks under the policy.
        weight: ``(B, S)``, how much likelier a pick is under the policy than where it was drawn.
        reward: ``(B, S)`` of the picks; a constant, as is ``weight``.
    """
    assert log_p.shape == weight.shape == reward.shape
    worth = weight * reward
    others = (worth.sum(1, keepdim=True) - worth) / (worth.shape[1] - 1)
    return -((worth - weight * others).detach() * log_p).mean()


def drawn(chance: Tensor, draws: Tensor) -> Tensor:
    """Return ``(B, S)`` items, one per uniform number of ``draws``, ``(B, S)`` in [0, 1).

    Args:
        chance: ``(B, I)``, at least 0; rows need not sum to 1. What has none is not drawn.
        draws: uniform numbers.
    """
    above = chance.double().cumsum(1)
    found = torch.searchsorted(above, draws.double() * above[:, -1:], right=True)
    return found.clamp_(max=chance.shape[1] - 1)
