"""Box-constrained L-BFGS, the first attack by adversarial examples."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.attacks.base import Cost
from vrbench.attacks.budget import L2, Budget
from vrbench.attacks.goal import Goal, gradient
from vrbench.attacks.minimum_norm.base import Penalty, PenaltySettings
from vrbench.attacks.minimum_norm.best_found import Nearest
from vrbench.attacks.places import places
from vrbench.attacks.sums import total
from vrbench.core.seeds import Streams

ENOUGH = 1e-4  # of the decrease that the slope promises, for a step to be taken (Armijo)
SHORTEST = 2**-10  # of a step that is still tried
WIDEN = 4.0  # between values of c before both a failure and a success are known
FIRST = 1.01  # times the c that a flat boundary needs


class LBFGS(Penalty):
    """The attack of Szegedy et al. (ICLR 2014, sec. 4.1): min ``|x' - x|^2 + c * margin(x')``.

    Minimised inside ``[0, 1]`` by limited-memory BFGS, for values of ``c`` between the largest
    that fails and the smallest that succeeds, whose geometric mean is tried next.

    Differences. The goal's margin stands where the paper has the cross-entropy, which saturates.
    All state belongs to the item: its ``c``, its place in the search, the curvature it remembers,
    the length of its step; published code sums over the batch. The box is kept by clipping: values
    at a bound that the gradient pushes outwards stand still, and a step is halved until the clipped
    one descends enough. The first ``c`` is what a flat boundary needs, each further one goes on
    from the last one's picture, and every picture on the way counts. An item leaves the batch after
    its last ``c``, or if its clean picture reaches the goal. An item that never succeeds returns
    its picture of smallest margin. Where the budget rounds, success is what is left after rounding.
    A budget of another norm is applied at the end.

    Args:
        search_steps: values of ``c`` tried per item.
        steps: most gradients for each.
        history: steps whose curvature is remembered.
        tolerance: an item is done with this ``c`` when distance and margin pull against each other
            to within this share of either pull.
        confidence: by how much the margin is to be passed.

    Example:
        >>> from vrbench.attacks import LBFGS
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(LBFGS()).gt(1).tolist()
        [True, True, True]
    """

    paper = "Szegedy et al., ICLR 2014"

    defaults = PenaltySettings(search_steps=10, steps=20)

    def __init__(
        self, *, history: int = 5, tolerance: float = 0.1, **search: Unpack[PenaltySettings]
    ) -> None:
        super().__init__(**self.with_defaults(PenaltySettings, search))
        self.refuse_if(history < 1 or tolerance < 0, "history >= 1 and tolerance >= 0")
        self.history, self.tolerance = history, tolerance

    @property
    def cost(self) -> Cost | None:
        passes = self.search_steps * self.steps
        return Cost(2 * passes, passes)  # every step may be looked at once more

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        norm = L2(eps=float("inf"), store=budget.store)
        best = Nearest(clean, goal, self.confidence, norm)
        state = _State(clean, self.history)
        while len(state.row):
            row, item, trial = state.row, items[state.row], state.trial()
            slope, verdict = gradient(goal, trial, item, of="margin")
            known = verdict.margin + best.bias[row]
            best.update(row, item, trial, norm.spent(trial, clean[row]), known)
            short = best.short(row, verdict.margin)
            state.learn(trial, verdict.margin, slope, short)
            state.advance(state.settled(self.tolerance) | (state.step >= self.steps))
            state.keep((state.phase < self.search_steps) & (best.distance[row] > 0))
        return best.x


class _State:
    """Where every item still in the batch stands in its own search."""

    def __init__(self, clean: Tensor, history: int) -> None:
        n, device = len(clean), clean.device

        def full(value: float, *shape: int) -> Tensor:
            return torch.full((n, *shape), float(value), device=device)

        self.row = torch.arange(n, device=device)
        self.clean, self.x = clean.flatten(1), clean.flatten(1)
        self.image = tuple(clean.shape[1:])
        # At x: the margin, its gradient, the sum that is minimised.
        self.margin, self.slope, self.total = full(0), torch.zeros_like(self.x), full(torch.inf)
        self.c, self.low, self.high = full(1), full(0), full(torch.inf)
        self.share, self.step, self.phase = full(1), full(0), full(0)
        self.won = torch.zeros(n, dtype=torch.bool, device=device)
        # Curvature: moves, changes of the gradient, 1 / their product; zero where none is known.
        self.moves = torch.zeros(n, history, self.x.shape[1], device=device)
        self.turns, self.rho = torch.zeros_like(self.moves), full(0, history)

    def pull(self) -> Tensor:
        """Return the gradient at ``x``, zero where a bound holds it back."""
        whole = 2 * (self.x - self.clean) + self.c[:, None] * self.slope
        held = ((self.x <= 0) & (whole > 0)) | ((self.x >= 1) & (whole < 0))
        return whole.masked_fill(held, 0)

    def trial(self) -> Tensor:
        """Return the pictures to look at next."""
        pull = self.pull()
        along = -_two_loops(pull, self.moves, self.turns, self.rho).masked_fill(pull == 0, 0)
        # What is remembered of other bounds may mislead; the distance alone curves by 2.
        along = torch.where(_dot(along, pull)[:, None] < 0, along, -pull / 2)
        return (self.x + self.share[:, None] * along).clamp(0, 1).reshape(-1, *self.image)

    def learn(self, trial: Tensor, margin: Tensor, slope: Tensor, short: Tensor) -> None:
        """Take the trials that descend enough, and remember how the gradient turned."""
        trial, slope, first = trial.flatten(1), slope.flatten(1), self.total.isinf()
        flat = FIRST * 2 * short.clamp(min=0) / _dot(slope, slope).clamp(min=1e-12)
        self.c = torch.where(first, flat.clamp(min=1e-12), self.c)
        total = _dot(trial - self.clean, trial - self.clean) + self.c * margin
        move, pull = trial - self.x, self.pull()
        taken = first | (total <= self.total + ENOUGH * _dot(move, pull))
        turn = 2 * move + self.c[:, None] * (slope - self.slope)
        product = _dot(move, turn)
        useful = places(taken & ~first & (product > 1e-6 * _dot(move, move)))
        for kept, new in ((self.moves, move), (self.turns, turn)):
            kept[useful] = torch.cat([kept[useful, 1:], new[useful, None]], 1)
        self.rho[useful] = torch.cat([self.rho[useful, 1:], 1 / product[useful, None]], 1)
        self.x, self.slope = (
            torch.where(taken[:, None], new, old)
            for new, old in ((trial, self.x), (slope, self.slope))
        )
        self.margin = torch.where(taken, margin, self.margin)
        self.total = torch.where(taken, total, self.total)
        self.share = torch.where(taken, 1.0, self.share / 2)
        # Whether c is enough is told by where it leads, not by what was passed on the way.
        self.step, self.won = self.step + 1, torch.where(taken, short < 0, self.won)

    def settled(self, tolerance: float) -> Tensor:
        """Return ``(B,)`` bool: whether nothing is to be gained with this ``c``."""
        pull, one = self.pull(), self.c * _dot(self.slope, self.slope).sqrt()
        return (_dot(pull, pull).sqrt() <= tolerance * one) | (self.share < SHORTEST)

    def advance(self, done: Tensor) -> None:
        """Give the items that are ``done`` their next ``c``."""
        low = torch.where(self.won, self.low, torch.maximum(self.low, self.c))
        high = torch.where(self.won, torch.minimum(self.high, self.c), self.high)
        between = torch.where(low > 0, (low * high).sqrt(), high / WIDEN)
        following = torch.where(high.isinf(), self.c * WIDEN, between)
        self.low, self.high = torch.where(done, low, self.low), torch.where(done, high, self.high)
        self.c = torch.where(done, following, self.c)
        away = self.x - self.clean
        self.total = torch.where(done, _dot(away, away) + self.c * self.margin, self.total)
        self.rho = self.rho.masked_fill(done[:, None], 0)
        self.share = self.share.masked_fill(done, 1)
        self.step, self.phase = self.step.masked_fill(done, 0), self.phase + done

    def keep(self, going: Tensor) -> None:
        """Let go of the items whose search is over."""
        rows = places(going)
        if len(rows) < len(going):
            for name, value in vars(self).items():
                if isinstance(value, Tensor):
                    setattr(self, name, value[rows])


def _two_loops(pull: Tensor, moves: Tensor, turns: Tensor, rho: Tensor) -> Tensor:
    """Return the inverse curvature times ``pull``, ``(B, D)``, of each item by itself.

    Nocedal and Wright, Numerical Optimization, alg. 7.4, with 1/2 for the curvature that is not
    known: that of the distance. A move that is not known has ``rho`` zero and no say.
    """
    weights = []
    for n in reversed(range(rho.shape[1])):
        weight = rho[:, n] * _dot(moves[:, n], pull)
        pull = pull - weight[:, None] * turns[:, n]
        weights.append(weight)
    last = rho[:, -1] * _dot(turns[:, -1], turns[:, -1])
    found = pull * torch.where(rho[:, -1] > 0, 1 / last, 0.5)[:, None]
    for n, weight in enumerate(reversed(weights)):
        found = found + (weight - rho[:, n] * _dot(turns[:, n], found))[:, None] * moves[:, n]
    return found


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return total(a * b)
