"""How well a detector tells attacked pictures from honest ones."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError
from vrbench.data.dataset import Dataset
from vrbench.metrics.base import Metric
from vrbench.metrics.detection import area
from vrbench.metrics.view import Views


class PictureDetectionMetric(Metric):
    """Numbers of a detector of pictures; a row only where one looked.

    Beside those of the attacked pictures (after) stand those of the same items' own pictures
    (before): what a detector makes of nobody in particular.

    Example:
        >>> from vrbench.metrics import PictureDetectionAUC, PictureDetectionMetric
        >>> issubclass(PictureDetectionAUC, PictureDetectionMetric)
        True
    """

    @abstractmethod
    def measure(self, honest: Tensor, shown: Tensor) -> Tensor:
        """Return numbers of pictures ``shown``, ``(n,)``, beside ``(h,)`` honest ones."""

    def applies(self, views: Views) -> bool:
        return views.watched is not None

    def values(self, views: Views, dataset: Dataset) -> dict[str, Tensor]:
        seen = views.watched
        assert seen is not None
        return {
            "before": self.measure(seen.honest, seen.clean),
            "after": self.measure(seen.honest, seen.attacked),
        }


class PictureDetectionAUC(PictureDetectionMetric):
    """The chance that an attacked picture is suspected more than an honest one; ties count half.

    Example:
        >>> import torch
        >>> from vrbench.metrics import PictureDetectionAUC
        >>> PictureDetectionAUC().measure(torch.tensor([0.1, 0.2]), torch.tensor([0.3])).tolist()
        [1.0]
    """

    name = "picture detection AUC"
    better = "higher"
    per = "system"

    def measure(self, honest: Tensor, shown: Tensor) -> Tensor:
        attacked = torch.arange(len(honest) + len(shown)) >= len(honest)
        return torch.tensor([area(torch.cat([honest, shown]), attacked)])


class PicturesFound(PictureDetectionMetric):
    """1 where a picture is suspected more than the most suspect honest ones, else 0.

    The mean is the rate of true positives at a rate of false ones, ``share`` of the honest pictures
    at most. The clean value should be about ``share`` itself.

    Args:
        share: of honest pictures that may be suspected, too.

    Example:
        >>> import torch
        >>> from vrbench.metrics import PicturesFound
        >>> honest, shown = torch.arange(20.0), torch.tensor([18.0, 18.5, 30.0])
        >>> PicturesFound(share=0.05).measure(honest, shown).tolist()  # 19 is the one in twenty
        [0.0, 1.0, 1.0]
    """

    name = "pictures found"
    better = "higher"
    per = "image"

    def __init__(self, *, share: float = 0.05) -> None:
        if not 0 <= share < 1:
            raise ConfigError(f"PicturesFound.share: expected a share below 1, got {share}")
        self.share = share

    @property
    def column(self) -> str:
        return f"{self.name} at {100 * self.share:g} % false"

    def measure(self, honest: Tensor, shown: Tensor) -> Tensor:
        let_go = int(self.share * len(honest) + 1e-9)  # so many honest ones may be above
        bar = honest.sort(descending=True).values[let_go]
        return (shown > bar).float()
