"""Generative attack: a GAN's proposal in place of the item's own picture."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

from vrbench.attacks.base import Attack, Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import Goal, ask
from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import Streams


class Designer(Protocol):
    """What makes the proposals; ``generators.design.Design`` does.

    Attributes:
        starts: proposals for each item.
        steps: gradients for each proposal.
        spec: what it is, as a component says it.
    """

    starts: int
    steps: int
    spec: Any

    def best(
        self,
        items: Tensor,
        worth: Callable[[Tensor, Tensor], Tensor],
        size: tuple[int, int],
        rng: Streams,
    ) -> Tensor:
        """Return ``(n, 3, H, W)`` pictures for ``items``, worth as much as they can be."""


class Generated(Attack):
    """Replace each picture by the proposal of a GAN that comes nearest to the goal.

    The preference maximisation of DVBPR (Kang et al., ICDM 2017) with the adversary's
    goal in place of a user's taste: aimed at a recommender it is INSA's knowledge (Liu and Larson,
    WWW 2021), gradients through the whole system, with the manifold of the GAN in place of a ball
    around the picture. The clean picture is not read. The GAN was taught on the public pictures of
    the catalogue and their categories, nothing else of the shop; it shows the item's own category.
    No norm bounds the change: take ``budget=free``.

    Args:
        design: makes the proposals.

    Raises:
        IncompatibleError: under any budget with a limit.

    Example:
        >>> from vrbench.attacks import Generated
        >>> from vrbench.generators import LSGAN, Design
        >>> Generated(Design(LSGAN(size=16), starts=2, steps=3)).cost
        Cost(forward=8, backward=6)
    """

    paper = "Kang et al., ICDM 2017; Liu and Larson, WWW 2021"
    knows = "gradients; the catalogue's pictures"
    needs_radius = False

    def __init__(self, design: Designer) -> None:
        self.design = design

    def with_fitted_parts(self, fit: Callable[[Any], Any]) -> Generated:
        other = copy.copy(self)
        other.design = fit(self.design)
        other.spec = self.spec | {"of": {"design": other.design.spec}}
        return other

    @property
    def cost(self) -> Cost | None:
        starts, steps = self.design.starts, self.design.steps
        return Cost(starts * (steps + 1), starts * steps)

    def check_budget(self, budget: Budget) -> None:
        if budget.eps != float("inf"):
            raise IncompatibleError(f"{self.name} makes new pictures: it needs budget=free")

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        def worth(x: Tensor, items: Tensor) -> Tensor:
            return -ask(goal, x, items).loss

        return self.design.best(items, worth, (clean.shape[2], clean.shape[3]), rng)
