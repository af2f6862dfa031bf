"""What an adversary wants of the scores of real users, as a number to make large."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from vrbench.attacks.optimised.base import Problem


class Wish:
    """The targets, and who lacks them. Scores of all users are whole in memory, as what they have.

    Args:
        problem: the attack's.
    """

    def __init__(self, problem: Problem) -> None:
        self.sign = problem.sign
        self.users = problem.real.shape[0]
        self.targets = torch.from_numpy(problem.targets)
        self.lacks = torch.from_numpy(problem.real[:, problem.targets].toarray() == 0)
        self._real = problem.real

    @cached_property
    def _seen(self) -> Tensor:
        """What real users have, dense: only some wishes ask for it."""
        return torch.from_numpy(self._real.toarray() > 0)

    def likelihood(self, scores: Tensor) -> Tensor:
        """Return the mean log-softmax of the targets, for those who lack them (Tang et al.)."""
        told = scores[: self.users].log_softmax(1)[:, self.targets]
        return self.sign * told[self.lacks].mean()

    def margin(self, scores: Tensor, places: int) -> Tensor:
        """Return how far targets are from the last of ``places``, or above it (Huang et al.).

        The mean, over real users and targets that they lack, of the target's score less that of the
        last item recommended; both move with the model. Beyond that place nothing is gained.
        """
        some = scores[: self.users]
        least = some.detach().amin()  # what is seen stands behind all else
        shown = some.where(~self._seen, least).topk(min(places, some.shape[1]), 1).values
        above = self.sign * (some[:, self.targets] - shown[:, -1:])
        return above[self.lacks].clamp(max=0).mean()

    def places(self, scores: Tensor) -> float:
        """Return minus the mean log2 of the targets' places, for those who lack them; no gradient.

        A place is one plus the number of items that a user lacks and that score higher.
        """
        some = scores[: self.users].masked_fill(self._seen, -torch.inf)
        wanted = scores[: self.users][:, self.targets]
        found = []
        for n in range(len(self.targets)):
            above = (some > wanted[:, n : n + 1]).sum(1)[self.lacks[:, n]]
            found.append((above + 1).double().log2())
        return -self.sign * float(torch.cat(found).mean())
