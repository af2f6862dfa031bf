"""Score-based black-box attack: answers regressed on features of a public extractor."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from vrbench.attacks.base import BlackBox, Cost, asked_together
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, able
from vrbench.attacks.places import places
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams


class FeatureRegression(BlackBox):
    """The black-box attack on visual recommenders of Cohen et al. (WSDM 2021, sec. 4).

    The recommender answers questions, and the extractor in front of it is public. Each step asks
    about the picture and ``directions`` pictures near it, fits a linear function of the features to
    the answers, and goes down its gradient in the pixels: one vector-Jacobian product through the
    extractor. Few answers are enough, for the unknown lies behind the features.

    Of the many linear functions that fit, the shortest is taken; it is found among the answers
    (``n x n``), not among the features. Everything asked lies on the 8-bit grid. The paper takes
    20 steps of 32 questions with one grey level each and knows no ball; its code asks about the
    picture itself only to stop, and does not fit that answer.

    Args:
        queries: the most questions per item; the search ends with the last step they pay for.
        directions: pictures asked about per step, beside the picture itself; even if
            ``antithetic``. Fewer features than that make the fit an ordinary least-squares one.
        reach: the largest change of a channel in a question, in whole grey levels.
        step: length of a step, in grey levels of the budget's norm.
        antithetic: ask in opposite pairs and fit their differences, which curvature leaves alone.
        ridge: penalty of the fit, as a share of the features' mean variance; 0 has none.
        enough: an item whose margin falls below ``-enough`` stops asking and keeps its picture;
            None goes on to the last query.
        darkens: a fault of the authors' script for the general population, to be measured: a step
            of 1 / 255 on a picture of 8 bits, cut, takes one grey level away where the slope
            rises and adds none where it falls.

    Raises:
        IncompatibleError: if the goal has no public extractor.

    Example:
        >>> from vrbench.attacks import FeatureRegression
        >>> attack = FeatureRegression(queries=64, directions=7)
        >>> attack.queries, attack.cost
        (64, Cost(forward=64, backward=8))
    """

    version: ClassVar[int] = 2
    paper = "Cohen et al., WSDM 2021"
    knows = "scores; the extractor"
    needs_radius = False

    def __init__(
        self,
        *,
        queries: int = 640,
        directions: int = 31,
        reach: int = 7,
        step: float = 1.0,
        antithetic: bool = False,
        ridge: float = 0.0,
        enough: float | None = 0.0,
        darkens: bool = False,
    ) -> None:
        self.refuse_if(
            directions < 1 or queries < directions + 1 or reach < 1 or step <= 0 or ridge < 0,
            "directions, reach >= 1, queries > directions, step > 0 and ridge >= 0",
        )
        if antithetic and directions % 2:
            raise ConfigError(f"{self.name}: antithetic needs even directions, got {directions}")
        self.queries, self.directions, self.reach, self.step = queries, directions, reach, step
        self.antithetic, self.ridge, self.enough = antithetic, ridge, enough
        self.darkens = darkens

    @property
    def cost(self) -> Cost | None:
        return Cost(self.queries, self.queries // (self.directions + 1))

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        see: Callable[[Tensor], Tensor] = able(goal, "see")
        x, alive = clean.clone(), torch.arange(len(clean), device=clean.device)
        for _ in range(self.queries // (self.directions + 1)):
            slope, margin = self._estimate(x[alive], items[alive], goal, see, rng)
            if self.enough is not None:
                stay = places(margin >= -self.enough)
                alive, slope = alive[stay], slope[stay]
                if not len(alive):
                    break
            down = self.step * budget.steepest(_pulled_back(see, x[alive], slope))
            if self.darkens:
                down = down.clamp(min=0)
            x[alive] = budget.project(x[alive] - down, clean[alive])
        return x

    def _estimate(
        self,
        x: Tensor,
        items: Tensor,
        goal: Goal,
        see: Callable[[Tensor], Tensor],
        rng: Streams,
    ) -> tuple[Tensor, Tensor]:
        """Return the ``(B, D)`` slopes of the loss in the features, and the ``(B,)`` margins."""
        slopes, margins = [], []
        for rows in asked_together(x, self.directions + 1):
            asked = self._questions(x[rows], items[rows], rng)
            who = items[rows, None].expand(asked.shape[:2])
            verdict = goal.judge(asked.flatten(0, 1), who.flatten())
            with torch.no_grad():
                features = see(asked.flatten(0, 1)).reshape(*asked.shape[:2], -1)
            answers = verdict.loss.reshape(asked.shape[:2])
            slopes.append(self._fit(features, answers))
            margins.append(verdict.margin.reshape(asked.shape[:2])[:, 0])
        return torch.cat(slopes), torch.cat(margins)

    def _questions(self, x: Tensor, items: Tensor, rng: Streams) -> Tensor:
        """Return ``(B, 1 + directions, 3, H, W)``: the picture, and pictures near it."""
        count = self.directions // 2 if self.antithetic else self.directions
        away = rng.integers(items, -self.reach, self.reach + 1, count, *x.shape[1:])
        if self.antithetic:
            away = torch.cat([away, -away], 1)
        grid = (x * 255).round()[:, None]
        return torch.cat([grid, grid + away], 1).clamp(0, 255) / 255

    def _fit(self, features: Tensor, answers: Tensor) -> Tensor:
        """Return the ``(B, D)`` slopes, given ``(B, n, D)`` features and ``(B, n)`` answers."""
        if not self.antithetic:
            return shortest_fit(features, answers, ridge=self.ridge)
        plus, minus = features[:, 1:].chunk(2, 1)
        more, less = answers[:, 1:].chunk(2, 1)
        return shortest_fit(plus - minus, more - less, ridge=self.ridge, intercept=False)


def shortest_fit(
    features: Tensor, answers: Tensor, *, ridge: float = 0.0, intercept: bool = True
) -> Tensor:
    """Return the shortest ``(B, D)`` slopes that fit answers to features, by least squares.

    In dual form: the system solved is ``n x n``, whatever D is.

    Args:
        features: ``(B, n, D)``.
        answers: ``(B, n)``.
        ridge: penalty on squared slopes, as a share of the mean squared length of the rows.
        intercept: fit a constant, too.
    """
    W, y = features.double(), answers.double()
    if intercept:
        W, y = W - W.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    gram = W @ W.mT
    values, vectors = torch.linalg.eigh(gram)
    most = values.amax(1, keepdim=True).clamp(min=0)
    inverse = 1 / (values + ridge * gram.diagonal(dim1=1, dim2=2).mean(1, keepdim=True))
    # Directions in which the features do not vary say nothing; float32 cannot tell less apart.
    inverse = torch.where(values > 1e-12 * most, inverse, 0.0)
    weights = torch.einsum("bij,bj,bkj,bk->bi", vectors, inverse, vectors, y)
    return torch.einsum("bn,bnd->bd", weights, W).float()


def _pulled_back(see: Callable[[Tensor], Tensor], x: Tensor, slope: Tensor) -> Tensor:
    """Return the gradient in the pixels of ``features . slope``, ``(B, 3, H, W)``."""
    found: list[Tensor] = []
    for rows in asked_together(x, 1):
        leaf = x[rows].detach().requires_grad_()
        found += torch.autograd.grad((see(leaf) * slope[rows]).sum(), leaf)
    return torch.cat(found)
