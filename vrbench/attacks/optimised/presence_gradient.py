"""How what a model says depends on what fake users have: its gradient, in closed form."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from vrbench.attacks.optimised.factors import Factors, Loss, systems
from vrbench.attacks.profile.shop import Floats


def presence_gradient(
    cells: sparse.csr_matrix,
    model: Factors,
    loss: Loss,
    utility: Factors,
    fakes: int,
    rounds: int,
) -> Floats:
    """Return ``(fakes, items)``: how a utility grows with what the last ``fakes`` users have.

    The model is its own optimum, and so depends on all cells: by the normal equations
    ``d v_j / d m_fj = A_j^-1 u_f (1 + alpha - alpha u_f . v_j)``, with ``A_j`` the ``k x k`` matrix
    of item ``j``, and likewise ``d u_f / d m_fj`` (Li et al., NIPS 2016, eq. 12, of this loss).
    That holds one table fast while the other moves. In truth each answers the other: every round
    follows that once more, and with many rounds the gradient is that of a model fitted anew.

    Args:
        cells: ``(users, items)`` of all users, the fake ones last.
        model: the factors, fitted to ``cells``.
        loss: what they minimise.
        utility: derivatives of the utility by the factors.
        fakes: how many of the users are.
        rounds: 0 is the published gradient.
    """
    back = cells.T.tocsr()
    of_users, of_items = _inverses(cells, model, loss)
    user, item = utility
    for _ in range(rounds):
        item = utility.item + _answer(cells, model, loss, _times(of_users, user))
        turned = Factors(model.item, model.user)
        user = utility.user + _answer(back, turned, loss, _times(of_items, item))
    some, others = model.user[-fakes:], model.item
    by_item, by_user = _times(of_items, item), _times(of_users, user)[-fakes:]
    moved = some @ by_item.T + by_user @ others.T
    return np.asarray(moved * (1 + loss.alpha - loss.alpha * (some @ others.T)))


def _inverses(cells: sparse.csr_matrix, model: Factors, loss: Loss) -> tuple[Floats, Floats]:
    """Return the inverse of every user's and of every item's matrix, ``(n, k, k)`` each."""
    of_users = systems(cells, model.item, loss)
    of_items = systems(cells.T.tocsr(), model.user, loss)
    return np.asarray(np.linalg.inv(of_users)), np.asarray(np.linalg.inv(of_items))


def _times(inverses: Floats, rows: Floats) -> Floats:
    return np.einsum("nij,nj->ni", inverses, rows)


def _answer(cells: sparse.csr_matrix, model: Factors, loss: Loss, pull: Floats) -> Floats:
    """Return what a pull at the rows' optimum is worth at the columns' factors, ``(columns, k)``.

    Args:
        cells: ``(rows, columns)``.
        model: of rows, then of columns.
        loss: what the rows minimise.
        pull: ``(rows, k)``, derivatives by the rows' factors times the rows' inverses.
    """
    rows, columns = model
    entry = np.repeat(np.arange(cells.shape[0]), np.diff(cells.indptr))
    score = np.einsum("nk,nk->n", rows[entry], columns[cells.indices])
    strength = np.einsum("nk,nk->n", pull[entry], columns[cells.indices])
    of_score = sparse.csr_matrix((cells.data * score, cells.indices, cells.indptr), cells.shape)
    of_pull = sparse.csr_matrix((cells.data * strength, cells.indices, cells.indptr), cells.shape)
    everywhere = columns @ (rows.T @ pull + pull.T @ rows)
    there = of_score.T @ pull + of_pull.T @ rows
    return np.asarray((1 + loss.alpha) * (cells.T @ pull) - everywhere - loss.alpha * there)
