"""Adaptive shilling attack: profiles chosen to evade the shop's detector."""

from __future__ import annotations

import numpy as np
import torch

from vrbench.attacks.base import Cost
from vrbench.attacks.profile.base import ProfileAttack
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.draft import Profiles
from vrbench.attacks.profile.shop import Floats, Ints, Shop
from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError
from vrbench.data.interactions import Interactions
from vrbench.threats.detectors.base import Detector
from vrbench.threats.detectors.unsupervised import PCASelectUsers


class Unsuspected(ProfileAttack):
    """Of several sets of profiles, for each fake the one that a detector suspects least.

    The adversary has the shop's feedback and its detector, draws what ``inner`` would register
    ``tries`` times, looks at each set as the shop will, and keeps of each fake user the version
    that looked less suspicious. Lengths and targets are those of the budget, whichever is kept.

    Args:
        inner: the attack behind it.
        detector: what the shop is known to look with; None: ``PCASelectUsers``.
        tries: sets of profiles.

    Example:
        >>> from vrbench.attacks import AverageProfiles, Unsuspected
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(Unsuspected(inner=AverageProfiles()))]
        [(5, True), (5, True)]
    """

    paper = ""

    def __init__(
        self, *, inner: ProfileAttack, detector: Detector | None = None, tries: int = 10
    ) -> None:
        if tries < 1:
            raise ConfigError(f"{self.name}.tries: expected 1 or more, got {tries}")
        self.inner, self.tries = inner, tries
        self.detector = PCASelectUsers() if detector is None else detector
        self.aim, self.asks_lists = inner.aim, inner.asks_lists
        self.reads_categories, self.reads_names = inner.reads_categories, inner.reads_names
        self.knows = f"{inner.knows}; all feedback; the detector"

    @property
    def asks_features(self) -> bool:
        return self.inner.asks_features

    @property
    def cost(self) -> Cost | None:
        """That of all tries."""
        once = self.inner.cost
        return once and Cost(once.forward * self.tries, once.backward * self.tries)

    def lengths(self, shop: Shop, budget: FakeUsers, dice: Dice) -> Ints:
        return self.inner.lengths(shop, budget, dice)

    def audience(self, shop: Shop, targets: Ints) -> np.ndarray | None:
        return self.inner.audience(shop, targets)

    def search(
        self, shop: Shop, targets: Ints, budget: FakeUsers, lengths: Ints, dice: Dice
    ) -> Profiles:
        kept = self.inner.search(shop, targets, budget, lengths, dice)
        for _ in range(self.tries - 1 if len(lengths) else 0):
            other = self.inner.search(shop, targets, budget, lengths, dice)
            # Each is judged in the company it would have: a set of the same size.
            better = self._suspicion(shop, other) < self._suspicion(shop, kept)
            kept = _chosen(kept, other, better)
        return kept

    def _suspicion(self, shop: Shop, fakes: Profiles) -> Floats:
        """Return what the detector makes of each fake, ``(fakes,)``, beside the real users."""
        told = self.detector.suspicion(_feedback(shop, fakes))
        return told[shop.num_users :]


def _chosen(kept: Profiles, other: Profiles, better: np.ndarray) -> Profiles:
    """Return the rows of ``other`` where they are better, else those of ``kept``."""
    parts = [(some, which[_owners(some)]) for some, which in ((kept, ~better), (other, better))]
    rows = np.concatenate([_owners(some)[at] for some, at in parts])
    items = np.concatenate([some.items[at] for some, at in parts])
    order = np.lexsort((items, rows))
    indptr = np.concatenate([[0], np.bincount(rows, minlength=len(better)).cumsum()])
    stars = [some.stars[at] for some, at in parts if some.stars is not None]
    return Profiles(indptr, items[order], np.concatenate(stars)[order] if stars else None)


def _owners(profiles: Profiles) -> Ints:
    return np.repeat(np.arange(len(profiles.lengths)), profiles.lengths)


def _feedback(shop: Shop, fakes: Profiles) -> Interactions:
    """Return the feedback of all users, the fake ones last."""
    indptr = np.concatenate([shop.indptr, shop.indptr[-1] + fakes.indptr[1:]])
    items = np.concatenate([shop.items, fakes.items])
    ratings = None
    if shop.stars is not None and fakes.stars is not None:
        ratings = torch.from_numpy(np.concatenate([shop.stars, fakes.stars])).float()
    users = shop.num_users + len(fakes.lengths)
    of = torch.from_numpy(indptr), torch.from_numpy(items)
    return Interactions(*of, users, shop.num_items, "tried", ratings)
