"""What the adversary got, picture by picture."""

import torch
from torch import Tensor

from vrbench.metrics.base import CraftMetric
from vrbench.metrics.view import Crafted


class TargetedSuccess(CraftMetric):
    """1 where the served extractor takes the finished picture for the target class, else 0.

    Over all attacked items, as in VAR (protocol 2.4); NaN where the extractor has no such class.
    The clean value counts those that were taken for the target without any attack: no success of
    the adversary's, and on a coarse extractor not few.

    Example:
        >>> from vrbench.metrics import TargetedSuccess
        >>> from vrbench.testing.views import measured
        >>> measured(TargetedSuccess())
        {'before': [0.0, 0.0], 'after': [1.0, 0.0]}
    """

    name = "success"
    better = "lower"

    def measure(self, crafted: Crafted) -> Tensor:
        if crafted.target is None:
            return torch.full((len(crafted.predicted),), torch.nan)
        return (crafted.predicted == crafted.target).float()

    def baseline(self, crafted: Crafted) -> Tensor:
        if crafted.target is None:
            return torch.full((len(crafted.predicted),), torch.nan)
        return (crafted.predicted_before == crafted.target).float()


class AimReached(CraftMetric):
    """1 where the adversary's own aim is reached on the finished picture, by its own model.

    Example:
        >>> from vrbench.metrics import AimReached
        >>> from vrbench.testing.views import measured
        >>> measured(AimReached())
        {'after': [1.0, 0.0]}
    """

    name = "aim reached"
    better = "lower"

    def measure(self, crafted: Crafted) -> Tensor:
        return crafted.reached.float()


class FeatureLoss(CraftMetric):
    """Mean squared change of the served features, over all attacked items (VAR; protocol 2.5).

    Args:
        successful_only: as TAaMR reports it: pictures that did not reach the aim are left out,
            which makes a weak attack look as small as its few successes.

    Example:
        >>> from vrbench.metrics import FeatureLoss
        >>> from vrbench.testing.views import measured
        >>> measured(FeatureLoss())
        {'after': [1.0, 0.0]}
        >>> measured(FeatureLoss(successful_only=True))
        {'after': [1.0, nan]}
    """

    name = "feature loss"
    better = "lower"

    def __init__(self, *, successful_only: bool = False) -> None:
        self.successful_only = successful_only

    @property
    def column(self) -> str:
        return f"{self.name} (successful)" if self.successful_only else self.name

    def measure(self, crafted: Crafted) -> Tensor:
        loss = (crafted.vector_after - crafted.vector_before).square().mean(1)
        return torch.where(crafted.reached, loss, torch.nan) if self.successful_only else loss


class Queries(CraftMetric):
    """Questions that a black-box attack asked; 0 for attacks that need none.

    Example:
        >>> from vrbench.metrics import Queries
        >>> from vrbench.testing.views import measured
        >>> measured(Queries())
        {'after': [40.0, 100.0]}
    """

    name = "queries"
    better = "higher"

    def measure(self, crafted: Crafted) -> Tensor:
        return crafted.queries.float()
