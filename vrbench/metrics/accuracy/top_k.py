"""Precision, F1, and means of precision and recall over the top k."""

from typing import Any, cast

import torch
from torch import Tensor

from vrbench import metrics
from vrbench.core.errors import ConfigError
from vrbench.data.dataset import Dataset
from vrbench.metrics.accuracy.places import hits, ordinal
from vrbench.metrics.base import CutoffMetric
from vrbench.metrics.ranking import defined, per_user
from vrbench.metrics.view import View


class Precision(CutoffMetric):
    """Share of the top ``k`` that are test items; ``k`` places, even if a list is shorter.

    Example:
        >>> from vrbench.metrics import Precision
        >>> from vrbench.testing.views import measured
        >>> measured(Precision(k=2))
        {'before': [0.5, 0.5], 'after': [0.5, 0.5]}
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        return defined(hits(view, dataset, self.k) / self.k, dataset)


class F1(CutoffMetric):
    """``(1 + b^2) P R / (b^2 P + R)`` of precision and recall; 0 without a hit.

    Args:
        k: length of the lists.
        beta: how much more recall weighs; 1 is F1, others are Elliot's DSC.

    Example:
        >>> from vrbench.metrics import F1
        >>> from vrbench.testing.views import measured
        >>> measured(F1(k=2))
        {'before': [0.5, 0.667], 'after': [0.5, 0.667]}
    """

    better = "higher"

    def __init__(self, *, k: int = 20, beta: float = 1.0) -> None:
        super().__init__(k=k)
        if beta <= 0:
            raise ConfigError(f"expected beta > 0, got {beta}")
        self.beta = beta

    @property
    def column(self) -> str:
        return f"F{self.beta:g}@{self.k}"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        # P = h / k and R = h / n make it (1 + b^2) h / (b^2 n + k).
        found, weight = hits(view, dataset, self.k), self.beta**2
        return defined((1 + weight) * found / (weight * dataset.test.counts + self.k), dataset)


class ExtendedF(CutoffMetric):
    """``(1 + b^2) x y / (b^2 x + y)`` of any two metrics of the top ``k``; 0 where both are.

    Elliot's ExtendedF1, per user. Of precision and recall it is ``F1``.

    Args:
        k: length of the lists.
        first, second: classes of ``vrbench.metrics``, per user, between 0 and 1, the larger the
            better, such as ``Precision``, ``Recall``, ``NDCG``, ``EPC``.
        beta: how much more the second weighs.

    Example:
        >>> from vrbench.metrics import ExtendedF
        >>> from vrbench.testing.views import measured
        >>> measured(ExtendedF(k=2, first="NDCG", second="Recall"))
        {'before': [0.551, 0.774], 'after': [0.436, 1.0]}
    """

    better = "higher"

    def __init__(
        self,
        *,
        k: int = 20,
        first: str = "Precision",
        second: str = "Recall",
        beta: float = 1.0,
    ) -> None:
        super().__init__(k=k)
        if beta <= 0:
            raise ConfigError(f"expected beta > 0, got {beta}")
        self.first, self.second, self.beta = first, second, beta
        self._of = tuple(_named(name)(k=k) for name in (first, second))

    @property
    def column(self) -> str:
        of = ", ".join(metric.name for metric in self._of)
        return f"F{self.beta:g}({of})@{self.k}"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        x, y = (metric.measure(view, dataset).double() for metric in self._of)
        weight = self.beta**2
        below = weight * x + y
        value = torch.where(below > 0, (1 + weight) * x * y / below, below)
        return value.float()


def _named(name: str) -> type[CutoffMetric]:
    """Return a class of metrics by its name.

    Raises:
        ConfigError: if there is none, or it is none of each user's first ``k`` places.
    """
    found: Any = getattr(metrics, name) if name in dir(metrics) else None
    wanted = isinstance(found, type) and issubclass(found, CutoffMetric)
    if not wanted or found is ExtendedF or found.better != "higher":
        kinds = "Precision, Recall, HR, MRR, NDCG, MAP"
        raise ConfigError(
            f"ExtendedF: {name!r} is no metric of a user's first k places that is good when large "
            f"(such as {kinds})"
        )
    return cast(type[CutoffMetric], found)


class MAP(CutoffMetric):
    """Average precision: precision at every hit in the top ``k``, over ``min(k, |test|)``.

    Example:
        >>> from vrbench.metrics import MAP
        >>> from vrbench.testing.views import measured
        >>> measured(MAP(k=2))
        {'before': [0.5, 0.5], 'after': [0.25, 1.0]}
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        rank = view.tested.ranks
        precision = ordinal(view, dataset) / rank.double()
        total = per_user(torch.where(rank <= self.k, precision, 0.0), dataset)
        return defined(total / dataset.test.counts.clamp(1, self.k), dataset)


class ElliotMAP(CutoffMetric):
    """What Elliot 0.3.1 calls MAP: the mean of precision at 1, 2, ... ``k``, hit or not.

    Example:
        >>> from vrbench.metrics import ElliotMAP
        >>> from vrbench.testing.views import measured
        >>> measured(ElliotMAP(k=2))
        {'before': [0.75, 0.25], 'after': [0.25, 0.75]}
    """

    name = "elliot_MAP"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        # A hit at rank r adds 1/n to precision at every n from r to k.
        longest = min(self.k, dataset.test.num_items)
        inverse = 1 / torch.arange(1, longest + 1, dtype=torch.float64)
        suffix = torch.cat([inverse.flip(0).cumsum(0).flip(0), torch.zeros(1).double()])
        added = suffix[view.tested.ranks.clamp(max=longest + 1) - 1]
        if self.k > longest:  # precision goes on falling past the last item
            ends = torch.tensor([self.k + 1, longest + 1], dtype=torch.float64).digamma()
            added = added + ends[0] - ends[1]
        return defined(per_user(added, dataset) / self.k, dataset)


class MAR(CutoffMetric):
    """Average recall: recall at every hit in the top ``k``, over ``min(k, |test|)``.

    Example:
        >>> from vrbench.metrics import MAR
        >>> from vrbench.testing.views import measured
        >>> measured(MAR(k=2))
        {'before': [0.25, 1.0], 'after': [0.25, 1.0]}
    """

    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        count, found = dataset.test.counts, hits(view, dataset, self.k)
        # Recall at the n-th hit is n / |test|.
        total = found * (found + 1) / 2 / count
        return defined(total / count.clamp(1, self.k), dataset)


class ElliotMAR(CutoffMetric):
    """What Elliot 0.3.1 calls MAR: the mean of recall at 1, 2, ... ``k``, hit or not.

    Example:
        >>> from vrbench.metrics import ElliotMAR
        >>> from vrbench.testing.views import measured
        >>> measured(ElliotMAR(k=2))
        {'before': [0.5, 0.5], 'after': [0.25, 1.0]}
    """

    name = "elliot_MAR"
    better = "higher"

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        places = (self.k + 1 - view.tested.ranks.double()).clamp(min=0)
        return defined(per_user(places, dataset) / (self.k * dataset.test.counts), dataset)
