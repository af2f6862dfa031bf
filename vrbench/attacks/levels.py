"""Rounding of an L2 perturbation to whole grey levels, at its full length."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.attacks.places import places
from vrbench.attacks.sums import row_sums

HALVINGS = 20  # of the interval of scales; what is left open counts as a tie
SLACK = 1e-4  # of squared lengths, which float32 does not know better


def whole_levels(size: Tensor, room: Tensor, eps: float) -> Tensor:
    """Return sizes of changes as whole levels, as near to their direction as they can be.

    Rounding each value by itself changes the length of the whole: a change of many small values
    vanishes, and one of many values may leave its ball. So of all changes in whole levels that are
    no longer than this one, nor than ``eps``, the one that goes farthest along it is taken. That is
    the greedy answer to a knapsack: the ``k``-th level of a value costs ``2 k - 1`` of the squared
    length and gains its size, and taking all levels that gain more than some share of their cost is
    rounding to nearest at another scale. Between ties, which values come first is decided by place.

    A change whose nearest whole levels are in the ball and no shorter keeps them; so does every
    change where ``eps`` is infinite.

    Args:
        size: ``(B, ...)``, at least 0, in levels.
        room: the most levels that each value can take.
        eps: radius, in levels.

    Returns:
        The shape of ``size``, each in ``[0, room]``, with a length of ``eps`` at most.
    """
    near = torch.minimum(size.round(), room)
    if eps == float("inf"):
        return near
    d, r, found = size.flatten(1), room.flatten(1), near.flatten(1)
    own, rounded = row_sums(d.square()).double(), _squared(found)
    short = places((rounded > eps**2) | (rounded < (1 - SLACK) * own))
    if len(short):
        most = torch.maximum(own.round(), rounded).clamp(max=eps**2)
        found[short] = _scaled(d[short], r[short], most[short])
    return found.reshape(size.shape)


def _scaled(size: Tensor, room: Tensor, most: Tensor) -> Tensor:
    """Return whole levels at the largest scale whose squared length is at most ``most``."""
    low, high = torch.zeros_like(most), (most.sqrt() + 1) / size.amax(1).clamp(min=1e-6)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        fits = _squared(_at(middle, size, room)) <= most
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    sure, next_up = _at(low, size, room), _at(high, size, room)
    costs = (next_up.double().square() - sure.double().square()).cumsum(1)
    left = most - _squared(sure)
    return torch.where(costs <= left[:, None], next_up, sure)


def _at(scale: Tensor, size: Tensor, room: Tensor) -> Tensor:
    return torch.minimum((scale.to(size)[:, None] * size).round_(), room)


def _squared(x: Tensor) -> Tensor:
    """Return the ``(B,)`` squared lengths of whole levels, which float64 holds exactly."""
    return x.square().sum(1, dtype=torch.float64)
