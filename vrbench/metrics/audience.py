"""Hit ratio and rank of attacked items, in the targeted audience and outside it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from vrbench.core.errors import one_of
from vrbench.data.dataset import Dataset
from vrbench.metrics.base import CutoffMetric, RankMetric
from vrbench.metrics.view import View

Who = Literal["everyone", "audience", "others"]


class ItemHR(CutoffMetric):
    """Share of the attacked items that are in a user's top ``k`` (Cohen et al., WSDM 2021).

    Over the items that the user has not seen and that count for them: all; those the user is in the
    audience of ("audience": whom the objective aims at); those they are not ("others", the
    comparison of the paper). NaN where none counts; for all users if the aim names no audience.

    Args:
        k: length of the lists.
        who: "everyone", "audience" or "others".

    Example:
        >>> from vrbench.metrics import ItemHR
        >>> from vrbench.testing.views import measured
        >>> measured(ItemHR(k=1))
        {'before': [0.5, 0.0], 'after': [0.5, 1.0]}
        >>> measured(ItemHR(k=1, who="audience"))
        {'before': [1.0, 0.0], 'after': [0.0, 1.0]}
    """

    name = "item HR"
    better = "lower"

    def __init__(self, *, k: int = 20, who: Who = "everyone") -> None:
        super().__init__(k=k)
        self.who = one_of("who", who, Who)

    @property
    def column(self) -> str:
        return _column(super().column, self.who)

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        return _mean((view.attacked.ranks <= self.k).float(), view, self.who)


class ItemRank(RankMetric):
    """Mean rank of the attacked items; over which and for whom, see ``ItemHR``.

    Args:
        who: "everyone", "audience" or "others".

    Example:
        >>> from vrbench.metrics import ItemRank
        >>> from vrbench.testing.views import measured
        >>> measured(ItemRank())
        {'before': [1.5, 2.0], 'after': [1.5, 1.0]}
        >>> measured(ItemRank(who="others"))
        {'before': [2.0, nan], 'after': [1.0, nan]}
    """

    name = "item rank"
    better = "higher"

    def __init__(self, *, who: Who = "everyone") -> None:
        self.who = one_of("who", who, Who)

    @property
    def column(self) -> str:
        return _column(self.name, self.who)

    def measure(self, view: View, dataset: Dataset) -> Tensor:
        return _mean(view.attacked.ranks.float(), view, self.who)


def _mean(values: Tensor, view: View, who: Who) -> Tensor:
    """Return each user's mean over the items that count."""
    counts = view.attacked.ranks > 0
    if who != "everyone":
        if view.attacked.audience is None:
            return torch.full((len(values),), torch.nan)
        assert view.attacked.audience.shape == values.shape
        counts = counts & (view.attacked.audience if who == "audience" else ~view.attacked.audience)
    return torch.where(counts, values, torch.nan).nanmean(1)


def _column(name: str, who: Who) -> str:
    return name if who == "everyone" else f"{name} ({who})"
