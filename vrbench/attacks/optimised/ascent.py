"""Steps in what fake users have: relaxed to shares of an item, within the budget."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vrbench.attacks.optimised.base import Problem
from vrbench.attacks.profile.shop import Floats

HALVINGS = 60  # of the interval in which a row's common reduction lies
Judged = Callable[[Floats], tuple[float, Floats]]  # (fakes, items) had -> utility, its gradient


def ascended(
    problem: Problem, start: Floats, judge: Judged, steps: int, rate: float, momentum: float = 0.0
) -> Floats:
    """Return ``(fakes, items)`` shares of the best of ``steps`` roundings.

    The gradient is taken where profiles are whole, as they would be registered, and moves the
    shares behind them. Every row of it is brought to the length of a whole profile: gradients of a
    mean over all users are tiny, and a fake's own influence should not decide how far it moves.

    Args:
        problem: says what fits.
        start: ``(fakes, items)`` shares to begin with.
        judge: what profiles are worth, and how that grows.
        steps: how often it is asked.
        rate: length of a step, in lengths of a profile.
        momentum: how much of the last step is added to the next.
    """
    shares, pace = projected(problem, start), np.zeros_like(start)
    whole = np.sqrt(problem.room)[:, None]
    best, found = -np.inf, shares
    for _ in range(steps):
        utility, slope = judge(problem.rounded(shares))
        if utility > best:
            best, found = utility, shares
        pace = momentum * pace + unit_rows(np.where(problem.free, slope, 0))
        shares = projected(problem, shares + rate * whole * pace)
    return found


def unit_rows(table: Floats) -> Floats:
    """Return the rows with length 1; rows of zeros as they are."""
    length = np.linalg.norm(table, axis=1, keepdims=True)
    return np.asarray(table / np.where(length > 0, length, 1))


def projected(problem: Problem, shares: Floats) -> Floats:
    """Return the nearest shares within 0 and 1 of which each row has as many as it has room for.

    (Li et al. keep the largest and drop all others, so that an item must overtake one of them in a
    single step. Here an item may come in by and by; ``Problem.rounded`` keeps the largest at last.)
    """
    shares = np.where(problem.free, shares, -np.inf)
    room = np.minimum(problem.room, problem.free.sum())[:, None]
    low = np.zeros((len(shares), 1))
    high = np.maximum(shares.max(1, keepdims=True), 0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        over = np.clip(shares - middle, 0, 1).sum(1, keepdims=True) > room
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return np.clip(shares - high, 0, 1)
