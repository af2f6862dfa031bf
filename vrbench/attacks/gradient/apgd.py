"""Auto-PGD: projected gradient descent with an adaptive step size."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import ClassWrapper, Goal, Verdict, ask, classes_of, gradient
from vrbench.attacks.sums import beside
from vrbench.core.errors import IncompatibleError, one_of
from vrbench.core.seeds import Streams

Descends = Literal["loss", "margin", "dlr", "hinge"]
SHARE = 0.75  # of steps that must get on (rho), and of a step beside its momentum (alpha)
FIRST, LESS, LEAST = 22, 3, 6  # of 100 steps: the first span, and how the next ones shrink


class AutoPGD(Attack):
    """Auto-PGD, which needs no step length (Croce and Hein, ICML 2020, alg. 1).

    The first step is twice the budget's radius; a step keeps a quarter of the one before. At fixed
    checkpoints an item's step is halved, and it goes back to its best picture, if fewer than three
    quarters of its steps since the last one got on, or if neither the step nor the best has changed
    since then. The best picture of all restarts is kept.

    Differences: the loss falls where the paper's rises, and is the goal's own, so that the same
    search is aimed at a class or at a ranking. ``descend="dlr"`` is the paper's difference of
    logits ratio (eq. 6 and 7) with the class the goal names: it needs logits of at least four
    classes, and divides the lead of the best other class by the first logit less the mean of the
    third and the fourth (by the third, for a class to get away from). ``descend="hinge"`` is the
    second loss of a goal about rankings: how far the item is from the lists it is nearest to
    (``Promote.hinge``).

    Args:
        steps: gradient steps per restart, at least 1.
        restarts: searches from random pictures of the budget, at least 1.
        descend: "loss" or "margin" of the goal, "dlr" of its logits, or "hinge" of its rankings.

    Raises:
        IncompatibleError: if ``descend="dlr"`` and the goal has no logits, or too few; or
            ``descend="hinge"`` and it is not about rankings.

    Example:
        >>> from vrbench.attacks import AutoPGD
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(AutoPGD()).gt(7).tolist()
        [True, True, True]
    """

    paper = "Croce and Hein, ICML 2020"
    on_rows = True

    def __init__(self, *, steps: int = 100, restarts: int = 1, descend: Descends = "loss") -> None:
        self.refuse_if(steps < 1 or restarts < 1, "steps, restarts >= 1")
        self.descend = one_of("AutoPGD.descend", descend, Descends)
        self.steps, self.restarts = steps, restarts

    @property
    def cost(self) -> Cost | None:
        passes = (self.steps + 1) * self.restarts
        return Cost(passes, passes)

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        goal = Ratio(goal) if self.descend == "dlr" else goal
        goal = Hinge(goal) if self.descend == "hinge" else goal
        best = Best(clean)
        for _ in range(self.restarts):
            self._descend(budget.sample(clean, items, rng), clean, items, goal, budget, best)
        return best.x

    def _descend(
        self,
        x: Tensor,
        clean: Tensor,
        items: Tensor,
        goal: Goal,
        budget: Budget,
        best: Best,
    ) -> None:
        """Search from ``x``, and leave in ``best`` what is better than what is there."""
        own = Best(clean)
        slope, value = self._look(goal, x, items)
        own.take(x, slope, value)
        length = torch.full_like(value, 2 * budget.eps)
        before, marks = x, set(checkpoints(self.steps))
        span = Span(value)
        for step in range(1, self.steps + 1):
            ahead = budget.project(x - beside(length, x) * budget.steepest(slope), clean)
            there = ahead if step == 1 else x + SHARE * (ahead - x) + (1 - SHARE) * (x - before)
            before, x = x, budget.project(there, clean)
            slope, found = self._look(goal, x, items)
            span.count(found < value)
            value = found
            own.take(x, slope, value)
            if step in marks:
                stuck = span.ends(own.value)
                length = torch.where(stuck, length / 2, length)
                back = beside(stuck, x)
                x, slope = torch.where(back, own.x, x), torch.where(back, own.slope, slope)
                value = torch.where(stuck, own.value, value)
                span = Span(own.value, halved=stuck)
        best.take(own.x, own.slope, own.value)

    def _look(self, goal: Goal, x: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the slope of what falls, and what it is, ``(B,)``."""
        of: Literal["loss", "margin"] = "margin" if self.descend == "margin" else "loss"
        slope, verdict = gradient(goal, x, items, of=of)
        return slope, verdict.margin if of == "margin" else verdict.loss


class TargetedAutoPGD(AutoPGD):
    """APGD-T: Auto-PGD on the targeted difference of logits ratio, class by class.

    The second member of AutoAttack (Croce and Hein, ICML 2020, sec. 4.1 and 5). Where the goal is
    to get away from a class, each of the ``targets`` other classes that have the largest logits at
    the clean picture is searched for in turn: the loss is the lead over it, divided by the first
    logit less the mean of the third and the fourth (eq. 7). An item whose finished picture reaches
    the goal leaves; the others keep the picture of smallest margin. A goal that names the class
    wanted has one target, and one that is not about classes none: this is ``AutoPGD`` with
    ``descend="dlr"`` or ``"margin"`` then.

    Args:
        steps: gradient steps per restart and class, at least 1.
        restarts: searches for each class, at least 1.
        targets: other classes that are tried, at least 1.

    Raises:
        IncompatibleError: if the goal is about fewer than four classes.

    Example:
        >>> from vrbench.attacks import TargetedAutoPGD
        >>> TargetedAutoPGD(steps=10, targets=3).cost
        Cost(forward=37, backward=33)
    """

    paper = "Croce and Hein, ICML 2020"
    on_rows = False

    def __init__(self, *, steps: int = 100, restarts: int = 1, targets: int = 9) -> None:
        super().__init__(steps=steps, restarts=restarts, descend="dlr")
        self.refuse_if(targets < 1, "targets >= 1")
        self.targets = targets

    @property
    def cost(self) -> Cost | None:
        passes = (self.steps + 1) * self.restarts * self.targets
        return Cost(1 + passes + self.targets, passes)

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        with torch.no_grad():
            found = classes_of(goal, clean, items)
        if found is None or found.away is None:
            descend: Descends = "margin" if found is None else "dlr"
            plain = AutoPGD(steps=self.steps, restarts=self.restarts, descend=descend)
            return plain.search(clean, items, goal, budget, rng)
        final, least = clean.clone(), torch.full((len(clean),), torch.inf, device=clean.device)
        row = torch.arange(len(clean), device=clean.device)
        for target in found.others(self.targets).unbind(1):
            some, own, best = clean[row], items[row], Best(clean[row])
            toward = ToClass(goal, target[row])
            for _ in range(self.restarts):
                self._descend(budget.sample(some, own, rng), some, own, toward, budget, best)
            x = budget.finish(best.x, some)
            with torch.no_grad():
                margin = ask(goal, x, own).margin
            better = margin < least[row]
            final[row[better]], least[row[better]] = x[better], margin[better]
            row = row[least[row] >= 0]
            if not len(row):
                break
        return final


class Best:
    """The best picture of each item so far, its slope and its value."""

    def __init__(self, clean: Tensor) -> None:
        self.x, self.slope = clean.clone(), torch.zeros_like(clean)
        self.value = torch.full((len(clean),), torch.inf, device=clean.device)

    def take(self, x: Tensor, slope: Tensor, value: Tensor) -> None:
        """Keep those that are better."""
        better = value < self.value
        rows = beside(better, x)
        self.x, self.slope = torch.where(rows, x, self.x), torch.where(rows, slope, self.slope)
        self.value = torch.where(better, value, self.value)


class Span:
    """The steps between two checkpoints, of each item.

    Args:
        best: ``(B,)`` values of the best pictures at its beginning.
        halved: ``(B,)`` whether the step was halved at its beginning.
    """

    def __init__(self, best: Tensor, halved: Tensor | None = None) -> None:
        self._best, self._steps = best, 0
        self._halved = torch.zeros_like(best, dtype=torch.bool) if halved is None else halved
        self._better = torch.zeros_like(best)

    def count(self, better: Tensor) -> None:
        """Count a step, and whether the value fell by it."""
        self._steps += 1
        self._better = self._better + better

    def ends(self, best: Tensor) -> Tensor:
        """Return, ``(B,)`` bool, who is stuck: too few steps got on, or nothing has changed."""
        few = self._better < SHARE * self._steps
        return few | (~self._halved & (best >= self._best))


class Ratio(ClassWrapper):
    """A goal whose loss is the difference of logits ratio, which no scale of logits changes."""

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        found = self.classes(x, items)
        margin = found.ahead()[1]
        return Verdict(_ratio(margin, found.logits, found.towards is not None), margin)


class Hinge(ClassWrapper):
    """A goal whose loss is its second one; the margin is no part of it."""

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        found = self.hinge(x, items)
        return Verdict(found, found.detach())


class ToClass(ClassWrapper):
    """A goal to get away from a class whose loss is the ratio toward one other class of each item.

    Args:
        goal: the aim; its margin stays.
        target: ``(B,)`` classes, one a row of what is judged.
    """

    def __init__(self, goal: Goal, target: Tensor) -> None:
        super().__init__(goal)
        self._target = target

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        found = self.classes(x, items)
        lead, margin = found.ahead()
        toward = lead.gather(1, self._target[:, None])[:, 0]
        return Verdict(_ratio(toward, found.logits, True), margin)


def _ratio(lead: Tensor, logits: Tensor, targeted: bool) -> Tensor:
    """Return a lead, ``(B,)``, over the first logit less the third, or its mean with the fourth."""
    if logits.shape[1] < 4:
        raise IncompatibleError(
            f"AutoPGD.descend=dlr needs at least 4 classes, here are {logits.shape[1]}"
        )
    high = logits.topk(4, dim=1).values
    low = (high[:, 2] + high[:, 3]) / 2 if targeted else high[:, 2]
    return lead / (high[:, 0] - low + 1e-12)


def checkpoints(steps: int) -> list[int]:
    """Return the steps after which a search looks at itself (the paper's ``w``)."""
    found, share, span = [], 0, FIRST
    while share + span <= 100:
        share += span
        found.append(math.ceil(share * steps / 100))
        span = max(span - LESS, LEAST)
    return sorted(set(found))
