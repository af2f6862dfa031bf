"""Attacks that estimate a gradient from answers alone: SPSA and NES."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, TypedDict

import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.attacks.base import BlackBox, asked_together
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal
from vrbench.attacks.places import places
from vrbench.attacks.sums import row_sums, total
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams


class EstimationSettings(TypedDict, total=False):
    """How a gradient is estimated; see ``Estimating``."""

    queries: int
    directions: int
    reach: float
    step: float
    enough: float | None


class Estimating(BlackBox):
    """Descends a gradient estimated from pairs of opposite questions.

    Every item has directions of its own. A step takes ``2 * directions`` queries, and the search
    ends with the last step that ``queries`` pays for.

    Args:
        queries: the most questions per item.
        directions: pairs of questions per step.
        reach: how far from the picture the questions are, in grey levels.
        step: length of a step, as a fraction of the budget's radius.
        enough: an item whose mean margin over a step's questions falls below ``-enough`` stops
            asking and keeps its picture; None goes on to the last query.

    Example:
        >>> from vrbench.attacks import SPSA, Estimating
        >>> from vrbench.core.spec import settings
        >>> issubclass(SPSA, Estimating), [name for name in settings(Estimating)]
        (True, ['queries', 'directions', 'reach', 'step', 'enough'])
    """

    version: ClassVar[int] = 2
    defaults = EstimationSettings(queries=2000, directions=25, reach=2.5, step=0.1, enough=1.0)

    def __init__(self, **estimation: Unpack[EstimationSettings]) -> None:
        given = self.with_defaults(EstimationSettings, estimation)
        self.queries, self.directions = given["queries"], given["directions"]
        self.reach, self.step, self.enough = given["reach"], given["step"], given["enough"]
        self.refuse_if(
            self.directions < 1
            or self.queries < 2 * self.directions
            or min(self.reach, self.step) <= 0,
            "directions >= 1, queries >= 2 * directions, reach > 0 and step > 0",
        )

    @abstractmethod
    def directions_of(self, items: Tensor, shape: tuple[int, ...], rng: Streams) -> Tensor:
        """Return ``(B, directions, *shape)`` random directions."""

    @abstractmethod
    def move(self, slope: Tensor, state: dict[str, Tensor], alive: Tensor) -> Tensor:
        """Return what to descend along, given this step's estimate of the gradient."""

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        x, alive = clean.clone(), torch.arange(len(clean), device=clean.device)
        state = {name: torch.zeros_like(clean) for name in ("first", "second")}
        for _ in range(self.queries // (2 * self.directions)):
            slope, margin = self._estimate(x[alive], items[alive], goal, rng)
            if self.enough is not None:
                stay = places(margin >= -self.enough)
                alive, slope = alive[stay], slope[stay]
                if not len(alive):
                    break
            along = self.move(slope, state, alive)
            length = self.step * budget.eps
            x[alive] = budget.project(x[alive] - length * budget.steepest(along), clean[alive])
        return x

    def _estimate(
        self, x: Tensor, items: Tensor, goal: Goal, rng: Streams
    ) -> tuple[Tensor, Tensor]:
        """Return the ``(B, 3, H, W)`` estimated gradients and the ``(B,)`` mean margins."""
        slopes, margins = [], []
        for rows in asked_together(x, 2 * self.directions):
            away = self.directions_of(items[rows], tuple(x.shape[1:]), rng)
            asked = x[rows, None] + self.reach / 255 * torch.cat([away, -away], 1)
            who = items[rows, None].expand(asked.shape[:2])
            verdict = goal.judge(asked.clamp(0, 1).flatten(0, 1), who.flatten())
            plus, minus = verdict.loss.reshape(len(rows), 2, -1).unbind(1)
            weight = (plus - minus) / (2 * self.reach / 255)
            slopes.append(total(weight[:, :, None, None, None] * away) / self.directions)
            margins.append(row_sums(verdict.margin.reshape(len(rows), -1)) / (2 * self.directions))
        return torch.cat(slopes), torch.cat(margins)


class SPSA(Estimating):
    """Simultaneous perturbation with random signs (Spall, 1992; Uesato et al., ICML 2018).

    The estimate is smoothed by Adam's moments, whose quotient is what is descended along; the step
    itself is the steepest of the budget's norm. The paper steps by Adam in pixel space. It takes
    what ``Estimating`` takes.

    Example:
        >>> from vrbench.attacks import SPSA
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(SPSA()).gt(6).tolist()
        [True, True, True]
    """

    paper = "Spall, 1992; Uesato et al., ICML 2018"

    def directions_of(self, items: Tensor, shape: tuple[int, ...], rng: Streams) -> Tensor:
        return rng.signs(items, self.directions, *shape)

    def move(self, slope: Tensor, state: dict[str, Tensor], alive: Tensor) -> Tensor:
        first = 0.9 * state["first"][alive] + 0.1 * slope
        second = 0.99 * state["second"][alive] + 0.01 * slope.square()
        state["first"][alive], state["second"][alive] = first, second
        return first / (second.sqrt() + 1e-12)


class NES(Estimating):
    """Natural evolution strategies (Ilyas et al., ICML 2018, sec. 2.1): Gaussian directions.

    Directions are antithetic, and the estimate is averaged over steps with ``momentum``.

    Args:
        momentum: share of the running average that is kept.
        queries, directions, reach, step, enough: see ``Estimating``.

    Example:
        >>> from vrbench.attacks import NES
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(NES()).gt(6).tolist()
        [True, True, True]
    """

    paper = "Ilyas et al., ICML 2018"

    def __init__(self, *, momentum: float = 0.9, **estimation: Unpack[EstimationSettings]) -> None:
        super().__init__(**estimation)
        if not 0 <= momentum < 1:
            raise ConfigError(f"NES: expected 0 <= momentum < 1, got {momentum}")
        self.momentum = momentum

    def directions_of(self, items: Tensor, shape: tuple[int, ...], rng: Streams) -> Tensor:
        return rng.normal(items, self.directions, *shape)

    def move(self, slope: Tensor, state: dict[str, Tensor], alive: Tensor) -> Tensor:
        average = self.momentum * state["first"][alive] + (1 - self.momentum) * slope
        state["first"][alive] = average
        return average
