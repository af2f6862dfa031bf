"""Stealth of fake profiles: their distance from the real ones as a whole.

What is said of the fakes (attacked) is said, too, of as many real users drawn once (clean): so much
any sample differs from all the others.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor

from vrbench.core.dice import Dice
from vrbench.core.errors import one_of
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.metrics.base import Metric
from vrbench.metrics.view import Views

Measure = Literal["TVD", "JS"]
TENTHS = 10


class ForgedMetric(Metric):
    """One number of some users' profiles, beside those of all real users; needs fake ones.

    Example:
        >>> from vrbench.metrics import ForgedMetric, ProfileLength
        >>> issubclass(ProfileLength, ForgedMetric), ForgedMetric.per
        (True, 'system')
    """

    per = "system"
    better = "higher"

    @abstractmethod
    def compare(self, some: Interactions, real: Interactions) -> float:
        """Return the number of ``some`` users; NaN where it is not defined."""

    def applies(self, views: Views) -> bool:
        return views.fakes is not None

    def values(self, views: Views, dataset: Dataset) -> dict[str, Tensor]:
        assert views.fakes is not None
        real, fakes = dataset.train, views.fakes
        drawn = torch.from_numpy(Dice(0, "a sample of users").order(real.num_users))
        sample = of_users(real, drawn[: fakes.num_users])
        found = {"before": sample, "after": fakes}
        return {name: torch.tensor([self.compare(some, real)]) for name, some in found.items()}


class ProfileLength(ForgedMetric):
    """Mean number of items of a profile.

    Example:
        >>> from vrbench.metrics import ProfileLength
        >>> from vrbench.testing.world import toy_world
        >>> train = toy_world().train
        >>> ProfileLength().compare(train, train) == len(train) / train.num_users
        True
    """

    name = "profile length"

    def compare(self, some: Interactions, real: Interactions) -> float:
        return float(some.counts.double().mean())


class _Distance(ForgedMetric):
    """Args: ``measure`` is "TVD", half the sum of the differences of two distributions, or "JS"."""

    def __init__(self, *, measure: Measure = "TVD") -> None:
        self.measure = one_of(f"{self.name}.measure", measure, Measure)

    @property
    def column(self) -> str:
        return f"{self.name} {self.measure}"

    def between(self, some: Tensor, real: Tensor) -> float:
        """Return the distance of two histograms, in ``[0, 1]``; NaN of an empty one."""
        if not some.sum() or not real.sum():
            return float("nan")
        p, q = some.double() / some.sum(), real.double() / real.sum()
        return total_variation(p, q) if self.measure == "TVD" else jensen_shannon(p, q)


class PopularityDistance(_Distance):
    """How otherwise fakes choose among popular and unpopular items than real users do.

    Items are put in order of popularity and cut into ten parts with a tenth of the real feedback
    each; what is compared is how much of all feedback falls on each part.

    Example:
        >>> from vrbench.metrics import PopularityDistance
        >>> from vrbench.testing.world import toy_world
        >>> train = toy_world().train
        >>> PopularityDistance(measure="TVD").compare(train, train)
        0.0
    """

    name = "popularity"

    def compare(self, some: Interactions, real: Interactions) -> float:
        popularity = real.popularity
        order = popularity.argsort(descending=True, stable=True)
        upto = popularity[order].cumsum(0) - popularity[order]
        tenth = torch.empty_like(order)
        tenth[order] = (upto * TENTHS // max(1, len(real))).clamp(max=TENTHS - 1)
        counts = [torch.bincount(tenth[part.items], minlength=TENTHS) for part in (some, real)]
        return self.between(*counts)


class StarDistance(_Distance):
    """How otherwise fakes rate than real users do; of fakes that give stars only.

    Example:
        >>> import torch
        >>> from vrbench.metrics import StarDistance
        >>> StarDistance(measure="JS").between(torch.tensor([4, 0]), torch.tensor([0, 4]))
        1.0
    """

    name = "stars"

    def applies(self, views: Views) -> bool:
        return views.fakes is not None and views.fakes.ratings is not None

    def compare(self, some: Interactions, real: Interactions) -> float:
        assert some.ratings is not None
        assert real.ratings is not None
        both = torch.cat([some.ratings, real.ratings])
        _, level = both.unique(return_inverse=True)
        kinds = int(level.max()) + 1
        first, others = level.split([len(some), len(real)])
        return self.between(*(torch.bincount(part, minlength=kinds) for part in (first, others)))


def total_variation(p: Tensor, q: Tensor) -> float:
    """Return half the sum of absolute differences, in ``[0, 1]``."""
    return float((p - q).abs().sum() / 2)


def jensen_shannon(p: Tensor, q: Tensor) -> float:
    """Return the Jensen-Shannon divergence in bits, in ``[0, 1]``."""
    middle = (p + q) / 2

    def apart(a: Tensor) -> Tensor:
        return torch.where(a > 0, a * (a / middle.clamp(min=1e-300)).log2(), 0).sum()

    return float((apart(p) + apart(q)) / 2)


def of_users(feedback: Interactions, users: Tensor) -> Interactions:
    """Return the feedback of ``users``, numbered anew in their order."""
    start, count = feedback.indptr[users], feedback.counts[users]
    indptr = torch.cat([count.new_zeros(1), count.cumsum(0)])
    offset = torch.arange(int(indptr[-1])) - indptr[:-1].repeat_interleave(count)
    entry = start.repeat_interleave(count) + offset
    ratings = None if feedback.ratings is None else feedback.ratings[entry]
    return Interactions(
        indptr, feedback.items[entry], len(users), feedback.num_items, None, ratings
    )
