"""Poisoning of a factorisation by the gradient of its optimum (Li et al., NIPS 2016)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal, TypedDict

import numpy as np
from scipy import sparse
from typing_extensions import Unpack

from vrbench.attacks.base import Cost
from vrbench.attacks.optimised.ascent import ascended, projected, unit_rows
from vrbench.attacks.optimised.base import OptimisedProfiles, Problem
from vrbench.attacks.optimised.factors import Factors, Loss, fitted, refitted, with_fakes
from vrbench.attacks.optimised.presence_gradient import presence_gradient
from vrbench.attacks.profile.base import Aim
from vrbench.attacks.profile.shop import Floats, Ints
from vrbench.core.dice import Dice
from vrbench.core.errors import one_of

Utility = Literal["integrity", "availability", "hybrid"]
BLOCK = 4096  # users whose scores are dense at once


class FactorSettings(TypedDict, total=False):
    """Settings of a search by factors, and of the adversary's model.

    Attributes:
        aim: "push" or "nuke".
        utility: "integrity", "availability" or "hybrid"; see ``FactorAscent``.
        steps: how often fakes are changed.
        factors: length of a row.
        alpha: confidence that feedback adds.
        l2: weight of the penalty.
        refits: rounds of both solves after every step, from where the model stood.
        rounds: how often users' and items' answers to each other are followed by the gradient. With
            0, as published, it tells of an item's own score only: nothing of fillers, where the
            utility is the targets' score.
    """

    aim: Aim
    utility: Utility
    steps: int
    factors: int
    alpha: float
    l2: float
    refits: int
    rounds: int


class _FactorAttack(OptimisedProfiles):
    """Has a factorisation, and knows how its utility grows with what fakes have."""

    defaults = FactorSettings(
        aim="push",
        utility="integrity",
        steps=10,
        factors=8,
        alpha=10.0,
        l2=0.05,
        refits=2,
        rounds=20,
    )

    def __init__(self, **search: Unpack[FactorSettings]) -> None:
        given = self.with_defaults(FactorSettings, search)
        super().__init__(aim=given["aim"])
        self.utility = one_of(f"{self.name}.utility", given["utility"], Utility)
        self.steps, self.factors = given["steps"], given["factors"]
        self.refits, self.rounds = given["refits"], given["rounds"]
        self.loss = Loss(given["alpha"], given["l2"])
        wrong = given["alpha"] < 0 or given["l2"] <= 0
        self.refuse_if(wrong, "alpha of 0 or more, l2 above 0")

    @property
    def cost(self) -> Cost | None:
        return Cost(1 + self.steps, self.steps)

    @property
    def wants_targets(self) -> bool:
        return self.utility != "availability"

    def wanted(self, problem: Problem, dice: Dice) -> Floats:
        return self.climbed(problem, _Judge(self, problem, dice), dice)

    @abstractmethod
    def climbed(self, problem: Problem, judge: _Judge, dice: Dice) -> Floats:
        """Return ``(fakes, num_items)`` shares, higher ones of more utility."""


class _Judge:
    """Fits the model to real users and given fakes, and says what it makes of the targets."""

    def __init__(self, attack: _FactorAttack, problem: Problem, dice: Dice) -> None:
        self.attack, self.problem = attack, problem
        nothing = with_fakes(problem.real, 0 * problem.fixed)
        self.clean = fitted(nothing, attack.loss, attack.factors, dice)
        self.model = self.clean

    def __call__(self, fakes: Floats) -> tuple[float, Floats]:
        """Return the utility of profiles and its ``(fakes, num_items)`` gradient."""
        cells, attack = with_fakes(self.problem.real, fakes), self.attack
        self.model = refitted(cells, attack.loss, self.model, attack.refits)
        value, slope = self._utility()
        count, rounds = len(fakes), attack.rounds
        return value, presence_gradient(cells, self.model, attack.loss, slope, count, rounds)

    def _utility(self) -> tuple[float, Factors]:
        """Return the utility and its derivatives by the factors."""
        kind, problem = self.attack.utility, self.problem
        share = {"integrity": 0.0, "availability": 1.0, "hybrid": 0.5}[kind]
        found = [(0.0, Factors(*map(np.zeros_like, self.model)))]
        if share < 1:
            found.append(promoted(problem.real, self.model, problem.targets))
        if share > 0:
            found.append(displaced(problem.real, self.model, self.clean))
        weights = [0.0] + [problem.sign * (1 - share)] * (share < 1) + [share] * (share > 0)
        value = sum(w * v for w, (v, _) in zip(weights, found, strict=True))
        user, item = (
            sum(w * slope[n] for w, (_, slope) in zip(weights, found, strict=True)) for n in (0, 1)
        )
        return float(value), Factors(np.asarray(user), np.asarray(item))


def promoted(real: sparse.csr_matrix, model: Factors, targets: Ints) -> tuple[float, Factors]:
    """Return the mean score of targets for real users without them, and its derivatives."""
    count = real.shape[0]
    lacks = 1 - real[:, targets].toarray()
    weight = lacks / max(1.0, lacks.sum())
    user, item = np.zeros_like(model.user), np.zeros_like(model.item)
    user[:count] = weight @ model.item[targets]
    np.add.at(item, targets, weight.T @ model.user[:count])
    return float((user[:count] * model.user[:count]).sum()), Factors(user, item)


def displaced(real: sparse.csr_matrix, model: Factors, clean: Factors) -> tuple[float, Factors]:
    """Return the mean square by which scores of unseen items have moved, and its derivatives."""
    count, items = real.shape
    value, user, item = 0.0, np.zeros_like(model.user), np.zeros_like(model.item)
    unseen = count * items - real.nnz
    for first in range(0, count, BLOCK):
        at = slice(first, min(first + BLOCK, count))
        moved = model.user[at] @ model.item.T - clean.user[at] @ clean.item.T
        moved[real[at].nonzero()] = 0
        value += float((moved**2).sum()) / unseen
        user[at] = 2 * moved @ model.item / unseen
        item += 2 * moved.T @ model.user[at] / unseen
    return value, Factors(user, item)


class FactorAscent(_FactorAttack):
    """Projected gradient ascent on factors' optimum (PGA; Li et al., NIPS 2016).

    The adversary's model is fitted anew after each step, and the gradient of its *optimum* by what
    fakes have is known in closed form. Published: 8 factors, penalty 0.05, 10 steps of 0.2. The
    paper's loss is of stars that are there; one of implicit feedback counts what is not there, too,
    and is Hu et al.'s here.

    Args:
        aim: "push" or "nuke".
        utility: "integrity": the targets' mean score; "availability": how far all unseen scores
            move, whatever the targets, which fakes then need not have; "hybrid": half of each.
        steps: how often fakes are changed.
        rate: length of a step, in lengths of a profile.
        factors, alpha, l2, refits, rounds: of the adversary's model: see ``FactorSettings``.

    Example:
        >>> from vrbench.attacks import FactorAscent
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(FactorAscent())]
        [(5, True), (5, True)]
    """

    paper = "Li et al., NIPS 2016"

    def __init__(self, *, rate: float = 0.2, **search: Unpack[FactorSettings]) -> None:
        super().__init__(**search)
        self.rate = rate

    def climbed(self, problem: Problem, judge: _Judge, dice: Dice) -> Floats:
        start = 0.5 * dice.uniform(*problem.fixed.shape)
        return ascended(problem, start, judge, self.steps, self.rate)


class FactorSampling(_FactorAttack):
    """Langevin steps towards profiles that are useful and look normal (SGLD; Li et al., NIPS 2016).

    What fakes have is drawn from ``exp(beta * utility)`` times a normal prior whose means are how
    often real users have each item, so that fakes differ less from real users than after
    ``FactorAscent``, and do less.

    Args:
        aim, utility: as of ``FactorAscent``.
        steps: how often fakes are changed.
        rate: of a step; its square root is the deviation of what chance adds.
        beta: weight of the utility against the prior: the length of its gradient, in lengths of a
            profile.
        spread: deviation of the prior.
        factors, alpha, l2, refits, rounds: of the adversary's model: see ``FactorSettings``.

    Example:
        >>> from vrbench.attacks import FactorSampling
        >>> from vrbench.testing.world import fakes
        >>> [(len(items), 0 in items) for items in fakes(FactorSampling())]
        [(5, True), (5, True)]
    """

    paper = "Li et al., NIPS 2016"

    def __init__(
        self,
        *,
        rate: float = 0.01,
        beta: float = 10.0,
        spread: float = 0.2,
        **search: Unpack[FactorSettings],
    ) -> None:
        super().__init__(**search)
        self.refuse_if(rate < 0 or spread <= 0, "rate of 0 or more, spread above 0")
        self.rate, self.beta, self.spread = rate, beta, spread

    def climbed(self, problem: Problem, judge: _Judge, dice: Dice) -> Floats:
        shape, whole = problem.fixed.shape, np.sqrt(problem.room)[:, None]
        usual = np.asarray(problem.real.mean(0)).reshape(1, -1)
        shares = projected(problem, usual + self.spread * dice.normal(*shape))
        for _ in range(self.steps):
            _, slope = judge(problem.rounded(shares))
            useful = self.beta * whole * unit_rows(np.where(problem.free, slope, 0))
            normal = (usual - shares) / self.spread**2
            noise = np.sqrt(self.rate) * dice.normal(*shape)
            shares = projected(problem, shares + self.rate / 2 * (normal + useful) + noise)
        return shares
