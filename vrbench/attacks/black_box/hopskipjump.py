"""HopSkipJump: decision-based black-box attack along the decision boundary."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from vrbench.attacks.base import BlackBox, asked_together
from vrbench.attacks.budget import Budget, Linf
from vrbench.attacks.goal import Goal, able
from vrbench.attacks.sums import lengths, total, units
from vrbench.core.seeds import Streams

BLOCK = 64  # directions drawn at once, per item
HALVINGS = 20  # of a step that leads out of the goal
BEYOND = (1.0, 1.01, 1.02, 1.05, 1.1, 1.2, 1.5)  # where the rounded picture is looked for


class HopSkipJump(BlackBox):
    """HopSkipJump (Chen et al., IEEE S&P 2020, alg. 1 and 2), in Linf or, otherwise, in L2.

    Begins at the goal's own example, a picture of another item that reaches the aim, and goes
    down the distance to the clean picture along the boundary: bisect to the boundary, estimate
    its direction from yes or no at random points around, take a step as long as the distance
    over the square root of the step's number, halved until it reaches the aim.

    Differences. Items walk side by side, and each has noise, length, halvings and count of its
    own: a slope is divided by its own length, and halvings end after twenty, with the picture as
    it was. The points asked lie at ``reach`` times the Euclidean distance, in either norm, and
    bisection ends within ``reach / sqrt(d)`` of it, for ``d`` numbers in a picture; the paper has
    ``1 / d`` for ``reach``, which single precision cannot resolve in large pictures. The nearest
    point found is returned, not the last; at the end up to seven questions, at growing distance
    from it, look for one that still reaches the aim when it is finished: rounded, and brought
    into the budget.

    An item keeps its clean picture if that reaches the aim already, and also if its example does
    not. Every question counts, these two as well.

    Args:
        queries: the most questions per item; the last step is the last that they pay for.
        directions: questions about the first slope; the ``t``-th takes ``sqrt(t)`` as many.
        most: the most of them.
        reach: how far from the boundary they are, as a share of the distance; None is ``1 / d``.

    Raises:
        IncompatibleError: if the goal knows no example.

    Example:
        >>> from vrbench.attacks import HopSkipJump
        >>> HopSkipJump(queries=500).asks_example, HopSkipJump(queries=500).cost
        (True, Cost(forward=500, backward=0))
    """

    version: ClassVar[int] = 2
    paper = "Chen et al., IEEE S&P 2020"
    knows = "yes or no; another picture"
    decisions = True
    needs_radius = False
    asks_example = True

    def __init__(
        self,
        *,
        queries: int = 5000,
        directions: int = 100,
        most: int = 10_000,
        reach: float | None = 0.01,
    ) -> None:
        self.refuse_if(
            directions < 1 or most < 1 or queries < 2 or (reach is not None and reach <= 0),
            "queries >= 2, directions, most >= 1 and reach > 0 or null",
        )
        self.queries, self.directions, self.most, self.reach = queries, directions, most, reach

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        ask = _Questions(goal, items, self.queries)
        norm = _Linf(clean) if isinstance(budget, Linf) else _L2(clean)
        every = torch.arange(len(clean), device=clean.device)
        x = able(goal, "example")(items).to(clean).clone()
        rows = every[ask(x, every) & ~ask(clean, every)]
        best = clean.clone()
        best[rows] = x[rows]
        reach = self.reach or 1 / clean[0].numel()
        halves = max(1, math.ceil(math.log2(clean[0].numel() ** 0.5 / reach)))
        reserve = halves + len(BEYOND)
        walking = rows[ask.left[rows] >= reserve]
        x[walking] = best[walking] = norm.to_boundary(x[walking], walking, ask, halves)
        t = 0
        while True:
            t += 1
            count = min(int(self.directions * t**0.5), self.most)
            walking = walking[ask.left[walking] > count + reserve]
            if not len(walking):
                break
            here = x[walking]
            slope = self._slope(here, clean[walking], walking, items, count, reach, norm, ask, rng)
            length = norm.distance(here, walking) / t**0.5
            moved = _leap(here, norm.steepest(slope), length, walking, ask, reserve)
            moved = norm.to_boundary(moved, walking, ask, halves)
            x[walking] = moved
            nearer = norm.distance(moved, walking) < norm.distance(best[walking], walking)
            best[walking[nearer]] = moved[nearer]
        return _landed(best, clean, rows, ask, budget)

    def _slope(
        self,
        x: Tensor,
        clean: Tensor,
        rows: Tensor,
        items: Tensor,
        count: int,
        reach: float,
        norm: _L2,
        ask: _Questions,
        rng: Streams,
    ) -> Tensor:
        """Return the direction, not its length, in which the aim lies from the boundary.

        The mean of ``count`` directions, weighted with how their answers differ from the mean
        answer (eq. 16); with the answer itself where all are alike.
        """
        found = []
        for part in asked_together(x, BLOCK):
            here, who = x[part], items[rows[part]]
            length = reach * lengths(here - clean[part])
            length = length.clamp(min=1e-12)[:, None, None, None, None]
            plain, weighted = torch.zeros_like(here), torch.zeros_like(here)
            answers = here.new_zeros(len(part))
            for done in range(0, count, BLOCK):
                away = norm.noise(who, min(BLOCK, count - done), rng)
                away = units(away.flatten(0, 1)).reshape(away.shape)
                asked = (here[:, None] + length * away).clamp(0, 1)
                away = (asked - here[:, None]) / length
                answer = ask.many(asked, rows[part]).float() * 2 - 1
                plain += total(away)
                weighted += total(answer[:, :, None, None, None] * away)
                answers += answer.sum(1)
            mean = (answers / count)[:, None, None, None]
            found.append(torch.where(mean.abs() == 1, weighted, weighted - mean * plain))
        return torch.cat(found)


class _Questions:
    """A goal that is asked yes or no, and what is left of every item's questions."""

    def __init__(self, goal: Goal, items: Tensor, limit: int) -> None:
        self.goal, self.items = goal, items
        self.left = torch.full((len(items),), limit, device=items.device)

    def __call__(self, x: Tensor, rows: Tensor) -> Tensor:
        """Return ``(B,)`` bool: whether ``x``, pictures of the ``rows`` of a batch, get there."""
        self.left[rows] -= 1
        return self.goal.judge(x, self.items[rows]).margin < 0

    def many(self, x: Tensor, rows: Tensor) -> Tensor:
        """Return ``(B, n)`` bool for ``n`` pictures ``x``, ``(B, n, 3, H, W)``, of each row."""
        self.left[rows] -= x.shape[1]
        who = self.items[rows, None].expand(x.shape[:2])
        return (self.goal.judge(x.flatten(0, 1), who.flatten()).margin < 0).reshape(x.shape[:2])


class _L2:
    """Straight lines and balls around the clean pictures."""

    def __init__(self, clean: Tensor) -> None:
        self.clean = clean

    def noise(self, items: Tensor, count: int, rng: Streams) -> Tensor:
        return rng.normal(items, count, *self.clean.shape[1:])

    def distance(self, x: Tensor, rows: Tensor) -> Tensor:
        return lengths(x - self.clean[rows])

    def steepest(self, slope: Tensor) -> Tensor:
        return units(slope)

    def between(self, x: Tensor, rows: Tensor, share: Tensor) -> Tensor:
        """Return pictures at ``share`` of the distance, from the clean ones on the way to ``x``."""
        clean = self.clean[rows]
        return clean + share[:, None, None, None] * (x - clean)

    def to_boundary(self, x: Tensor, rows: Tensor, ask: _Questions, halves: int) -> Tensor:
        """Return the last points on the way from ``x``, inside the goal, that are inside."""
        low, high = x.new_zeros(len(x)), x.new_ones(len(x))
        for _ in range(halves if len(x) else 0):
            middle = (low + high) / 2
            inside = ask(self.between(x, rows, middle), rows)
            low, high = torch.where(inside, low, middle), torch.where(inside, middle, high)
        return self.between(x, rows, high)


class _Linf(_L2):
    """The same for cubes: nearer to the clean pictures is a smaller cube."""

    def noise(self, items: Tensor, count: int, rng: Streams) -> Tensor:
        return 2 * rng.uniform(items, count, *self.clean.shape[1:]) - 1

    def distance(self, x: Tensor, rows: Tensor) -> Tensor:
        return (x - self.clean[rows]).abs().flatten(1).amax(1)

    def steepest(self, slope: Tensor) -> Tensor:
        return slope.sign()

    def between(self, x: Tensor, rows: Tensor, share: Tensor) -> Tensor:
        reach = (share * self.distance(x, rows))[:, None, None, None]
        change = x - self.clean[rows]
        return self.clean[rows] + torch.minimum(torch.maximum(change, -reach), reach)


def _leap(
    x: Tensor, along: Tensor, length: Tensor, rows: Tensor, ask: _Questions, reserve: int
) -> Tensor:
    """Return ``x`` moved ``along`` by the first of ``length``, half of it, ... that gets there.

    Where none of them does, ``x`` stays; ``reserve`` questions are left over.
    """
    moved, length = x.clone(), length.clone()
    going = torch.arange(len(x), device=x.device)
    for _ in range(HALVINGS):
        if not len(going):
            break
        tried = (x[going] + length[going, None, None, None] * along[going]).clamp(0, 1)
        inside = ask(tried, rows[going])
        moved[going[inside]] = tried[inside]
        length[going] /= 2
        going = going[~inside & (ask.left[rows[going]] > reserve)]
    return moved


def _landed(x: Tensor, clean: Tensor, rows: Tensor, ask: _Questions, budget: Budget) -> Tensor:
    """Return ``x``, or points a little beyond, whose finished pictures reach the aim."""
    x, going = x.clone(), rows
    for share in BEYOND:
        going = going[ask.left[going] > 0]
        if not len(going):
            break
        beyond = clean[going] + share * (x[going] - clean[going])
        inside = ask(budget.finish(beyond, clean[going]), going)
        x[going[inside]] = beyond[inside]
        going = going[~inside]
    return x
