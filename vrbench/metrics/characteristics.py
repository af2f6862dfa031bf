"""Data characteristics: size, shape, density, Gini indices, rating deviation."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from vrbench.core.errors import one_of
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.metrics.base import Metric
from vrbench.metrics.view import Views

Kind = Literal["space size", "shape", "density", "user Gini", "item Gini", "rating deviation"]


class Characteristic(Metric):
    """One of the six numbers of a data set's training feedback (Deldjoo et al., SIGIR 2020).

    "space size" is ``log10(users * items / 1000)``, "shape" ``log10(users / items)``, "density"
    ``log10(pairs / (users * items))``; the two "Gini" coefficients are 0 where every user, or item,
    has as much feedback, and near 1 where one has all of it; "rating deviation" is that of all
    ratings, and of implicit feedback there is none.

    Args:
        kind: which of them.

    Example:
        >>> from vrbench.metrics import Characteristic
        >>> from vrbench.testing.world import toy_world
        >>> round(Characteristic(kind="shape").of(toy_world().train), 3)  # 30 users, 36 items
        -0.079
    """

    better = "lower"
    per = "system"

    def __init__(self, *, kind: Kind = "density") -> None:
        self.kind = one_of("Characteristic.kind", kind, Kind)

    @property
    def column(self) -> str:
        return self.kind

    def values(self, views: Views, dataset: Dataset) -> dict[str, Tensor]:
        return {"before": torch.tensor([self.of(dataset.train)])}

    def of(self, train: Interactions) -> float:
        """Return the number; NaN of a rating deviation without ratings."""
        users, items, pairs = train.num_users, train.num_items, len(train)
        if self.kind == "space size":
            return math.log10(users * items / 1000)
        if self.kind == "shape":
            return math.log10(users / items)
        if self.kind == "density":
            return math.log10(max(pairs, 1) / (users * items))
        if self.kind == "rating deviation":
            stars = train.ratings
            return float("nan") if stars is None else float(stars.double().std(correction=0))
        return gini(train.counts if self.kind == "user Gini" else train.popularity)


def gini(counts: Tensor) -> float:
    """Return ``1 - 2 sum_k (n + 1 - k) / (n + 1) * c_k / sum(c)``, of counts in ascending order."""
    ascending = counts.double().sort().values
    n = len(ascending)
    weight = (n - torch.arange(n, dtype=torch.float64)) / (n + 1)
    return float(1 - 2 * (weight * ascending).sum() / ascending.sum().clamp(min=1))
