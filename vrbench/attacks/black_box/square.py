"""Square Attack: score-based black-box attack by random search over square windows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import ClassVar, Literal

import torch
from torch import Tensor

from vrbench.attacks.base import BlackBox
from vrbench.attacks.budget import L2, Budget, Linf
from vrbench.attacks.goal import Goal
from vrbench.attacks.places import places
from vrbench.attacks.sums import beside, row_sums, total
from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import Streams

MARKS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries: p is halved
REDRAWS = 4  # of a square that would change nothing
Propose = Callable[[Tensor, Tensor, Tensor, int], Tensor]


class Square(BlackBox):
    """Square Attack (Andriushchenko et al., ECCV 2020, alg. 1 to 3), in the norm of the budget.

    One window of a picture is changed at a time, to a corner of the Linf ball or by a pulse that
    takes over the unused length of the L2 ball, and the change is kept if the loss falls, or if
    the aim is reached by it. Windows shrink as queries are used up, by the paper's schedule for
    10,000 queries stretched to ``queries``.

    Differences. Every item has windows and signs of its own, where the published batched code
    shares them. A window may touch the last row and column, which the published ones never reach.
    What is asked about is the finished picture, rounded to the 8-bit grid. A square that would
    change nothing is drawn anew, at most four times.

    Args:
        queries: the most questions per item.
        p: share of the picture that the first windows cover.
        descend: "loss" or "margin" of the goal: what must fall. The paper takes the
            cross-entropy for targets and the margin otherwise.
        enough: an item whose margin falls below ``-enough`` stops asking; None goes on to the
            last query.

    Raises:
        IncompatibleError: if the budget is neither of Linf nor of L2.

    Example:
        >>> from vrbench.attacks import Square
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(Square(queries=50)).gt(0).tolist()
        [True, True, True]
    """

    version: ClassVar[int] = 2
    paper = "Andriushchenko et al., ECCV 2020"

    def __init__(
        self,
        *,
        queries: int = 2000,
        p: float = 0.8,
        descend: Literal["loss", "margin"] = "loss",
        enough: float | None = 0.0,
    ) -> None:
        self.refuse_if(
            queries < 1 or not 0 < p <= 1 or descend not in ("loss", "margin"),
            "queries >= 1, 0 < p <= 1 and descend loss or margin",
        )
        self.queries, self.p, self.descend, self.enough = queries, p, descend, enough

    def check_budget(self, budget: Budget) -> None:
        super().check_budget(budget)
        if not isinstance(budget, Linf | L2):
            raise IncompatibleError(
                f"Square knows the norms Linf and L2, not {type(budget).__name__}"
            )

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        start, propose = _moves(budget, rng)
        x = start(clean, items)
        least, margin = self._ask(goal, budget, x, clean, items)
        alive, asked = torch.arange(len(x), device=x.device), items
        for n in range(1, self.queries):
            if self.enough is not None:
                stay = places(margin[alive] >= -self.enough)
                if len(stay) < len(alive):
                    alive, asked = alive[stay], asked[stay]
            if not len(alive):
                break
            here, there, lowest, nearest = x[alive], clean[alive], least[alive], margin[alive]
            tried = propose(here, there, asked, self.side(n, clean.shape[-2:]))
            value, found = self._ask(goal, budget, tried, there, asked)
            reached, before = found < 0, nearest < 0
            better = (reached & ~before) | ((value < lowest) & (reached | ~before))
            x[alive] = torch.where(beside(better, x), tried, here)
            least[alive] = torch.where(better, value, lowest)
            margin[alive] = torch.where(better, found, nearest)
        return x

    def side(self, query: int, shape: tuple[int, ...]) -> int:
        """Return the side of the window of the ``query``-th question, in pixels."""
        at = query * 10_000 // self.queries
        share = self.p / 2 ** sum(at > mark for mark in MARKS)
        height, width = shape
        return min(max(round((share * height * width) ** 0.5), 1), height, width)

    def _ask(
        self, goal: Goal, budget: Budget, x: Tensor, clean: Tensor, items: Tensor
    ) -> tuple[Tensor, Tensor]:
        verdict = goal.judge(budget.finish(x, clean), items)
        value = verdict.loss if self.descend == "loss" else verdict.margin
        return value.clone(), verdict.margin.clone()


def _moves(budget: Budget, rng: Streams) -> tuple[Callable[[Tensor, Tensor], Tensor], Propose]:
    """Return the first picture and the next one to try, as functions, in the budget's norm."""
    if isinstance(budget, Linf):
        return partial(_stripes, budget=budget, rng=rng), partial(_square, budget=budget, rng=rng)
    assert isinstance(budget, L2)
    return partial(_tiles, budget=budget, rng=rng), partial(_pulses, budget=budget, rng=rng)


def _stripes(clean: Tensor, items: Tensor, budget: Budget, rng: Streams) -> Tensor:
    """Return pictures in vertical stripes: each column of each channel at an end of the ball."""
    signs = rng.signs(items, clean.shape[1], 1, clean.shape[3]).expand_as(clean)
    return budget.project(clean + budget.eps * budget.steepest(signs), clean)


def _square(
    x: Tensor, clean: Tensor, items: Tensor, side: int, budget: Budget, rng: Streams
) -> Tensor:
    """Return ``x`` with one window at an end of the ball, another end for each channel.

    Only the pixels of the window are computed: they are few for most of the search.
    """
    index = _window(rng.uniform(items, 2), side, x)[1].flatten(1)[:, None]
    where = index.expand(-1, x.shape[1], -1)
    old, anchor = (v.flatten(2).gather(2, where)[..., None] for v in (x, clean))

    def end(items: Tensor, anchor: Tensor) -> Tensor:
        signs = rng.signs(items, x.shape[1], 1, 1).expand_as(anchor)
        return budget.project(anchor + budget.eps * budget.steepest(signs), anchor)

    new = end(items, anchor)
    for _ in range(REDRAWS):
        same = places((new == old).flatten(1).all(1))
        if not len(same):
            break
        new[same] = end(items[same], anchor[same])
    return x.flatten(2).scatter(2, where, new[..., 0]).reshape(x.shape)


def _tiles(clean: Tensor, items: Tensor, budget: L2, rng: Streams) -> Tensor:
    """Return pictures tiled by pulses, five a row, on the surface of the ball."""
    height, width = clean.shape[-2:]
    side = max(min(height, width) // 5, 1)
    rows, columns = height // side, width // side
    signs = rng.signs(items, clean.shape[1], rows, 1, columns, 1)
    across = rng.uniform(items, 1, rows, 1, columns, 1) < 0.5
    pulse = _pulse(side, clean.device).to(clean.dtype)
    upright, lying = pulse[:, None], pulse.T[:, None]
    tiles = signs * torch.where(across, lying, upright)
    left, top = (width - columns * side) // 2, (height - rows * side) // 2
    change = torch.zeros_like(clean)
    change[:, :, top : top + rows * side, left : left + columns * side] = tiles.reshape(
        len(clean), clean.shape[1], rows * side, columns * side
    )
    return budget.project(clean + budget.eps * budget.steepest(change), clean)


def _pulses(x: Tensor, clean: Tensor, items: Tensor, side: int, budget: L2, rng: Streams) -> Tensor:
    """Return ``x`` with a new pulse in one window, paid for with the change in another.

    Per channel, the window is given the length that it has, that of the second window, which is
    cleared, and a share of what the whole picture leaves of the radius (alg. 3).
    """
    side = min(max(side, 3) // 2 * 2 + 1, *x.shape[-2:])
    draw = rng.uniform(items, 5)
    signs = rng.signs(items, x.shape[1], 1, 1)
    (inside, index), (paying, _) = _window(draw[:, :2], side, x), _window(draw[:, 2:4], side, x)
    change = x - clean
    unused = (budget.radius**2 - row_sums(change.square())).clamp(min=0) / x.shape[1]
    held = total((change * (inside | paying)).square().flatten(2), 2)
    length = (unused[:, None] + held).sqrt()
    old = change.flatten(2).gather(2, index.flatten(1)[:, None].expand(-1, x.shape[1], -1))
    old = old / _length(old).clamp(min=1e-10)
    pulse = _pulse(side, x.device).to(x.dtype)
    turned = (draw[:, 4] < 0.5)[:, None, None]
    new = (torch.where(turned, pulse.T, pulse)[:, None] * signs).flatten(2) + old
    new = new / _length(new).clamp(min=1e-10) * length[:, :, None]
    change = change * ~paying
    where = index.flatten(1)[:, None].expand_as(new)
    change = change.flatten(2).scatter(2, where, new).reshape(x.shape)
    return budget.project(clean + budget.eps * budget.steepest(change), clean)


def _length(x: Tensor) -> Tensor:
    """Return the ``(B, C, 1)`` lengths of each channel of windows."""
    return total(x.square(), 2).sqrt()[:, :, None]


def _window(draw: Tensor, side: int, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return where windows lie: ``(B, 1, H, W)`` bool, and ``(B, side, side)`` flat positions.

    Args:
        draw: ``(B, 2)`` in [0, 1): top and left edge, as a share of all that fit.
        side: of the windows, in pixels.
        x: the pictures.
    """
    height, width = x.shape[-2:]
    step = torch.arange(side, device=x.device)
    rows, columns = (
        (share * room).floor().clamp(max=room - 1).long()[:, None] + step
        for share, room in zip(draw.unbind(1), (height - side + 1, width - side + 1), strict=True)
    )
    index = rows[:, :, None] * width + columns[:, None, :]
    inside = torch.zeros(len(x), height * width, dtype=torch.bool, device=x.device)
    inside.scatter_(1, index.flatten(1), True)
    return inside.reshape(-1, 1, height, width), index


@cache
def _pulse(side: int, device: torch.device) -> Tensor:
    """Return the ``(side, side)`` pulse of length 1 (sec. 3.3): a hill above a valley."""
    above = side // 2
    pulse = torch.cat([_hill(above, side), -_hill(side - above, side)])
    return (pulse / pulse.norm()).to(device)


def _hill(height: int, width: int) -> Tensor:
    """Return a hill of length 1: the sum of centred squares, the k-th as high as ``1 / k**2``."""
    if not height:
        return torch.zeros(0, width)
    down = (torch.arange(height) - height // 2).abs()
    across = (torch.arange(width) - width // 2).abs()
    ring = torch.maximum(down[:, None], across[None])  # 0 in the middle
    terms = 1 / torch.arange(1, int(ring.max()) + 2).float().square()
    hill = terms.flip(0).cumsum(0).flip(0)[ring]
    return hill / hill.norm()
