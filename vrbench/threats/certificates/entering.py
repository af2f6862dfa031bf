"""The aim that a certificate speaks of: to be in the lists of more than a share of all users."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.attacks.goal import Verdict
from vrbench.core.visuals import Visuals
from vrbench.recommenders.base import Recommender
from vrbench.threats.certificates.entry import Entry

NO_BAR = -1e6  # a score that every item reaches


class Entering:
    """A goal on features: more than ``share`` of the users who may see an item have it in a list.

    The margin is that of the user at the edge: the room that is left to the bar of the last list
    that is needed, nearest first. The loss is its mean over all lists that are needed, which leads
    where the margin alone does not yet.

    Args:
        model: trained; the adversary knows it.
        visuals: what it is shown.
        entry: where items and bars stand.
        share: of the users who may see an item, in [0, 1).
        unit: what the features are divided by where the attack searches.
    """

    def __init__(
        self, model: Recommender, visuals: Visuals, entry: Entry, share: float, unit: float
    ) -> None:
        self.model, self.visuals, self.unit = model, visuals, unit
        self.users = torch.arange(len(entry.scores), device=model.device)
        # A user with fewer than k items to see has no bar; a number keeps the mean one.
        self.bars = entry.bars.clamp(min=NO_BAR).to(model.device)
        needed = (share * entry.asked.sum(0)).long() + 1
        self.needed = needed.clamp(max=len(entry.scores)).tolist()
        self.column = {item: n for n, item in enumerate(entry.items.tolist())}

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return loss and margin of ``items`` with scaled features ``x``, ``(B, D)``."""
        columns = [self.column[item] for item in items.tolist()]
        room = self.bars[:, columns] - self.scores(x, items)
        near = [
            room[:, n].topk(self.needed[column], largest=False).values
            for n, column in enumerate(columns)
        ]
        return Verdict(torch.stack([v.mean() for v in near]), torch.stack([v[-1] for v in near]))

    def scores(self, x: Tensor, items: Tensor) -> Tensor:
        """Return the ``(U, B)`` scores of ``items`` with scaled features ``x``."""
        shown = self.visuals.overlay(items, x * self.unit)
        return self.model.score(self.users, self.model.encode(items, shown))

    @torch.no_grad()
    def reached(self, x: Tensor, items: Tensor) -> Tensor:
        """Return ``(U, B)`` bool: in whose lists ``items`` are with scaled features ``x``."""
        columns = [self.column[item] for item in items.tolist()]
        return self.scores(x, items) >= self.bars[:, columns]
