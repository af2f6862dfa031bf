"""What a search for profiles is given, and what becomes of what it finds."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from vrbench.attacks.profile.base import Aim, ProfileAttack, Taste, assembled
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.draft import Profiles
from vrbench.attacks.profile.shop import Floats, Ints, Shop
from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError, one_of

CELLS = 2**27  # users times items, one float64 each: 1 GiB


@dataclass(frozen=True)
class Problem:
    """Which items are to be chosen for whom.

    Attributes:
        real: ``(num_users, num_items)`` ones where a real user has an item.
        targets: ``(n,)`` attacked items.
        fixed: ``(fakes, num_items)`` ones where a fake has an item in any case: its targets.
        room: ``(fakes,)`` how many items may be chosen for each.
        free: ``(num_items,)`` bool: which items may be chosen.
        sign: 1.0 to push, -1.0 to nuke.
    """

    real: sparse.csr_matrix
    targets: Ints
    fixed: Floats
    room: Ints
    free: np.ndarray
    sign: float

    def rounded(self, wanted: Floats) -> Floats:
        """Return ``(fakes, num_items)`` zeros and ones: the most wanted items, as many as fit.

        Of equals the one with the lower position is taken.
        """
        order = np.argsort(-np.where(self.free, wanted, -np.inf), axis=1, kind="stable")
        most = np.minimum(self.room, self.free.sum())
        nth = np.arange(order.shape[1]) < most[:, None]
        found = self.fixed.copy()
        rows = np.repeat(np.arange(len(order)), most)
        found[rows, order[nth]] = 1
        return found

    def like_real(self, dice: Dice) -> Floats:
        """Return ``(fakes, num_items)`` preferences: a real user's items each, others by chance.

        Users are drawn among those who have anything, longest histories not preferred.
        """
        (active,) = np.nonzero(np.diff(self.real.indptr))
        drawn = active[dice.integers(len(active), len(self.room))]
        return self.real[drawn].toarray() + 0.5 * dice.uniform(*self.fixed.shape)


class OptimisedProfiles(ProfileAttack):
    """A search for the fillers that a model of the adversary's own says help the targets most.

    The adversary knows all feedback, trains a model on it and on the fakes, and hopes that what
    moves this model moves the shop's (transfer). Targets are dealt as in any other attack, and so
    many items as the budget leaves are chosen. ``cost`` counts what is asked of that model: how
    often it is fitted, and differentiated, at most.

    What is searched is which items a fake has. Where feedback is rated, fillers get stars drawn as
    the item's are. A number for each fake user and item is held in memory while searching; where
    the adversary scores everybody, one for each real user and item, too.

    Attributes:
        scores_everybody: whether it holds the scores of all real users at once.

    Args:
        aim: "push" or "nuke".

    Example:
        >>> from vrbench.attacks import FactorAscent, OptimisedProfiles
        >>> issubclass(FactorAscent, OptimisedProfiles), FactorAscent(aim="nuke").aim
        (True, 'nuke')
    """

    knows = "all feedback"
    scores_everybody: bool = False

    def __init__(self, *, aim: Aim = "push") -> None:
        self.aim = one_of(f"{self.name}.aim", aim, Aim)

    @property
    def wants_targets(self) -> bool:
        """Whether each fake has targets in any case."""
        return True

    @abstractmethod
    def wanted(self, problem: Problem, dice: Dice) -> Floats:
        """Return ``(fakes, num_items)``: the more, the rather a fake is to have an item."""

    def search(
        self, shop: Shop, targets: Ints, budget: FakeUsers, lengths: Ints, dice: Dice
    ) -> Profiles:
        if not len(lengths):
            return _nobody(shop)
        self._require_room(len(lengths), shop)
        fixed = _targets_of(self, shop, targets, budget, lengths)
        had = self.aim == "push" or shop.stars is not None
        shown = fixed if self.aim == "push" else np.zeros_like(fixed)  # hated is not had
        problem = Problem(
            _real(shop),
            targets,
            shown,
            lengths - fixed.sum(1).astype(np.int64) if had else lengths,
            _free(shop, targets if self.wants_targets else targets[:0]),
            1.0 if self.aim == "push" else -1.0,
        )
        chosen = problem.rounded(self.wanted(problem, dice)) - shown
        found = [_cells(chosen)]
        tastes: list[Taste] = ["as the item"]
        if had:
            found.append(_cells(fixed))
            tastes.append("loved" if self.aim == "push" else "hated")
        return assembled(found, tastes, budget, shop, len(lengths), dice)

    def _require_room(self, fakes: int, shop: Shop) -> None:
        """Raise before memory runs out.

        Raises:
            ConfigError: says what to take instead.
        """
        if fakes * shop.num_items > CELLS:
            raise ConfigError(
                f"{self.name} holds a number for each of {fakes} fake users and "
                f"{shop.num_items} items, {CELLS} at most: take a smaller budget.eps"
            )
        if self.scores_everybody and (shop.num_users + fakes) * shop.num_items > CELLS:
            raise ConfigError(
                f"{self.name} holds a number for each of {shop.num_users + fakes} users and "
                f"{shop.num_items} items, {CELLS} at most: take attack=factor_ascent, which does "
                "not, or a part of the shop (dataset=sampled)"
            )


def _targets_of(
    attack: OptimisedProfiles, shop: Shop, targets: Ints, budget: FakeUsers, lengths: Ints
) -> Floats:
    """Return ``(fakes, num_items)`` ones where a fake rates a target."""
    fixed = np.zeros((len(lengths), shop.num_items))
    if attack.wants_targets:
        indptr, which = budget.aims(lengths, targets)
        fixed[np.repeat(np.arange(len(lengths)), np.diff(indptr)), targets[which]] = 1
    return fixed


def _cells(table: Floats) -> tuple[Ints, Ints]:
    """Return rows and columns of what is not zero."""
    rows, columns = np.nonzero(table)
    return rows.astype(np.int64), columns.astype(np.int64)


def _real(shop: Shop) -> sparse.csr_matrix:
    shape = (shop.num_users, shop.num_items)
    return sparse.csr_matrix((np.ones(len(shop.items)), shop.items, shop.indptr), shape)


def _free(shop: Shop, targets: Ints) -> np.ndarray:
    free = np.ones(shop.num_items, dtype=bool)
    free[targets] = False
    return free


def _nobody(shop: Shop) -> Profiles:
    stars = None if shop.stars is None else np.empty(0)
    return Profiles(np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int64), stars)
