"""A classifier of users, taught by attacks of the shop's own, and what its suspects share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from vrbench.attacks.profile.base import ProfileAttack
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.draft import Profiles
from vrbench.attacks.profile.fillers import BandwagonProfiles, RandomProfiles
from vrbench.attacks.profile.shop import Ints, Shop
from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError
from vrbench.core.extras import extra
from vrbench.data.interactions import Interactions
from vrbench.threats.detectors import features
from vrbench.threats.detectors.base import Detector, Floats

TOLD = (
    features.rdma,
    features.wda,
    features.wdma,
    features.degree_similarity,
    features.length_variance,
    features.mean_target_difference,
    features.entropy,
)


class SVMTIA(Detector):
    """A support vector machine, then the items that its suspects share (Zhou et al., 2016).

    The shop attacks itself: it adds fake users of its ``lessons``, who push items drawn at random,
    to the feedback it has, and teaches the machine to tell them from all others by seven features
    of a user. There are few fakes, so that between those at the border others are made up
    (borderline SMOTE). Then *target item analysis*: an item that suspects have far more often than
    everybody has it is a target; suspects who have none are let go. With stars, a target must have
    been given the most.

    Who is left out has been found guilty by both phases, so ``share`` is how many may be at most.
    What the machine is taught by is another attack than it is to find, unless the lesson is chosen
    so. True fakes among the feedback count as honest in its lessons, of which there should be more.

    Args:
        share: how many of all users are left out at most.
        lesson: what it is taught by; None: random and bandwagon profiles.
        lessons: fakes of each lesson, as a share of the users.
        pushed: how many items each lesson pushes.
        cost: of a user on the wrong side, ``C`` of the machine.
        excess: how many deviations more suspects than of another item must have a target.
        analysis: whether suspects are let go who share no target; if not, the machine alone says
            who is left out.

    Raises:
        ConfigError: if scikit-learn or imbalanced-learn is not installed.

    Example:
        >>> from vrbench.detectors import SVMTIA
        >>> from vrbench.testing.world import suspected
        >>> suspected(SVMTIA(share=0.1, lessons=0.3)) <= 3
        True
    """

    paper = "Zhou et al., 2016"

    def __init__(
        self,
        *,
        share: float = 0.1,
        lesson: ProfileAttack | None = None,
        lessons: float = 0.1,
        pushed: int = 5,
        cost: float = 1.0,
        excess: float = 4.0,
        analysis: bool = True,
    ) -> None:
        super().__init__(share=share)
        if not 0 < lessons <= 1 or pushed < 1 or cost <= 0:
            raise ConfigError(
                f"{self.name}: expected lessons above 0 and up to 1, pushed >= 1, cost > 0"
            )
        if lesson is not None and (lesson.asks_lists or lesson.asks_features):
            raise ConfigError(f"{self.name}.lesson: a detector knows feedback, no lists, no looks")
        self.taught_by = (RandomProfiles(), BandwagonProfiles()) if lesson is None else (lesson,)
        self.lessons, self.pushed, self.cost, self.excess = lessons, pushed, cost, excess
        self.analysis = analysis

    def suspicion(self, feedback: Interactions) -> Floats:
        """Return ``(num_users,)``: above 0 whom all phases find guilty, else from -1 to 0."""
        if not len(feedback):
            return np.full(feedback.num_users, -0.5)
        margin = self._margin(feedback)
        likely = 1 / (1 + np.exp(-margin))
        guilty = margin > 0
        if self.analysis:
            guilty = shares_target(feedback, guilty, self.excess)
        return np.where(guilty, likely, likely - 1)

    def suspects(self, suspicion: Floats) -> np.ndarray:
        return super().suspects(suspicion) & (suspicion > 0)

    def _margin(self, feedback: Interactions) -> Floats:
        """Return how far each user is on the fakes' side of the machine, ``(num_users,)``."""
        sampling = extra("imblearn.over_sampling", needed_by="SVMTIA", group="detection")
        machines = extra("sklearn.svm", needed_by="SVMTIA", group="detection")
        both = feedback.followed_by(self._lesson(feedback))
        told = np.stack([np.log1p(feature(both)) for feature in TOLD], 1)
        told = (told - told.mean(0)) / np.maximum(told.std(0), 1e-12)
        fake = np.arange(len(told)) >= feedback.num_users
        near = int(min(5, fake.sum() - 1))
        if near < 1:
            raise ConfigError("SVMTIA.lessons: at least two fakes are needed to learn from")
        grown = sampling.BorderlineSMOTE(random_state=0, k_neighbors=near)
        machine = machines.SVC(C=self.cost, gamma="scale")
        machine.fit(*grown.fit_resample(told, fake))
        return np.asarray(machine.decision_function(told[: feedback.num_users]))

    def _lesson(self, feedback: Interactions) -> Interactions:
        """Return the feedback of the fakes that it learns from."""
        stars = None if feedback.ratings is None else feedback.ratings.double().numpy()
        rows, items = feedback.indptr.numpy(), feedback.items.numpy()
        shop = Shop(rows, items, feedback.num_items, stars)
        budget = FakeUsers(eps=self.lessons, feedback="implicit" if stars is None else "rated")
        dice = Dice(0, "lessons")
        made = [
            attack(shop, np.sort(dice.order(shop.num_items)[: self.pushed]), budget, dice)
            for attack in self.taught_by
        ]
        return _together(made, feedback.num_items)


def _together(made: Sequence[Profiles], num_items: int) -> Interactions:
    """Return profiles one after the other, as feedback."""
    lengths = np.concatenate([some.lengths for some in made])
    indptr = torch.from_numpy(np.concatenate([[0], lengths.cumsum()]))
    items = torch.from_numpy(np.concatenate([some.items for some in made]))
    stars = [some.stars for some in made if some.stars is not None]
    ratings = torch.from_numpy(np.concatenate(stars)).float() if stars else None
    return Interactions(indptr, items, len(lengths), num_items, "lessons", ratings)


def shares_target(feedback: Interactions, suspect: np.ndarray, excess: float) -> np.ndarray:
    """Return ``(num_users,)`` bool: suspects who have an item that too many suspects have.

    With stars, only the most stars count.
    """
    users, items = feedback.users.numpy(), feedback.items.numpy()
    if feedback.ratings is not None:
        most = (feedback.ratings == feedback.ratings.max()).numpy()
        users, items = users[most], items[most]
    found = target_items(users, items, suspect, feedback.num_items, excess)
    guilty = np.zeros(len(suspect), dtype=bool)
    guilty[users[found[items]]] = True
    return guilty & suspect


def target_items(
    users: Ints, items: Ints, suspect: np.ndarray, num_items: int, excess: float
) -> np.ndarray:
    """Return ``(num_items,)`` bool: which items are targets of the suspects.

    How many more suspects have an item than as many users drawn at random would: where that lies
    ``excess`` deviations above its mean over all items, the item is a target.
    """
    everybody = np.bincount(items, minlength=num_items)
    theirs = np.bincount(items[suspect[users]], minlength=num_items)
    more = theirs - suspect.mean() * everybody
    return more > more.mean() + excess * max(float(more.std()), 1e-12)
