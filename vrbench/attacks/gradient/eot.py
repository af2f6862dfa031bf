"""Expectation over transformations (EOT): adaptive attack on randomised defences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, BlackBox, Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Classes, Goal, GoalWrapper, TwoSpeed, Verdict, able
from vrbench.attacks.sums import total
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams


class Expected(Attack):
    """Another attack, on the mean loss over draws of the defence (EOT).

    Athalye et al. (Synthesizing robust adversarial examples, ICML 2018; Obfuscated gradients,
    ICML 2018, sec. 4.2). The adversary draws for himself: the shop's own draw for a picture is
    not known before it is uploaded. Draws depend on the picture, so every step of the search
    makes new ones, and no picture's draws depend on its company. Where nothing is drawn this is
    the inner attack.

    Args:
        inner: the attack; it must see gradients.
        samples: draws to average over, at least 1; the cost is as many times higher.

    Raises:
        ConfigError: if a setting is out of range, or the inner attack only asks questions.

    Example:
        >>> from vrbench.attacks import PGD, Expected
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(Expected(PGD(steps=2), samples=2)).gt(2).tolist()
        [True, True, True]
    """

    paper = "Athalye et al., ICML 2018"

    def __init__(self, inner: Attack, *, samples: int = 8) -> None:
        if samples < 1:
            raise ConfigError(f"Expected.samples: expected 1 or more, got {samples}")
        if isinstance(inner, BlackBox):
            raise ConfigError(f"Expected averages gradients, and {inner.name} sees none")
        self.inner, self.samples = inner, samples
        # The answer is the inner attack's, object by object, not this class's.
        vars(self)["needs_radius"] = inner.needs_radius
        vars(self)["asks_example"] = inner.asks_example
        vars(self)["joint"] = inner.joint

    @property
    def cost(self) -> Cost | None:
        inner = self.inner.cost
        return inner and Cost(*(self.samples * passes for passes in inner))

    def check_budget(self, budget: Budget) -> None:
        self.inner.check_budget(budget)

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        return self.inner.search(clean, items, self._averaged(goal), budget, rng)

    def _averaged(self, goal: Goal) -> Goal:
        return over_draws(goal, range(1, self.samples + 1))


def draws(goal: Goal) -> bool:
    """Return whether a defence in front of a goal draws lots."""
    redrawn = getattr(goal, "redrawn", None)
    return redrawn is not None and redrawn(1) is not goal


def over_draws(goal: Goal, salts: Sequence[int]) -> Goal:
    """Return the mean of a goal over draws of a defence; the goal itself where nothing is drawn.

    Args:
        goal: the aim.
        salts: of the draws; 0 is the shop's own.
    """
    if not draws(goal):
        return goal
    if isinstance(goal, TwoSpeed):
        return goal.each(lambda judge: over_draws(judge, salts))
    return Mean(goal, [able(goal, "redrawn")(salt) for salt in salts])


class Mean(GoalWrapper):
    """A goal that is the mean of several, draw by draw of the same aim.

    Args:
        goal: the aim, for what no draw changes.
        draws: the same aim, each under draws of its own.
    """

    def __init__(self, goal: Goal, draws: list[Any]) -> None:
        super().__init__(goal)
        self._draws = draws

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return the mean loss and the mean margin."""
        return mean_verdict([draw.judge(x, items) for draw in self._draws])

    def classes(self, x: Tensor, items: Tensor) -> Classes:
        """Return the mean logits."""
        found = [able(draw, "classes")(x, items) for draw in self._draws]
        return found[0]._replace(logits=_mean([f.logits for f in found]))

    def hinge(self, x: Tensor, items: Tensor) -> Tensor:
        """Return the mean of the second loss."""
        return _mean([able(draw, "hinge")(x, items) for draw in self._draws])

    def see(self, x: Tensor) -> Tensor:
        """Return the mean features."""
        return _mean([able(draw, "see")(x) for draw in self._draws])


def mean_verdict(found: Sequence[Verdict]) -> Verdict:
    """Return the mean loss and the mean margin of several verdicts on the same pictures."""
    loss, margin = zip(*found, strict=True)
    return Verdict(_mean(loss), _mean(margin))


def _mean(answers: Sequence[Tensor]) -> Tensor:
    return total(torch.stack(list(answers)), 0) / len(answers)
