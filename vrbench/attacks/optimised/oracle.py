"""An adversary's own shop, trained anew on whatever fakes are tried: a black box to ask."""

from __future__ import annotations

import torch
from scipy import sparse

from vrbench.attacks.optimised.aims import Wish
from vrbench.attacks.optimised.base import Problem
from vrbench.attacks.optimised.factors import Loss, drawn, refitted
from vrbench.attacks.profile.shop import Floats
from vrbench.core.dice import Dice

FIRST = 15  # rounds of the first fit


class OwnShop:
    """Weighted factors (``factors.Loss``), which say where targets come to stand.

    Published black boxes ask the shop itself, and count whom it shows the target: that takes a
    shop trained anew hundreds of times, and of an item of the tail the count is 0 throughout. Here
    it is a model of the adversary's, and what it is asked for is the targets' places.

    Args:
        problem: the attack's.
        factors: length of a row.
        refits: rounds of both solves after each change, from the clean model.
        dice: of the start.
    """

    def __init__(self, problem: Problem, factors: int, refits: int, dice: Dice) -> None:
        self.real, self.refits, self.wish = problem.real, refits, Wish(problem)
        self.loss = Loss(alpha=10.0, l2=1.0)
        users = problem.real.shape[0] + len(problem.room)
        start = drawn(users, problem.real.shape[1], factors, dice)
        self.clean = refitted(self._cells(0 * problem.fixed), self.loss, start, FIRST)

    def __call__(self, fakes: Floats) -> float:
        """Return what ``(fakes, num_items)`` shares of items are worth: ``Wish.places``."""
        model = refitted(self._cells(fakes), self.loss, self.clean, self.refits)
        scores = model.user[: self.wish.users] @ model.item.T
        return self.wish.places(torch.from_numpy(scores))

    def _cells(self, fakes: Floats) -> sparse.csr_matrix:
        return sparse.vstack([self.real, sparse.csr_matrix(fakes)], format="csr")
