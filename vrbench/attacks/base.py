"""What every attack is: a search for an image inside a budget."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, final

import torch
from torch import Tensor

from vrbench.attacks.budget import Budget
from vrbench.attacks.contract import require_like
from vrbench.attacks.finite import looked_at_later
from vrbench.attacks.goal import (
    Classes,
    ClassWrapper,
    Goal,
    GoalWrapper,
    TwoSpeed,
    Verdict,
    able,
    ask,
    check_finite,
    classes_of,
    gradient,
    name_of,
)
from vrbench.attacks.oracle import Oracle, QueryLimitError
from vrbench.core.errors import ContractError, IncompatibleError
from vrbench.core.seeds import Streams
from vrbench.core.spec import Component

__all__ = [
    "BLOCK",
    "Attack",
    "BlackBox",
    "ClassWrapper",
    "Classes",
    "Cost",
    "Goal",
    "GoalWrapper",
    "Oracle",
    "QueryLimitError",
    "TwoSpeed",
    "Verdict",
    "able",
    "ask",
    "asked_together",
    "check_finite",
    "classes_of",
    "gradient",
    "name_of",
    "require_like",
]


BLOCK = 512  # pictures asked about in one go on a GPU


class Cost(NamedTuple):
    """What an attack needs per picture, at most.

    Counted for one judge and a budget that rounds; an item may leave the search earlier.

    Attributes:
        forward: verdicts of the goal; for a black box its queries.
        backward: gradients, of the goal or of a public extractor.
    """

    forward: int
    backward: int


class GradientSteps:
    """What an attack needs that asks for one gradient a step; it stands before the kind."""

    steps: int

    @property
    def cost(self) -> Cost:
        return Cost(self.steps, self.steps)


class Attack(Component, ABC):
    """A way to search. Subclasses implement ``search``; callers call the attack.

    Attributes:
        knows: what the adversary must have, in words.
        needs_radius: whether it walks inside a ball, and so cannot do with an infinite one.
        on_rows: whether it works on any table of numbers, not on pictures only.
        asks_example: whether it asks the goal for an ``example``; what that is chosen from is then
            part of its key.
        joint: whether a picture depends on which others are attacked; all are then handed over
            at once.

    Example:
        >>> from vrbench.attacks import Attack
        >>> from vrbench.attacks.base import Cost
        >>> from vrbench.testing.world import red_removed
        >>> class Darker(Attack):
        ...     def search(self, clean, items, goal, budget, rng):
        ...         return clean - budget.eps / 255
        ...     cost = Cost(0, 0)
        ...
        >>> red_removed(Darker()).round().tolist()
        [8.0, 8.0, 8.0]
    """

    knows: str = "gradients"
    needs_radius: ClassVar[bool] = True
    on_rows: ClassVar[bool] = False
    asks_example: ClassVar[bool] = False
    joint: ClassVar[bool] = False

    @property
    def cost(self) -> Cost | None:
        """What its settings make it need; None where they do not tell."""
        return None

    def check_budget(self, budget: Budget) -> None:
        """Raise if it cannot work within a budget above zero; asked before anything is trained.

        Raises:
            IncompatibleError: says which budget it needs.
        """
        if self.needs_radius and budget.eps == float("inf"):
            raise IncompatibleError(f"{self.name} needs a budget with a limit, such as linf_8")

    @final
    def __call__(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        """Return adversarial versions of ``clean``, inside the budget and on the 8-bit grid.

        Whatever ``search`` returns is projected, rounded and measured here, once, for every
        attack: what is scored is exactly what could have been uploaded. A search is handed copies,
        so what it writes in place stays with it.

        Args:
            clean: ``(B, 3, H, W)`` float32 images in ``[0, 1]``, on the 8-bit grid.
            items: ``(B,)`` int64, the item that each image shows; each at most once.
            goal: what to make small.
            budget: how far to go.
            rng: the only source of randomness; one stream per item.

        Returns:
            ``(B, 3, H, W)``, detached, with ``budget.excess(...) <= 0``. Unless the attack is
            ``joint``, row ``b`` does not depend on which other rows it came with: bit for bit where
            that is so for the goal. A network's own products may round by the number of pictures
            shown at once; its last bits then move a picture by a tenth of a grey level in the mean.
            What is asked about one item by chance directions is asked alone on a CPU, so those
            attacks that estimate gradients keep every bit there. Without items, or with a budget of
            zero, nothing is searched and nobody is asked: what came in goes out.

        Raises:
            IncompatibleError: if the attack needs another budget.
            ContractError: if the search returns anything but one picture per item, or a budget
                does not hold.
            DivergedError: if it returns a number that is not finite.
        """
        if not len(clean) or budget.eps == 0:
            return clean.detach().clone()
        self.check_budget(budget)
        clean = clean.detach()
        if isinstance(self, BlackBox) and not isinstance(goal, Oracle):
            goal = Oracle(goal, limit=self.queries, decisions=self.decisions)
        with looked_at_later():
            found = self.search(clean.clone(), items.clone(), goal, budget, rng)
        require_like(self.name, clean, found)
        finished = budget.finish(found.detach(), clean)
        excess = budget.excess(finished, clean)
        if not (excess <= 0).all():
            raise ContractError(
                f"{self.name}: {budget} does not hold, by {excess.max().item():.3g}"
            )
        return finished

    @abstractmethod
    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        """Return images of a smaller loss; they may stray from the budget."""


class BlackBox(Attack):
    """An attack that sees answers only: its ``goal`` is an ``Oracle``.

    Attributes:
        queries: the most it may ask per item; every ``judge`` of one image is one query.
        decisions: whether it is told only if the aim is reached, not how nearly.

    Example:
        >>> import torch
        >>> from vrbench.attacks import BlackBox
        >>> from vrbench.attacks.base import Cost
        >>> from vrbench.testing.world import red_removed
        >>> class Guess(BlackBox):
        ...     queries, cost = 2, Cost(2, 0)
        ...     def search(self, clean, items, goal, budget, rng):
        ...         darker = clean - budget.eps / 255
        ...         better = goal.judge(darker, items).loss < goal.judge(clean, items).loss
        ...         return torch.where(better[:, None, None, None], darker, clean)
        ...
        >>> red_removed(Guess()).round().tolist()
        [8.0, 8.0, 8.0]
    """

    knows = "scores"
    queries: int
    decisions: ClassVar[bool] = False

    @property
    def cost(self) -> Cost | None:
        return Cost(self.queries, 0)


def asked_together(x: Tensor, each: int) -> Sequence[Tensor]:
    """Return blocks of the rows of ``x`` whose questions, ``each`` of them per row, go together.

    On a processor that is row by row: products of matrices and convolutions round by the number of
    pictures they are of, and what is asked about an item then always comes in the same number. A
    GPU is given more to do at a time, and its answers are the same within its tolerance only.
    """
    at_once = max(1, BLOCK // each) if x.is_cuda else 1
    return torch.arange(len(x), device=x.device).split(at_once)
