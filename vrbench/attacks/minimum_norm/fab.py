"""FAB: fast adaptive boundary attack, one class at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.attacks.base import Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, able, ask, check_finite, classes_of, gradient
from vrbench.attacks.minimum_norm.base import MinimumNorm, SearchSettings
from vrbench.attacks.minimum_norm.best_found import Nearest
from vrbench.attacks.places import places
from vrbench.attacks.sums import beside, row_sums
from vrbench.core.seeds import Streams


class Plane(NamedTuple):
    """A boundary made flat where ``B`` pictures are."""

    value: Tensor  # (B,) what is to be brought to zero
    slope: Tensor  # (B, 3, H, W) its gradient


class FAB(MinimumNorm):
    """The fast adaptive boundary attack, targeted (FAB-T; Croce and Hein, ICML 2020, alg. 1).

    Every step projects the picture, and the clean one, onto the boundary as it looks from the
    picture: the nearest point of the plane that is a picture still. It goes a little beyond a mean
    of both, the nearer to the clean picture's the nearer that is. A picture that reaches the goal
    is remembered, and drawn back toward the clean one. As in AutoAttack, where the goal is to get
    away from a class there is a search for each of the ``targets`` other classes that have the
    largest logits at the clean picture, whose boundary with it is the only one looked at; a goal
    that names the class wanted, or that is not about classes, has one boundary, its margin's.

    Differences. The norm is the budget's, L2 or Linf. There are no random restarts and no final
    search. Where the budget has a limit, an item that is inside it leaves before the next class.
    Where the budget rounds, or the goal has a quick and an exact judge, what seems there is looked
    at once more. An item that never succeeds returns its picture of smallest margin.

    Args:
        targets: other classes that are tried, at least 1.
        toward: the largest weight of the clean picture's projection, in [0, 1].
        beyond: by how much a projection is lengthened, at least 1.
        back: how far from the clean picture a success goes on, in (0, 1).
        steps: of each search.
        confidence: by how much the margin is to be passed.

    Example:
        >>> from vrbench.attacks import FAB
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(FAB(steps=10)).gt(1).tolist()
        [True, True, True]
    """

    paper = "Croce and Hein, ICML 2020"

    defaults = SearchSettings(steps=100)

    def __init__(
        self,
        *,
        targets: int = 9,
        toward: float = 0.1,
        beyond: float = 1.05,
        back: float = 0.9,
        **search: Unpack[SearchSettings],
    ) -> None:
        super().__init__(**self.with_defaults(SearchSettings, search))
        self.refuse_if(targets < 1 or beyond < 1, "targets, beyond >= 1")
        self.refuse_if(not 0 <= toward <= 1 or not 0 < back < 1, "toward in [0, 1], back in (0, 1)")
        self.targets, self.toward, self.beyond, self.back = targets, toward, beyond, back

    @property
    def cost(self) -> Cost | None:
        return Cost(3 + 3 * self.steps * self.targets, self.steps * self.targets)

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        best = Nearest(clean, goal, self.confidence, budget)
        every = torch.arange(len(clean), device=clean.device)
        with torch.no_grad():
            margin = ask(goal, clean, items).margin
        best.update(every, items, clean, torch.zeros_like(margin), margin)
        inside = budget.eps if budget.eps < float("inf") else 0.0
        for target in self._classes(clean, items, goal):
            row = every[best.distance > inside]
            if len(row):
                self._descend(row, clean, items, target, goal, budget, best)
        return best.x

    def _classes(self, clean: Tensor, items: Tensor, goal: Goal) -> Iterator[Tensor | None]:
        """Yield the ``(B,)`` classes that are tried in turn; None: the margin's boundary."""
        with torch.no_grad():
            found = classes_of(goal, clean, items)
        away = found is not None and found.away is not None
        yield from found.others(self.targets).unbind(1) if found and away else [None]

    def _descend(
        self,
        row: Tensor,
        clean: Tensor,
        items: Tensor,
        target: Tensor | None,
        goal: Goal,
        budget: Budget,
        best: Nearest,
    ) -> None:
        """Search from the clean pictures of some rows, and leave in ``best`` what is nearer."""
        x = clean[row]
        for _ in range(self.steps):
            item, anchor = items[row], clean[row]
            plane = _flat(goal, x, item, None if target is None else target[row])
            stay = places(row_sums(plane.slope.abs()) > 0)
            value = plane.value + best.short(row, torch.zeros_like(plane.value))
            there = onto(x, plane.slope, value, budget)
            home = onto(anchor, plane.slope, value + _along(plane.slope, anchor - x), budget)
            x = self._mixed(x, there, anchor, home, budget)
            with torch.no_grad():
                margin = ask(goal, x, item).margin
            best.update(row, item, x, budget.spent(x, anchor), margin + best.bias[row])
            reached = best.short(row, margin) < 0
            x = torch.where(beside(reached, x), anchor + self.back * (x - anchor), x)
            row, x = row[stay], x[stay]
            if not len(row):
                return

    def _mixed(
        self, x: Tensor, there: Tensor, anchor: Tensor, home: Tensor, budget: Budget
    ) -> Tensor:
        """Return the mean of both projections, each lengthened, weighed by how far they are."""
        far, other = (budget.spent(at + by, at) for at, by in ((x, there), (anchor, home)))
        share = (far / (far + other).clamp(min=1e-12)).clamp(max=self.toward)
        share = beside(share, x)
        mean = (1 - share) * (x + self.beyond * there) + share * (anchor + self.beyond * home)
        return mean.clamp(0, 1)


def _flat(goal: Goal, x: Tensor, items: Tensor, target: Tensor | None) -> Plane:
    """Return the boundary of the margin, or of the class to get away from with another one."""
    if target is None:
        slope, verdict = gradient(goal, x, items, of="margin")
        return Plane(verdict.margin, slope)
    x = x.detach().requires_grad_()
    found = able(goal, "classes")(x, items)
    lead = found.ahead()[0].gather(1, target[:, None])[:, 0]
    (slope,) = torch.autograd.grad(lead.sum(), x)
    check_finite(goal, items, found.logits, slope)
    return Plane(lead.detach(), slope)


def _along(slope: Tensor, change: Tensor) -> Tensor:
    return row_sums(slope * change)


def onto(x: Tensor, slope: Tensor, value: Tensor, budget: Budget) -> Tensor:
    """Return the shortest changes that bring ``(B,)`` linear functions of pictures to zero.

    Pictures stay pictures: no value leaves [0, 1], and where that does not let a function become
    zero, all values go as far as they can. In either norm a value changes by ``radius`` times its
    share of the steepest step, or as far as there is room; the smallest radius at which the changes
    are worth enough lies where a sum of broken lines crosses ``value``.

    Args:
        x: ``(B, 3, H, W)``.
        slope: of the functions.
        value: ``(B,)`` the functions at ``x``.
        budget: whose norm is the length of a change.
    """
    down = -beside(value.sign(), slope) * slope.sign()
    pace = (255 * budget.steepest(slope)).abs()
    room = torch.where(down < 0, x, 1 - x).clamp(min=0)
    moves = (pace > 0) & (down != 0)
    breaks = torch.where(moves, room / pace.clamp(min=1e-30), 0).flatten(1).double()
    worth = (slope.abs() * pace * moves).flatten(1).double()
    radius = _crossing(breaks, worth, value.abs().double()).to(x.dtype)
    return down * torch.minimum(beside(radius, x) * pace, room) * moves


def _crossing(breaks: Tensor, worth: Tensor, wanted: Tensor) -> Tensor:
    """Return where the sums of ``worth * min(radius, breaks)`` reach what is wanted, ``(B,)``.

    That is the last break where they never do.
    """
    breaks, order = breaks.sort(dim=1, stable=True)
    worth = worth.gather(1, order)
    done, passed = torch.cumsum(worth * breaks, 1), torch.cumsum(worth, 1)
    left = (passed[:, -1:] - passed).clamp(min=0)
    found = done + breaks * left >= wanted[:, None]
    first = torch.where(found.any(1), found.double().argmax(1), breaks.shape[1] - 1)[:, None]
    before = (done - worth * breaks).gather(1, first)[:, 0]
    rest = (left + worth).gather(1, first)[:, 0]
    radius = (wanted - before).clamp(min=0) / rest.clamp(min=1e-300)
    return torch.minimum(radius, breaks.gather(1, first)[:, 0])
