"""What tells fake users from real ones: one number per user, of all of them, real and fake.

In rated feedback ``r`` are stars. In implicit feedback a user has an item (1) or not (0), and what
an item gets on average is the share of users who have it: to have what few have is to deviate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vrbench.data.interactions import Interactions
from vrbench.recommenders.sparse_matrix import matrix_of

Floats = NDArray[np.float64]
BLOCK = 1024  # users compared with all others at once; bounds the memory


class Deviation:
    """The distances of all ratings from the means of their items.

    Args:
        feedback: of all users.
    """

    def __init__(self, feedback: Interactions) -> None:
        self.feedback = feedback
        self.users, self.items = feedback.users.numpy(), feedback.items.numpy()
        self.counts = feedback.counts.numpy()
        self.popularity = np.maximum(feedback.popularity.numpy(), 1)
        if feedback.ratings is None:
            self.given = np.ones(len(self.items))
            means = feedback.popularity.numpy() / max(1, feedback.num_users)
        else:
            self.given = feedback.ratings.double().numpy()
            total = np.bincount(self.items, self.given, feedback.num_items)
            means = total / self.popularity
        self.means = means
        self.size = np.abs(self.given - means[self.items])

    def summed(self, values: Floats) -> Floats:
        """Return the ``(num_users,)`` sums of a value of each rating, ``(N,)``."""
        return np.bincount(self.users, values, self.feedback.num_users).astype(np.float64)

    def averaged(self, values: Floats) -> Floats:
        """Return the ``(num_users,)`` means; 0 of users without ratings."""
        return self.summed(values) / np.maximum(self.counts, 1)


def rdma(feedback: Interactions) -> Floats:
    """Return the rating deviation from mean agreement (Chirita et al., WIDM 2005).

    The mean, over a user's items, of ``|r - mean| / n`` with ``n`` the users of the item.
    """
    of = Deviation(feedback)
    return of.averaged(of.size / of.popularity[of.items])


def wda(feedback: Interactions) -> Floats:
    """Return the weighted degree of agreement (Burke et al., KDD 2006): RDMA's sum, no mean."""
    of = Deviation(feedback)
    return of.summed(of.size / of.popularity[of.items])


def wdma(feedback: Interactions) -> Floats:
    """Return the weighted deviation from mean agreement (Burke et al., KDD 2006): ``1 / n**2``."""
    of = Deviation(feedback)
    return of.averaged(of.size / of.popularity[of.items] ** 2.0)


def length_variance(feedback: Interactions) -> Floats:
    """Return how far a user's number of items is from the mean, over the sum of squares of all."""
    away = feedback.counts.double().numpy()
    away = away - away.mean()
    return np.abs(away) / max((away**2).sum(), 1e-12)


def degree_similarity(feedback: Interactions, k: int = 25) -> Floats:
    """Return the mean similarity with the ``k`` nearest others (Chirita et al., WIDM 2005).

    Pearson's correlation over the items of both, of stars; the cosine of items in implicit
    feedback, where two users agree in all that both have.
    """
    ones = matrix_of(feedback)
    if feedback.ratings is None:
        length = np.sqrt(np.maximum(ones.sum(1).A1, 1))
        made = sparse.diags(1 / length) @ ones
        return _nearest(made.tocsr(), made.T.tocsr(), None, k)
    stars = ones.copy()
    stars.data = feedback.ratings.double().numpy()
    mean = stars.sum(1).A1 / np.maximum(ones.sum(1).A1, 1)
    stars.data = stars.data - np.repeat(mean, feedback.counts.numpy())
    return _nearest(stars, stars.T.tocsr(), ones, k)


def _nearest(
    rows: sparse.csr_matrix, columns: sparse.csr_matrix, ones: sparse.csr_matrix | None, k: int
) -> Floats:
    """Return the mean of the ``k`` largest similarities of each row with others."""
    count, found = rows.shape[0], []
    squares = None if ones is None else rows.multiply(rows).tocsr()
    back = None if ones is None else ones.T.tocsr()
    for first in range(0, count, BLOCK):
        at = slice(first, first + BLOCK)
        like = (rows[at] @ columns).toarray()
        if ones is not None and squares is not None:
            own = (squares[at] @ back).toarray()
            theirs = (ones[at] @ squares.T).toarray()
            like /= np.sqrt(np.maximum(own * theirs, 1e-12))
        like[np.arange(len(like)), first + np.arange(len(like))] = -np.inf
        most = min(k, count - 1)
        found.append(np.sort(like, axis=1)[:, count - most :].mean(1) if most else np.zeros(1))
    return np.concatenate(found)


def mean_target_difference(feedback: Interactions) -> Floats:
    """Return the filler mean target difference (Burke et al., KDD 2006).

    ``|mean of a user's extreme ratings - mean of the user's others|``, extreme being the fewest and
    the most stars there are; 0 where a user has no others, as in implicit feedback.
    """
    of = Deviation(feedback)
    if feedback.ratings is None or not len(of.given):
        return np.zeros(feedback.num_users)
    extreme = (of.given == of.given.max()) | (of.given == of.given.min())
    means, some = [], np.ones(feedback.num_users, dtype=bool)
    for which in (extreme, ~extreme):
        count = of.summed(which.astype(float))
        means.append(of.summed(np.where(which, of.given, 0)) / np.maximum(count, 1))
        some &= count > 0
    return np.where(some, np.abs(means[0] - means[1]), 0)


def entropy(feedback: Interactions) -> Floats:
    """Return the entropy, in bits, of a user's stars; in implicit feedback of the popularity.

    There a user's items are counted in ten classes, each with a tenth of all feedback.
    """
    of = Deviation(feedback)
    if feedback.ratings is not None:
        _, level = np.unique(of.given, return_inverse=True)
    else:
        order = np.argsort(-of.popularity, kind="stable")
        upto = np.cumsum(feedback.popularity.numpy()[order]) - feedback.popularity.numpy()[order]
        tenth = np.empty(len(order), dtype=np.int64)
        tenth[order] = np.minimum(upto * 10 // max(1, len(of.items)), 9)
        level = tenth[of.items]
    kinds = int(level.max()) + 1 if len(level) else 1
    keys = of.users * kinds + level
    table = np.bincount(keys, minlength=feedback.num_users * kinds).reshape(-1, kinds)
    share = table / np.maximum(table.sum(1, keepdims=True), 1)
    return np.asarray(-(share * np.log2(np.where(share > 0, share, 1))).sum(1))
