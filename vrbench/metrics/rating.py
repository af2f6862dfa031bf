"""How far scores are from the ratings they predict; for models that score in stars."""

import logging
from abc import abstractmethod

import torch
from torch import Tensor

from vrbench.data.dataset import Dataset
from vrbench.metrics.base import SystemMetric
from vrbench.metrics.view import View

log = logging.getLogger(__name__)


class _Difference(SystemMetric):
    """A mean over all test items; NaN without ratings, and of models that do not predict them.

    Ties and ranks play no part.
    """

    better = "lower"
    version = 2

    def measure(self, view: View, dataset: Dataset) -> float:
        rating, score = dataset.test.ratings, view.tested.scores
        if rating is None or score is None or not len(rating):
            return float("nan")
        if not view.tested.in_stars:
            log.warning("%s: the model ranks, its scores are no ratings: not a number", self.column)
            return float("nan")
        return float(self.average(score.double() - rating.double()))

    @abstractmethod
    def average(self, error: Tensor) -> Tensor:
        """Return one number of ``(T,)`` differences."""


class MAE(_Difference):
    """Mean absolute error of the scores of the test items.

    Example:
        >>> from vrbench.metrics import MAE
        >>> from vrbench.testing.views import measured
        >>> measured(MAE())
        {'before': 0.667, 'after': 0.667}
    """

    def average(self, error: Tensor) -> Tensor:
        return error.abs().mean()


class MSE(_Difference):
    """Mean squared error of the scores of the test items.

    Example:
        >>> from vrbench.metrics import MSE
        >>> from vrbench.testing.views import measured
        >>> measured(MSE())
        {'before': 0.667, 'after': 0.667}
    """

    def average(self, error: Tensor) -> Tensor:
        return error.square().mean()


class RMSE(_Difference):
    """Root of the mean squared error over all test items, not a mean of roots.

    Example:
        >>> from vrbench.metrics import RMSE
        >>> from vrbench.testing.views import measured
        >>> measured(RMSE())
        {'before': 0.816, 'after': 0.816}
    """

    def average(self, error: Tensor) -> Tensor:
        return torch.sqrt(error.square().mean())
