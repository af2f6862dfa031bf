"""Detection of fake profiles: AUC, recall, and the share of real users lost."""

from __future__ import annotations

from abc import abstractmethod

import torch
from scipy.stats import rankdata
from torch import Tensor

from vrbench.core.dice import Dice
from vrbench.data.dataset import Dataset
from vrbench.metrics.base import Metric
from vrbench.metrics.view import Views


class DetectionMetric(Metric):
    """One number of a detector; a row only where one looked.

    Example:
        >>> from vrbench.metrics import DetectionAUC, DetectionMetric
        >>> issubclass(DetectionAUC, DetectionMetric), DetectionMetric.per
        (True, 'system')
    """

    per = "system"

    @abstractmethod
    def measure(self, suspicion: Tensor, left_out: Tensor, fake: Tensor) -> float:
        """Return the number; all arguments are ``(num_users,)``, the last two bool."""

    def applies(self, views: Views) -> bool:
        return views.suspicion is not None

    def values(self, views: Views, dataset: Dataset) -> dict[str, Tensor]:
        assert views.suspicion is not None
        assert views.left_out is not None
        fake = torch.arange(len(views.suspicion)) >= dataset.train.num_users
        return {"after": torch.tensor([self.measure(views.suspicion, views.left_out, fake)])}


class DetectionAUC(DetectionMetric):
    """The chance that a fake user is suspected more than a real one; ties count half.

    Beside it (clean) the same of as many real users, drawn once: what it is of nobody in
    particular, about 0.5.

    Example:
        >>> import torch
        >>> from vrbench.metrics import DetectionAUC
        >>> suspicion, fake = torch.tensor([0.1, 0.2, 0.9]), torch.tensor([False, False, True])
        >>> DetectionAUC().measure(suspicion, fake, fake)
        1.0
    """

    name = "detection AUC"
    better = "higher"

    def measure(self, suspicion: Tensor, left_out: Tensor, fake: Tensor) -> float:
        return area(suspicion, fake)

    def values(self, views: Views, dataset: Dataset) -> dict[str, Tensor]:
        assert views.suspicion is not None
        real = dataset.train.num_users
        drawn = torch.from_numpy(Dice(0, "a sample of users").order(real))
        some = torch.zeros(real, dtype=torch.bool)
        some[drawn[: len(views.suspicion) - real]] = True
        before = area(views.suspicion[:real], some)
        return {"before": torch.tensor([before])} | super().values(views, dataset)


class FakesFound(DetectionMetric):
    """The share of the fake users that are left out.

    Example:
        >>> import torch
        >>> from vrbench.metrics import FakesFound
        >>> left_out, fake = torch.tensor([True, True, False]), torch.tensor([False, True, True])
        >>> FakesFound().measure(left_out.float(), left_out, fake)
        0.5
    """

    name = "fakes found"
    better = "higher"

    def measure(self, suspicion: Tensor, left_out: Tensor, fake: Tensor) -> float:
        return float(left_out[fake].double().mean())


class HonestLost(DetectionMetric):
    """The share of the real users that are left out with them.

    Example:
        >>> import torch
        >>> from vrbench.metrics import HonestLost
        >>> left_out, fake = torch.tensor([True, True, False]), torch.tensor([False, True, True])
        >>> HonestLost().measure(left_out.float(), left_out, fake)
        1.0
    """

    name = "honest users lost"
    better = "lower"

    def measure(self, suspicion: Tensor, left_out: Tensor, fake: Tensor) -> float:
        return float(left_out[~fake].double().mean())


def area(score: Tensor, positive: Tensor) -> float:
    """Return the area under the ROC curve of ``score``; NaN if one of the two sides is empty."""
    many = int(positive.sum())
    others = len(score) - many
    if not many or not others:
        return float("nan")
    ranks = torch.from_numpy(rankdata(score.numpy()))
    return float((ranks[positive].sum() - many * (many + 1) / 2) / (many * others))
