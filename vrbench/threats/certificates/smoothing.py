"""Randomised smoothing of the features that a recommender is served."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.stats import beta, norm
from torch import Tensor

from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.progress import progress
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Visuals
from vrbench.recommenders.base import Recommender
from vrbench.threats.certificates.entry import Entry


@dataclass(frozen=True, kw_only=True)
class Smoothing:
    """A shop that shows an item only where most of its noisy copies are in the list.

    Randomised smoothing (Cohen, Rosenfeld and Kolter, ICML 2019, theorem 1 and sec. 3.2), of the
    rule "item i is in the first k of user u": to the features of the item Gaussian noise is added,
    the other items are as they are, and the majority over the noise decides. If the item is out
    with a probability of at least ``p > 1/2``, it stays out of the *smoothed* list under every
    change of its features shorter than ``sigma * Phi^-1(p)`` (L2). ``p`` is the lower end of
    Clopper and Pearson's interval over the draws, at ``alpha`` divided by the number of users: an
    item's radii hold for all its users at once with confidence ``1 - alpha``.

    Attributes:
        sigma: standard deviation of the noise, in the units of the features.
        draws: noisy copies per item.
        alpha: how likely an item's certificate may be wrong.
    """

    sigma: float
    draws: int = 1000
    alpha: float = 0.001

    def __post_init__(self) -> None:
        if not self.sigma > 0 or self.draws < 1 or not 0 < self.alpha < 1:
            raise ConfigError(
                "smoothing: expected sigma > 0, draws >= 1 and alpha between 0 and 1, got "
                f"{self.sigma:g}, {self.draws} and {self.alpha:g}"
            )

    def radii(self, model: Recommender, visuals: Visuals, entry: Entry, seed: int = 0) -> Tensor:
        """Return ``(U, n)`` float64: the changes that cannot bring an item into a smoothed list.

        Zero where that cannot be told, infinite where the user has the item.

        Raises:
            IncompatibleError: if the model is not shown a feature vector of the item itself.
        """
        out = self.draws - self.entered(model, visuals, entry, seed)
        told = self.radius_of_counts(len(entry.scores))
        return told[out].masked_fill(~entry.asked, torch.inf)

    def radius_of_counts(self, users: int) -> Tensor:
        """Return what follows from each number of draws, 0 to ``draws``, in which an item is out.

        Args:
            users: for how many the radii of an item are to hold at once.
        """
        counts = torch.arange(self.draws + 1).numpy()
        level = self.alpha / max(1, users)
        lower = beta.ppf(level, counts, self.draws - counts + 1)
        lower[0] = 0.0
        return torch.from_numpy(self.sigma * norm.ppf(lower)).clamp(min=0)

    @torch.no_grad()
    def entered(self, model: Recommender, visuals: Visuals, entry: Entry, seed: int = 0) -> Tensor:
        """Return ``(U, n)`` int64: in how many draws an item is in a user's list.

        Raises:
            IncompatibleError: if the model is not shown a feature vector of the item itself.
        """
        if model.signal is not Signal.VECTOR or not model.own_picture:
            raise IncompatibleError(
                f"{model.name} is not shown a feature vector of the item: nothing is smoothed"
            )
        # Not a stream per item: those give quantiles of a finite number of steps, and the theorem
        # speaks of Gaussian noise.
        rng = stream(seed, "smoothing")
        items, device = entry.items.to(model.device), model.device
        clean, users = visuals[items], torch.arange(len(entry.scores), device=model.device)
        bars = entry.bars.to(device)
        found = torch.zeros(bars.shape, dtype=torch.int64, device=device)
        for _ in progress(range(self.draws), "drawing noise"):
            noise = torch.randn(clean.shape, generator=rng).to(device)
            shown = visuals.overlay(items, clean + self.sigma * noise)
            found += model.score(users, model.encode(items, shown)) >= bars
        return found.cpu()
