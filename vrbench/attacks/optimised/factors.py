"""A model that is fitted in closed form: weighted factors, alternately of users and items."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from vrbench.attacks.profile.shop import Floats
from vrbench.core.dice import Dice

FIRST = 15  # rounds of a first fit


class Loss(NamedTuple):
    """What factors minimise (Hu et al., ICDM 2008), of feedback between 0 and 1.

    A cell that is there, 1, costs ``(1 + alpha) (1 - s)^2`` and one that is not ``s^2``; one that
    is there by half costs half of both, so what a fake has may change without a jump. To it comes
    ``l2`` times the squares of all factors.
    """

    alpha: float
    l2: float


class Factors(NamedTuple):
    """A score is a product of two rows."""

    user: Floats  # (users, k)
    item: Floats  # (items, k)


def drawn(users: int, items: int, k: int, dice: Dice) -> Factors:
    """Return factors to start from, normal with deviation 0.1."""
    return Factors(0.1 * dice.normal(users, k), 0.1 * dice.normal(items, k))


def with_fakes(real: sparse.csr_matrix, fakes: Floats) -> sparse.csr_matrix:
    """Return what real users have, and below it what fakes do, ``(users + fakes, items)``."""
    return sparse.vstack([real, sparse.csr_matrix(fakes)], format="csr")


def fitted(cells: sparse.csr_matrix, loss: Loss, k: int, dice: Dice) -> Factors:
    """Return factors of length ``k`` after a first fit, from a start that is drawn."""
    users, items = cells.shape
    return refitted(cells, loss, drawn(users, items, k, dice), FIRST)


def refitted(cells: sparse.csr_matrix, loss: Loss, start: Factors, rounds: int) -> Factors:
    """Return the factors after ``rounds`` of solving for users, then for items.

    Args:
        cells: ``(users, items)``, each within 0 and 1.
        loss: what is minimised.
        start: where the first round begins; its item factors are all that counts.
        rounds: how many; with enough of them both tables are each other's optimum.
    """
    user, item, back = start.user, start.item, cells.T.tocsr()
    for _ in range(rounds):
        user = solved(cells, item, loss)
        item = solved(back, user, loss)
    return Factors(user, item)


def solved(cells: sparse.csr_matrix, other: Floats, loss: Loss) -> Floats:
    """Return the ``(rows, k)`` optimum of the rows' factors, given those of the columns."""
    wanted = (1 + loss.alpha) * (cells @ other)
    return np.asarray(np.linalg.solve(systems(cells, other, loss), wanted[..., None])[..., 0])


def systems(cells: sparse.csr_matrix, other: Floats, loss: Loss) -> Floats:
    """Return the ``(rows, k, k)`` matrices of the rows' normal equations, all in one product."""
    k = other.shape[1]
    squares = (other[:, :, None] * other[:, None, :]).reshape(-1, k * k)
    everywhere = other.T @ other + loss.l2 * np.eye(k)
    return np.asarray(everywhere + loss.alpha * (cells @ squares).reshape(-1, k, k))
