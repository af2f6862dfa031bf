"""Carlini and Wagner's minimum-norm attack."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.attacks.base import Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, ask, check_finite
from vrbench.attacks.minimum_norm.base import Penalty, PenaltySettings
from vrbench.attacks.minimum_norm.best_found import Nearest
from vrbench.attacks.places import places
from vrbench.attacks.sums import beside, each, lengths, power, row_sums
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams

SHRINK = 0.999999  # keeps pure black and pure white inside tanh's range
LOOKS = 20  # per search step, at whether an item still makes progress
UPPER = 1e10


class CW(Penalty):
    """The L2 attack of Carlini and Wagner (IEEE S&P 2017, sec. V-A and VI).

    Minimises ``|x' - x|^2 + c * max(margin + confidence, 0)`` with Adam over ``w``, where
    ``x' = (tanh(w) + 1) / 2``, and searches ``c`` item by item: bisected between failure and
    success, tenfold before the first success. The margin is the goal's own, so any goal will do.

    Differences. All state belongs to the item, down to its place in the search: an item that makes
    no more progress moves to its next ``c`` while others go on, and leaves the batch after its
    last; so no result depends on the batch, and no pass is made for a straggler. By default the
    first ``c`` of an item is what its first gradient says a flat boundary needs, and Adam goes on
    from where the last ``c`` left it; ``initial_c``, ``progress`` and ``warm_start`` restore the
    paper's own search. An item that never succeeds returns its picture of smallest margin, not
    the clean one. The budget is applied at the end; this attack minimises by itself.

    Args:
        search_steps: values of ``c`` tried per item.
        steps: most Adam steps for each.
        lr: of Adam, in the space of ``w``.
        initial_c: first ``c``; None takes 1.5 times what makes the step to a flat boundary pay.
        confidence: by how much the margin is to be passed.
        progress: an item whose loss fell by less than this share over a twentieth of ``steps``
            is done with this ``c``; 0 takes all steps.
        warm_start: whether a search step goes on from the last one's picture.

    Example:
        >>> from vrbench.attacks import CW
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(CW()).gt(0).tolist()
        [True, True, True]
    """

    paper = "Carlini and Wagner, IEEE S&P 2017"

    defaults = PenaltySettings(search_steps=5, steps=100)

    def __init__(
        self,
        *,
        lr: float = 0.01,
        initial_c: float | None = None,
        progress: float = 0.03,
        warm_start: bool = True,
        **search: Unpack[PenaltySettings],
    ) -> None:
        super().__init__(**self.with_defaults(PenaltySettings, search))
        self.refuse_if(
            lr <= 0 or not 0 <= progress < 1,
            "lr > 0 and 0 <= progress < 1",
        )
        if initial_c is not None and initial_c <= 0:
            raise ConfigError(f"CW: expected initial_c > 0 or null, got {initial_c}")
        self.lr, self.initial_c = lr, initial_c
        self.progress, self.warm_start = progress, warm_start

    @property
    def cost(self) -> Cost | None:
        passes = self.search_steps * self.steps
        return Cost(passes, passes + (self.initial_c is None))

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        best = Nearest(clean, goal, self.confidence)
        state = _State(self.variables(clean), self.initial_c or 1.0)
        look_every = max(1, self.steps // LOOKS)
        while len(state.row):
            anchor, item = clean[state.row], items[state.row]
            x, away, margin, slope = self._look(state, anchor, item, goal, best.bias[state.row])
            distance = row_sums(away)
            loss = distance + state.c * (margin + self.confidence).clamp(min=0)
            check_finite(goal, item, loss, slope)
            over = state.phase >= self.search_steps  # of rows that stay: nothing better comes
            measured = (number.masked_fill(over, torch.inf) for number in (distance, margin))
            reached = best.update(state.row, item, x, *measured)
            state.won |= reached
            state.descend(slope, self.lr)
            looking = state.step % look_every == 0
            stuck = looking & (loss > (1 - self.progress) * state.last)
            stuck &= self.progress > 0
            state.last = torch.where(looking, loss, state.last)
            state.advance(stuck | (state.step >= self.steps), self.warm_start)
            state.keep(state.phase < self.search_steps)
        return best.x

    def variables(self, clean: Tensor) -> Tensor:
        """Return the ``w`` that stand for ``clean``: what is searched over."""
        return each(torch.atanh, (2 * clean - 1) * SHRINK)

    def values(self, w: Tensor, clean: Tensor) -> Tensor:
        """Return what ``w`` stand for in a search that began at ``clean``; differentiable."""
        return (each(torch.tanh, w) + 1) / 2

    def _look(
        self, state: _State, clean: Tensor, items: Tensor, goal: Goal, bias: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the pictures, their squared changes, margins, and the slopes in ``w``.

        Nothing of the pass is left alive, so that a network's may be replayed.
        """
        w = state.w.requires_grad_()
        x = self.values(w, clean)
        margin = ask(goal, x, items).margin + bias
        if self.initial_c is None and not state.begun:
            state.c = self._first_c(margin, x)
        state.begun = True
        away, missed = (x - clean).square(), (margin + self.confidence).clamp(min=0)
        (slope,) = torch.autograd.grad(away.sum() + (state.c * missed).sum(), w)
        return x.detach(), away.detach(), margin.detach(), slope

    def _first_c(self, margin: Tensor, x: Tensor) -> Tensor:
        """Return per item 1.5 times the ``c`` at which crossing a flat boundary pays."""
        (slope,) = torch.autograd.grad(margin.sum(), x, retain_graph=True)
        steepness = row_sums(slope.square()).clamp(min=1e-12)
        needed = 2 * (margin.detach() + self.confidence) / steepness
        return (1.5 * needed).clamp(1e-6, UPPER)


class CWRows(CW):
    """The L2 attack on rows of numbers without a range (Carlini and Wagner, IEEE S&P 2017, sec. V).

    As ``CW``, without its change of variables, which keeps pictures between black and white: Adam
    moves the numbers themselves, in units of their row's root mean square, so that ``lr`` is a
    share of a row's length whatever the scale. It takes feature vectors (``threat=vector``) and,
    with ``smallest_changes``, the rows of users and items that a recommender has learnt.

    Args:
        lr: of Adam, in units of a row's root mean square.
        search_steps, steps, initial_c, confidence, progress, warm_start: see ``CW``.

    Example:
        >>> import torch
        >>> from vrbench.attacks import CWRows
        >>> from vrbench.attacks.base import Verdict
        >>> from vrbench.budgets import Rows
        >>> from vrbench.core.seeds import Streams
        >>> class Left:  # of the line x + y = 0, which is 2 * sqrt(2) away
        ...     def judge(self, x, items):
        ...         return Verdict(x.sum(1), x.sum(1))
        ...
        >>> start = torch.tensor([[3.0, 1.0]])
        >>> found = CWRows()(start, torch.tensor([0]), Left(), Rows(eps=torch.inf), Streams(0))
        >>> bool(found.sum() < 0), round(float((found - start).norm()), 2)
        (True, 2.83)
    """

    paper = "Carlini and Wagner, IEEE S&P 2017"
    on_rows = True

    def variables(self, clean: Tensor) -> Tensor:
        return clean / _scale(clean)

    def values(self, w: Tensor, clean: Tensor) -> Tensor:
        return w * _scale(clean)


def _scale(clean: Tensor) -> Tensor:
    """Return the root mean square of each row, beside it; 1 for a row of zeros."""
    found = lengths(clean) / clean[0].numel() ** 0.5
    return beside(found.masked_fill(found == 0, 1.0), clean)


class _State:
    """Where every item still in the batch stands in its own search."""

    def __init__(self, start: Tensor, c: float) -> None:
        n, device = len(start), start.device

        def full(value: float) -> Tensor:
            return torch.full((n,), value, device=device)

        self.row = torch.arange(n, device=device)
        self.start, self.w = start, start.clone()
        self.first, self.second = torch.zeros_like(start), torch.zeros_like(start)
        self.c, self.low, self.high, self.last = full(c), full(0), full(UPPER), full(torch.inf)
        self.adam, self.step, self.phase = full(0), full(0), full(0)
        self.won = torch.zeros(n, dtype=torch.bool, device=device)
        self.begun = False

    def descend(self, slope: Tensor, lr: float) -> None:
        """Take one step of Adam."""
        self.adam, self.step = self.adam + 1, self.step + 1
        self.first = 0.9 * self.first + 0.1 * slope
        self.second = 0.999 * self.second + 0.001 * slope.square()
        rate = lr * (1 - power(0.999, self.adam)).sqrt() / (1 - power(0.9, self.adam))
        move = self.first / (self.second.sqrt() + 1e-8)
        self.w = self.w.detach() - beside(rate, move) * move

    def advance(self, done: Tensor, warm: bool) -> None:
        """Give the items that are ``done`` their next ``c``."""
        low = torch.where(self.won, self.low, torch.maximum(self.low, self.c))
        high = torch.where(self.won, torch.minimum(self.high, self.c), self.high)
        following = torch.where(high < UPPER, (low + high) / 2, self.c * 10)
        self.low, self.high = torch.where(done, low, self.low), torch.where(done, high, self.high)
        self.c = torch.where(done, following.clamp(max=UPPER), self.c)
        self.won = self.won & ~done
        self.last = self.last.masked_fill(done, torch.inf)
        self.step, self.phase = self.step.masked_fill(done, 0), self.phase + done
        if not warm and done.any():
            row = beside(done, self.w)
            self.w = torch.where(row, self.start, self.w)
            self.first, self.second = (m.masked_fill(row, 0) for m in (self.first, self.second))
            self.adam = self.adam.masked_fill(done, 0)

    def keep(self, going: Tensor) -> None:
        """Let go of the items whose search is over, now or with others."""
        rows = places(going)
        if not _stay(len(rows), going):
            for name, value in vars(self).items():
                if isinstance(value, Tensor):
                    setattr(self, name, value[rows])


def _stay(count: int, going: Tensor) -> bool:
    """Whether all rows stay in the batch: none is over, or on a GPU less than half are.

    A network's passes are traced and captured there for every size of a batch.
    """
    return count == len(going) or (going.is_cuda and 2 * count > len(going))
