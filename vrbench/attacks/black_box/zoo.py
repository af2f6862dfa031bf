"""ZOO: zeroth-order coordinate descent by finite differences of scores."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.attacks.base import BlackBox, asked_together
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, Verdict
from vrbench.attacks.places import places
from vrbench.attacks.sums import beside, each, power, row_sums, total
from vrbench.core.errors import ConfigError, one_of
from vrbench.core.seeds import Streams

FLOOR = 0.1  # chance of a coordinate at rest, relative to the one that moved most

Sampling = Literal["random", "importance"]


class ZOO(BlackBox):
    """Zeroth order optimisation (Chen et al., AISec 2017, alg. 1 and 2, sec. 3.4 to 3.6).

    A coordinate is a block of ``cell`` by ``cell`` pixels of one channel. A step draws some
    coordinates, takes the symmetric difference of the loss along each, and moves each by an Adam
    of its own. The search begins on coarse blocks and halves them at equal shares of the steps
    (the paper's hierarchical attack, with blocks for its bilinear interpolation).

    What falls is the goal's loss, inside the budget; or, if ``c`` is given, the paper's
    ``|x' - x|^2 + c * max(margin + confidence, 0)``, whose ``c`` is fixed, as its bisection would
    multiply the questions.

    Differences. Items are searched side by side, each with coordinates and moments of its own.
    Differences are taken over one grey level, not the paper's 0.0255 of it, which an upload would
    round away. Each step asks once about its finished picture, and the best of these is returned:
    of all that reach the aim, the nearest with ``c`` and that of least loss without, and before
    any does, that of least margin or loss.

    Args:
        queries: the most questions per item; a step takes ``2 * coordinates + 1``.
        coordinates: moved per step.
        cell: side of the first blocks, in pixels.
        levels: sizes of blocks; each is half as large as the one before.
        sampling: "random", or "importance": more often where pictures changed most so far.
        reach: how far apart the questions are from the picture, in grey levels.
        lr: of Adam, on the ``[0, 1]`` scale of pixels.
        c: weight of the aim against the distance; None descends the goal's loss.
        confidence: by how much the margin is to be passed, with ``c``.
        enough: without ``c``: an item whose margin falls below ``-enough`` stops asking; None
            goes on to the last query.

    Example:
        >>> from vrbench.attacks import ZOO
        >>> from vrbench.testing.world import red_removed
        >>> red_removed(ZOO()).gt(1).tolist()
        [True, True, True]
    """

    version: ClassVar[int] = 2
    paper = "Chen et al., AISec 2017"
    needs_radius = False

    def __init__(
        self,
        *,
        queries: int = 2000,
        coordinates: int = 20,
        cell: int = 8,
        levels: int = 2,
        sampling: Sampling = "random",
        reach: float = 1.0,
        lr: float = 0.01,
        c: float | None = None,
        confidence: float = 0.0,
        enough: float | None = 0.0,
    ) -> None:
        if coordinates < 1 or queries < 2 * coordinates + 2:
            raise ConfigError(
                "ZOO: expected coordinates >= 1 and queries >= 2 * coordinates + 2, "
                f"got {coordinates} and {queries}"
            )
        if levels < 1 or cell < 1 or cell % 2 ** (levels - 1):
            raise ConfigError(
                f"ZOO: expected levels >= 1 and a cell that can be halved {levels - 1} times, "
                f"got {cell}"
            )
        self.refuse_if(
            reach <= 0 or lr <= 0 or confidence < 0 or (c is not None and c <= 0),
            "reach, lr, c > 0 and confidence >= 0",
        )
        self.sampling = one_of("ZOO.sampling", sampling, Sampling)
        self.queries, self.coordinates = queries, coordinates
        self.cell, self.levels = cell, levels
        self.reach, self.lr, self.c = reach, lr, c
        self.confidence, self.enough = confidence, enough

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        steps = (self.queries - 1) // (2 * self.coordinates + 1)
        best = clean.clone()
        rank, margin = self._rank(goal.judge(clean, items), clean, clean)
        alive, cell = torch.arange(len(clean), device=clean.device), self.cell
        state = _Blocks(clean, cell)
        for step in range(steps):
            if self.c is None and self.enough is not None:
                stay = places(margin[alive] >= -self.enough)
                alive = alive[stay]
                state.keep(stay)
            if not len(alive):
                break
            there, asked = clean[alive], items[alive]
            if cell != self.cell >> (step * self.levels // steps):
                cell //= 2
                state.halve(there, cell)
            x = budget.project(there + state.change(there), there)
            at = state.draw(asked, self.coordinates, self.sampling == "importance", rng)
            state.descend(at, self._slopes(x, there, asked, at, cell, goal), self.lr)
            x = budget.project(there + state.change(there), there)
            state.settle(x - there)
            shown = budget.finish(x, there)
            value, found = self._rank(goal.judge(shown, asked), shown, there)
            better = _before(value, rank[alive])
            best[alive] = torch.where(beside(better, x), x, best[alive])
            rank[alive] = torch.where(better[:, None], value, rank[alive])
            margin[alive] = torch.where(better, found, margin[alive])
        return best

    def _slopes(
        self, x: Tensor, clean: Tensor, items: Tensor, at: Tensor, cell: int, goal: Goal
    ) -> Tensor:
        """Return the ``(B, n)`` symmetric differences along coordinates ``at``, ``(B, n)``."""
        found, size = [], _grid(x, cell)
        for rows in asked_together(x, 2 * at.shape[1]):
            one = F.one_hot(at[rows], x.shape[1] * size[0] * size[1]).to(x)
            away = self.reach / 255 * _spread(one.reshape(-1, x.shape[1], *size), cell, x)
            away = away.reshape(len(rows), -1, *x.shape[1:])
            asked = (x[rows, None] + torch.cat([away, -away], 1)).clamp(0, 1)
            who = items[rows, None].expand(asked.shape[:2]).flatten()
            verdict = goal.judge(asked.flatten(0, 1), who)
            value = self._value(verdict, asked.flatten(0, 1), clean[rows], asked.shape[1])
            plus, minus = value.reshape(len(rows), 2, -1).unbind(1)
            found.append((plus - minus) / (2 * self.reach / 255))
        return torch.cat(found)

    def _value(self, verdict: Verdict, x: Tensor, clean: Tensor, each: int) -> Tensor:
        """Return what is to fall; ``x`` holds ``each`` pictures for every one of ``clean``."""
        if self.c is None:
            return verdict.loss
        away = x.reshape(len(clean), each, -1) - clean.flatten(1)[:, None]
        distance = total(away.square(), 2).flatten()
        return distance + self.c * (verdict.margin + self.confidence).clamp(min=0)

    def _rank(self, verdict: Verdict, x: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(B, 2)``, first whether the aim is missed, then the rest; and the margins."""
        missed = verdict.margin >= -(self.confidence if self.c is not None else 0.0)
        value = verdict.loss
        if self.c is not None:
            distance = row_sums((x - clean).square())
            value = torch.where(missed, verdict.margin, distance)
        return torch.stack([missed.float(), value], 1), verdict.margin.clone()


class _Blocks:
    """The change of every item in the batch on a grid of blocks, and the moments of its Adam."""

    def __init__(self, clean: Tensor, cell: int) -> None:
        self.cell = cell
        self.z = clean.new_zeros(len(clean), clean.shape[1], *_grid(clean, cell))
        self._forget()

    def _forget(self) -> None:
        self.first, self.second, self.times = (torch.zeros_like(self.z) for _ in range(3))

    def keep(self, rows: Tensor) -> None:
        """Let go of all rows but these."""
        for name in ("z", "first", "second", "times"):
            setattr(self, name, getattr(self, name)[rows])

    def halve(self, like: Tensor, cell: int) -> None:
        """Cut every block in four; what was learnt of the larger ones is forgotten."""
        rows, columns = _grid(like, cell)
        self.cell = cell
        self.z = self.z.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, :rows, :columns]
        self._forget()

    def change(self, like: Tensor) -> Tensor:
        """Return the change as pictures."""
        return _spread(self.z, self.cell, like)

    def settle(self, change: Tensor) -> None:
        """Take over what the budget left of the change: its mean over every block."""
        self.z = F.avg_pool2d(change, self.cell, ceil_mode=True, count_include_pad=False)

    def draw(self, items: Tensor, count: int, important: bool, rng: Streams) -> Tensor:
        """Return the positions of ``count`` coordinates per item, none twice: ``(B, count)``."""
        chance = rng.uniform(items, self.z[0].numel()).clamp(min=1e-12)
        if important:
            moved = F.max_pool2d(self.z.abs(), 3, 1, 1).flatten(1)
            weight = moved / moved.amax(1, keepdim=True).clamp(min=1e-12) + FLOOR
            # The largest are a weighted sample (Efraimidis, 2006).
            chance = each(torch.log, chance) / weight
        return chance.topk(min(count, chance.shape[1]), 1).indices

    def descend(self, at: Tensor, slope: Tensor, lr: float) -> None:
        """Take one step of Adam along the coordinates ``at``, each by its own count of steps."""
        times = self.times.flatten(1).gather(1, at) + 1
        first = 0.9 * self.first.flatten(1).gather(1, at) + 0.1 * slope
        second = 0.999 * self.second.flatten(1).gather(1, at) + 0.001 * slope.square()
        rate = lr * (1 - power(0.999, times)).sqrt() / (1 - power(0.9, times))
        move = -rate * first / (second.sqrt() + 1e-8)
        for name, value in (("times", times), ("first", first), ("second", second)):
            old: Tensor = getattr(self, name)
            setattr(self, name, old.flatten(1).scatter(1, at, value).reshape(old.shape))
        self.z = self.z.flatten(1).scatter_add(1, at, move).reshape(self.z.shape)


def _grid(x: Tensor, cell: int) -> tuple[int, int]:
    height, width = x.shape[-2:]
    return -(-height // cell), -(-width // cell)


def _spread(z: Tensor, cell: int, like: Tensor) -> Tensor:
    """Return blocks as pictures, those at the edge cut off."""
    height, width = like.shape[-2:]
    return z.repeat_interleave(cell, 2).repeat_interleave(cell, 3)[:, :, :height, :width]


def _before(a: Tensor, b: Tensor) -> Tensor:
    """Return whether rows of ``a`` come before those of ``b``, as words in a dictionary."""
    return (a[:, 0] < b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] < b[:, 1]))
