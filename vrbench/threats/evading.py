"""Adaptive attack on a detector of adversarial pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from vrbench.attacks.goal import Goal, GoalWrapper, TwoSpeed, Verdict, able
from vrbench.threats.detectors.pictures import Watch


class Evading(GoalWrapper):
    """Adaptive goal: another one, by pictures that a detector finds as usual as honest ones.

    Carlini and Wagner (AISec 2017): the detector becomes part of the loss. Up to the suspicion of
    the median honest picture it costs nothing; beyond, ``weight`` for each unit of
    ``Watch.excess``. The aim is reached where both are.

    Args:
        goal: the other aim.
        watch: the detector.
        weight: above 0.
    """

    def __init__(self, goal: Goal, watch: Watch, weight: float) -> None:
        super().__init__(goal)
        self._watch, self._weight = watch, weight

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        aim, excess = self._goal.judge(x, items), self._watch.excess(x)
        loss = aim.loss + self._weight * excess.relu().to(aim.loss.dtype)
        return Verdict(loss, torch.maximum(aim.margin, excess.to(aim.margin.dtype)))

    def hinge(self, x: Tensor, items: Tensor) -> Tensor:
        """Return the second loss of the other aim, to which suspicion is added as to the first."""
        found: Tensor = able(self._goal, "hinge")(x, items)
        return found + self._weight * self._watch.excess(x).relu().to(found.dtype)

    def redrawn(self, salt: int) -> Goal:
        """Return the same under other draws of a defence; itself where none are made."""
        redrawn = getattr(self._goal, "redrawn", None)
        other = self._goal if redrawn is None else redrawn(salt)
        return self if other is self._goal else Evading(other, self._watch, self._weight)


def evading(goal: Goal, watch: Watch, weight: float) -> Goal:
    """Return ``goal`` so that ``watch`` suspects nothing; of two judges, both."""
    if isinstance(goal, TwoSpeed):
        return goal.each(lambda judge: Evading(judge, watch, weight))
    return Evading(goal, watch, weight)
