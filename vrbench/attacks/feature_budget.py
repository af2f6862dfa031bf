"""Budgets for tables of numbers that are no pictures, such as feature vectors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vrbench.attacks.budget import Budget
from vrbench.attacks.sums import lengths, units
from vrbench.core.seeds import Streams


@dataclass(frozen=True, kw_only=True)
class Rows(Budget):
    """Every row changes by a Euclidean length of at most ``eps``; there is no grid and no range.

    The norm of AMR's published test (Tang et al., TKDE 2020, sec. 4.4), where ``eps`` is measured
    in features that were divided by the largest absolute value of their table.

    Attributes:
        eps: the radius, in units of the rows.
        store: "float"; nothing is rounded.

    Example:
        >>> import torch
        >>> from vrbench.budgets import Rows
        >>> from vrbench.testing.views import rounded
        >>> rows = torch.tensor([[3.0, 4.0]])
        >>> rounded(Rows(eps=1.0).project(rows, torch.zeros(1, 2)).norm(dim=1))
        [1.0]
    """

    store: Literal["float"] = "float"

    @property
    def radius(self) -> float:
        """The radius, in the units of the rows."""
        return self.eps

    def spent(self, x: Tensor, clean: Tensor) -> Tensor:
        return lengths(x - clean)

    def steepest(self, gradient: Tensor) -> Tensor:
        return units(gradient)

    def project(self, x: Tensor, clean: Tensor) -> Tensor:
        length = lengths(x - clean)[:, None].clamp(min=1e-12)
        return clean + (x - clean) * (self.eps / length).clamp(max=1)

    def sample(self, clean: Tensor, items: Tensor, rng: Streams) -> Tensor:
        """Return rows at distance ``eps``, each in a random direction."""
        return clean + self.eps * self.steepest(rng.normal(items, *clean.shape[1:]))

    def finish(self, x: Tensor, clean: Tensor) -> Tensor:
        return self.project(x, clean)

    def excess(self, x: Tensor, clean: Tensor) -> Tensor:
        slack = 1e-5 * self.eps + 1e-6 * lengths(clean)  # float32, on rows of any size
        return (self.spent(x, clean) - slack - self.eps).nan_to_num(nan=torch.inf)

    def _round(self, x: Tensor, clean: Tensor) -> Tensor:
        return x


@dataclass(frozen=True, kw_only=True)
class RowShares(Rows):
    """Every row changes by at most ``eps`` percent of the Euclidean length of a typical row.

    A typical row is the median one of the table. What 10 percent are worth does not depend on the
    scale of the features, as 0.1 of ``Rows`` does on their largest number and on their count.

    Attributes:
        eps: percent.
        store: "float"; nothing is rounded.

    Example:
        >>> import torch
        >>> from vrbench.budgets import RowShares
        >>> RowShares(eps=10.0).among([torch.tensor([[3.0, 4.0], [0.0, 9.0], [1.0, 0.0]])]).eps
        0.5
    """

    def among(self, rows: Iterable[Tensor]) -> Rows:
        """Return the budget in units of ``rows``, which come in blocks, ``(n, D)`` each."""
        typical = torch.cat([lengths(block) for block in rows]).double().quantile(0.5)
        return Rows(eps=self.eps / 100 * float(typical))
