"""What a metric is: numbers about one view of the world, or about two."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError
from vrbench.core.spec import Component
from vrbench.data.dataset import Dataset
from vrbench.metrics.view import Crafted, View, Views


class Metric(Component, ABC):
    """Numbers, one per user or image, whose mean is reported.

    ``better`` says which way is good *for the shop* and is read by leaderboards; ``per`` tells
    what the average runs over, "system" that there is none; ``of_category`` whether it counts the
    source category; ``two_stage`` whether it looks at new items among candidates, which a run makes
    only then; ``weighs_pictures`` whether it asks how much pictures decide, found only then, too.

    Example:
        >>> from vrbench.metrics import HR
        >>> from vrbench.metrics.view import Views
        >>> from vrbench.testing.views import two_users
        >>> (before, shop), (after, _) = two_users(), two_users(after=True)
        >>> found = HR(k=1).values(Views(before, after), shop)
        >>> found["before"].tolist(), found["after"].tolist()
        ([1.0, 0.0], [0.0, 1.0])
    """

    better: ClassVar[Literal["higher", "lower"]]
    per: ClassVar[Literal["user", "image", "system"]]
    of_category: ClassVar[bool] = False
    two_stage: ClassVar[bool] = False
    weighs_pictures: ClassVar[bool] = False

    @property
    def column(self) -> str:
        """The column it gets in a table."""
        return self.name

    @property
    def places(self) -> int:
        """How many places of everyone's lists it is about; 0 if it is about no list."""
        return 0

    def applies(self, views: Views) -> bool:
        """Return whether the metric has a meaning there; a row is made only then."""
        return views.counts_categories or not self.of_category

    @abstractmethod
    def values(self, views: Views, dataset: Dataset) -> dict[str, Tensor]:
        """Return ``before``, ``after``, ...: one number per user or image, NaN undefined.

        Only those that there are; a metric of a change has no ``before``.
        """

    def pairs(self, views: Views, dataset: Dataset) -> tuple[Tensor, Tensor] | None:
        """Return the ``(U,)`` values before and after that a paired test compares; or None.

        It is also asked with ``views.random`` in place of ``views.before``.
        """
        return None


class RankMetric(Metric):
    """A metric of one view; reported before and after the attack.

    Example:
        >>> from vrbench.metrics import RankMetric
        >>> from vrbench.testing.views import two_users
        >>> class Length(RankMetric):
        ...     better = "higher"
        ...     def measure(self, view, dataset):
        ...         return (view.lists.ranking >= 0).sum(1).float()
        ...
        >>> Length().measure(*two_users()).tolist()
        [4.0, 3.0]
    """

    per = "user"

    @abstractmethod
    def measure(self, view: View, dataset: Dataset) -> Tensor:
        """Return one float32 value per user, ``(U,)``; NaN for users it is not defined for."""

    def tested(self, view: View, dataset: Dataset) -> Tensor:
        """Return the ``(U,)`` values that a paired test compares; those of ``measure``."""
        return self.measure(view, dataset)

    def values(self, views: Views, dataset: Dataset) -> dict[str, Tensor]:
        return {name: self.measure(view, dataset) for name, view in views.shown.items()}

    def pairs(self, views: Views, dataset: Dataset) -> tuple[Tensor, Tensor] | None:
        if views.after is None:
            return None
        return self.tested(views.before, dataset), self.tested(views.after, dataset)


class SystemMetric(Metric):
    """One number of all lists together; reported before and after the attack, without a test.

    Example:
        >>> from vrbench.metrics import SystemMetric
        >>> from vrbench.testing.views import two_users
        >>> class Users(SystemMetric):
        ...     better = "higher"
        ...     def measure(self, view, dataset):
        ...         return float(len(view.lists.ranking))
        ...
        >>> Users().measure(*two_users())
        2.0
    """

    per = "system"

    @abstractmethod
    def measure(self, view: View, dataset: Dataset) -> float:
        """Return the number; NaN where it is not defined."""

    def values(self, views: Views, dataset: Dataset) -> dict[str, Tensor]:
        shown = views.shown.items()
        return {name: torch.tensor([self.measure(view, dataset)]) for name, view in shown}


class Cutoff(Metric):
    """A metric of the first ``k`` places of the lists.

    Example:
        >>> from vrbench.metrics import HR
        >>> from vrbench.testing.views import two_users
        >>> HR(k=2).column
        'HR@2'
        >>> HR(k=2).top(*two_users()).tolist()
        [[0, 1], [2, 1]]
    """

    def __init__(self, *, k: int = 20) -> None:
        if k < 1:
            raise ConfigError(f"expected k >= 1, got {k}")
        self.k = k

    @property
    def column(self) -> str:
        return f"{self.name}@{self.k}"

    @property
    def places(self) -> int:
        return 0 if self.two_stage else self.k  # candidates are not in the lists

    def top(self, view: View, dataset: Dataset) -> Tensor:
        """Return the first ``k`` places, ``(U, k)``, fewer only where the catalogue is smaller.

        Raises:
            ConfigError: if longer lists are asked for than were kept.
        """
        kept = view.lists.ranking.shape[1]
        if self.k > kept and kept < dataset.train.num_items:
            raise ConfigError(f"{self.column}: lists of {kept} are kept; take k <= {kept}")
        return view.lists.ranking[:, : self.k]


class CutoffMetric(Cutoff, RankMetric):
    """A metric of each user's first ``k`` places.

    Example:
        >>> from vrbench.metrics import CutoffMetric
        >>> from vrbench.testing.views import two_users
        >>> class Blue(CutoffMetric):
        ...     better = "higher"
        ...     def measure(self, view, dataset):
        ...         return (view.counted.labels[self.top(view, dataset)] == 1).sum(1).float()
        ...
        >>> Blue(k=2).measure(*two_users()).tolist()
        [0.0, 1.0]
    """


class CutoffSystemMetric(Cutoff, SystemMetric):
    """One number of everyone's first ``k`` places.

    Example:
        >>> from vrbench.metrics import CutoffSystemMetric
        >>> from vrbench.testing.views import two_users
        >>> class First(CutoffSystemMetric):
        ...     better = "higher"
        ...     def measure(self, view, dataset):
        ...         return float(len(self.top(view, dataset).unique()))
        ...
        >>> First(k=1).measure(*two_users())
        2.0
    """


class ShiftMetric(Metric):
    """A metric of two views of one world; reported after the attack only.

    Example:
        >>> from vrbench.metrics import ShiftMetric
        >>> from vrbench.testing.views import two_users
        >>> class Climbed(ShiftMetric):
        ...     better = "lower"
        ...     def measure(self, before, after, dataset):
        ...         return (after.attacked.ranks < before.attacked.ranks).float().sum(1)
        ...
        >>> (before, shop), (after, _) = two_users(), two_users(after=True)
        >>> Climbed().measure(before, after, shop).tolist()
        [1.0, 1.0]
    """

    per = "user"

    @abstractmethod
    def measure(self, before: View, after: View, dataset: Dataset) -> Tensor:
        """Return one float32 value per user, ``(U,)``; NaN for users it is not defined for."""

    def applies(self, views: Views) -> bool:
        return views.after is not None and views.of_items and super().applies(views)

    def values(self, views: Views, dataset: Dataset) -> dict[str, Tensor]:
        later = {name: view for name, view in views.shown.items() if name != "before"}
        return {name: self.measure(views.before, v, dataset) for name, v in later.items()}


class CraftMetric(Metric):
    """A metric of the attacked pictures; reported after the attack, and before where it can be.

    Example:
        >>> from vrbench.metrics import CraftMetric
        >>> from vrbench.testing.views import two_pictures
        >>> class Brighter(CraftMetric):
        ...     better = "lower"
        ...     def measure(self, crafted):
        ...         return (crafted.attacked - crafted.clean).flatten(1).mean(1) * 255
        ...
        >>> [round(levels) for levels in Brighter().measure(two_pictures()).tolist()]
        [8, 0]
    """

    per = "image"

    def baseline(self, crafted: Crafted) -> Tensor | None:
        """Return the values of the clean pictures, ``(n,)``; None where a change is measured."""
        return None

    @abstractmethod
    def measure(self, crafted: Crafted) -> Tensor:
        """Return one float32 value per attacked picture, ``(n,)``; NaN where undefined."""

    def applies(self, views: Views) -> bool:
        return views.crafted is not None

    def values(self, views: Views, dataset: Dataset) -> dict[str, Tensor]:
        assert views.crafted is not None
        clean = self.baseline(views.crafted)
        found = {"after": self.measure(views.crafted)}
        return found if clean is None else found | {"before": clean}


class ImageMetric(CraftMetric):
    """A metric of the change of each picture alone.

    Example:
        >>> from vrbench.metrics import ImageMetric
        >>> from vrbench.testing.views import two_pictures
        >>> class Changed(ImageMetric):
        ...     better = "higher"
        ...     def compare(self, clean, attacked):
        ...         return (clean != attacked).flatten(1).float().mean(1)
        ...
        >>> Changed().measure(two_pictures()).tolist()
        [1.0, 0.0]
    """

    def measure(self, crafted: Crafted) -> Tensor:
        return self.compare(crafted.clean, crafted.attacked)

    @abstractmethod
    def compare(self, clean: Tensor, attacked: Tensor) -> Tensor:
        """Return one float32 value per image, ``(n,)``; both are ``(n, 3, H, W)`` in [0, 1]."""
