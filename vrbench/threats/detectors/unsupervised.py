"""Unsupervised shilling detectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy import sparse

from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError, one_of
from vrbench.data.interactions import Interactions
from vrbench.recommenders.sparse_matrix import matrix_of
from vrbench.threats.detectors import features
from vrbench.threats.detectors.base import Detector, Floats

ROUNDS, MORE = 30, 5  # of subspace iteration: rounds, and directions besides those wanted
Feature = Literal["rdma", "wda", "wdma", "degsim", "lengthvar", "fmtd", "entropy"]
FEATURES: dict[Feature, Callable[[Interactions], Floats]] = {
    "rdma": features.rdma,
    "wda": features.wda,
    "wdma": features.wdma,
    "degsim": features.degree_similarity,
    "lengthvar": features.length_variance,
    "fmtd": features.mean_target_difference,
    "entropy": features.entropy,
}


class ByFeature(Detector):
    """Suspects users by one number, as in Chirita et al., WIDM 2005; large is suspect.

    Args:
        share: how many of all users are left out.
        feature: which number: "rdma", "wda", "wdma", "degsim", "lengthvar", "fmtd", "entropy".
        least: whether a small number is suspect instead.

    Example:
        >>> from vrbench.detectors import ByFeature
        >>> from vrbench.testing.world import suspected
        >>> suspected(ByFeature(share=0.1, feature="lengthvar"))
        3
    """

    paper = "Chirita et al., WIDM 2005"

    def __init__(
        self, *, share: float = 0.05, feature: Feature = "rdma", least: bool = False
    ) -> None:
        super().__init__(share=share)
        self.feature, self.least = one_of(f"{self.name}.feature", feature, Feature), least

    def suspicion(self, feedback: Interactions) -> Floats:
        found = FEATURES[self.feature](feedback)
        return -found if self.least else found


class PCASelectUsers(Detector):
    """Suspects users who differ least along the directions in which users differ (PCA).

    Mehta and Nejdl, UMUAI 2009, "PCA-based VarSelect": each user's row is brought to mean 0 and
    deviation 1, users' covariance is decomposed, and who has the smallest squared loadings on the
    first directions is suspect: fakes vary together and little. Public code sums signed loadings of
    *items*; here they are of users, and squared.

    Args:
        share: how many of all users are left out.
        directions: how many directions count.

    Example:
        >>> from vrbench.detectors import PCASelectUsers
        >>> from vrbench.testing.world import suspected
        >>> suspected(PCASelectUsers(share=0.1))
        3
    """

    paper = "Mehta and Nejdl, UMUAI 2009"

    def __init__(self, *, share: float = 0.05, directions: int = 3) -> None:
        super().__init__(share=share)
        if directions < 1:
            raise ConfigError(f"{self.name}.directions: expected 1 or more, got {directions}")
        self.directions = directions

    def suspicion(self, feedback: Interactions) -> Floats:
        rows = matrix_of(feedback)
        if feedback.ratings is not None:
            rows.data = feedback.ratings.double().numpy()
        return -np.square(_directions(rows, self.directions)).sum(1)


def _directions(rows: sparse.csr_matrix, count: int) -> Floats:
    """Return the loadings of users on the first directions, ``(num_users, count)``.

    Rows have mean 0 and deviation 1, zeros counted, and are never whole in memory: subspaces are
    iterated from a fixed start.
    """
    users, width = rows.shape
    mean = rows.sum(1).A1 / width
    spread = np.sqrt(np.maximum(rows.multiply(rows).sum(1).A1 / width - mean**2, 1e-12))
    back = rows.T.tocsr()

    def times(v: Floats) -> Floats:
        return (rows @ v - np.outer(mean, v.sum(0))) / spread[:, None]

    def back_times(u: Floats) -> Floats:
        scaled = u / spread[:, None]
        return back @ scaled - (mean[:, None] * scaled).sum(0)

    kept = min(count + MORE, users, width)
    basis = np.linalg.qr(Dice(0, "directions").normal(users, kept))[0]
    for _ in range(ROUNDS):
        basis = np.linalg.qr(times(back_times(basis)))[0]
    turned = np.linalg.svd(back_times(basis).T, full_matrices=False)[0]
    return np.asarray(basis @ turned[:, :count])


class DegreeSAD(Detector):
    """Suspects users whose items are popular in another way than everybody's (Li et al., 2016).

    Of each user the mean, the range and the lower quartile of the popularity of his items. The
    paper teaches a decision tree on labelled profiles; here nobody has labels, and suspicion is the
    sum of the three distances from the median of all users, each in units of the median distance.

    Example:
        >>> from vrbench.detectors import DegreeSAD
        >>> from vrbench.testing.world import suspected
        >>> suspected(DegreeSAD(share=0.1))
        3
    """

    paper = "Li et al., 2016"

    def suspicion(self, feedback: Interactions) -> Floats:
        popular = feedback.popularity.double().numpy()[feedback.items.numpy()]
        order = np.lexsort((popular, feedback.users.numpy()))
        popular, start = popular[order], feedback.indptr.numpy()[:-1]
        count = feedback.counts.numpy()
        has = count > 0
        at = start[has]
        total = np.add.reduceat(popular, at) if has.any() else np.zeros(0)
        told = [
            total / count[has],
            popular[at + count[has] - 1] - popular[at],
            popular[at + (count[has] - 1) // 4],
        ]
        found = np.zeros(len(count))
        for values in told:
            away = np.abs(values - np.median(values)) if len(values) else values
            found[has] += away / max(float(np.median(away)) if len(away) else 1.0, 1e-12)
        return found


class FraudPropagation(Detector):
    """Suspicion that spreads between users and items from a few (Zhang et al., IJCAI 2015).

    A walk between users and the items that they have: who shares much with suspects is suspected
    more, the seeds always wholly. Who has one seed in sight has an edge's weight of 1, more where a
    rating is far from its item's mean. The paper is given some fakes as seeds; here nobody knows
    any, and seeds are whom ``first`` suspects most.

    Args:
        share: how many of all users are left out.
        first: who names the seeds; None: ``PCASelectUsers``.
        seeds: how many of all users are seeds.
        steps: of the walk, at most; it ends where nothing moves by more than 0.01.

    Example:
        >>> from vrbench.detectors import FraudPropagation
        >>> from vrbench.testing.world import suspected
        >>> suspected(FraudPropagation(share=0.1))
        3
    """

    paper = "Zhang et al., IJCAI 2015"

    def __init__(
        self,
        *,
        share: float = 0.05,
        first: Detector | None = None,
        seeds: float = 0.01,
        steps: int = 50,
    ) -> None:
        super().__init__(share=share)
        if not 0 < seeds < 1 or steps < 1:
            raise ConfigError(
                f"{self.name}: expected a share of seeds between 0 and 1, and steps >= 1; "
                f"got {seeds}, {steps}"
            )
        self.first = PCASelectUsers() if first is None else first
        self.seeds, self.steps = seeds, steps

    def suspicion(self, feedback: Interactions) -> Floats:
        count = max(1, round(self.seeds * feedback.num_users))
        drawn = Dice(0, "seeds").order(feedback.num_users)
        before = self.first.suspicion(feedback)[drawn]
        seeds = drawn[np.argsort(-before, kind="stable")[:count]]
        weight = matrix_of(feedback)
        if feedback.ratings is not None:
            weight.data = 1 + features.Deviation(feedback).size
        to_item = sparse.diags(1 / np.maximum(weight.sum(0).A1, 1e-12)) @ weight.T
        to_user = sparse.diags(1 / np.maximum(weight.sum(1).A1, 1e-12)) @ weight
        users = np.zeros(feedback.num_users)
        users[seeds] = 1
        for _ in range(self.steps):
            moved = to_user @ (to_item @ users)
            moved[seeds] = 1
            still = np.abs(moved - users).max() < 0.01
            users = moved
            if still:
                break
        return users
