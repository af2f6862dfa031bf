"""What every attack is: a search for an image inside a budget."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, final

import torch
from torch import Tensor

from vrbench.attacks.budget import Budget
from vrbench.core.errors import ContractError, DivergedError, IncompatibleError
from vrbench.core.seeds import Streams
from vrbench.core.spec import Component

TOGETHER = 512  # pictures asked about in one go on a GPU


class Verdict(NamedTuple):
    """How near ``B`` images are to a goal; one forward pass yields both."""

    loss: Tensor  # (B,) float32, small is success, smooth enough to descend
    margin: Tensor  # (B,) float32, negative once the goal is reached


class Classes(NamedTuple):
    """What a goal about classes is computed from; its margin is a difference of two logits."""

    logits: Tensor  # (B, C) float32
    towards: int | None  # the class wanted
    away: int | None  # the class to get away from; the other one is None

    @property
    def named(self) -> int:
        """The one class that the goal names."""
        found = self.away if self.towards is None else self.towards
        assert found is not None
        return found

    def ahead(self) -> tuple[Tensor, Tensor]:
        """Return, ``(B, C)``, the named class's logit minus each other's, and ``(B,)`` the margin.

        The named class's own entry is infinite. The margin is the goal's: the least lead of a
        class to get away from, or minus that of a class that is wanted.
        """
        lead = self.logits[:, self.named, None] - self.logits
        own = torch.arange(lead.shape[1], device=lead.device) == self.named
        lead = lead.masked_fill(own, torch.inf)
        return lead, lead.amin(1) if self.towards is None else -lead.amin(1)


class Goal(Protocol):
    """What the adversary wants of the images of some items.

    Some goals can say more, and some attacks need them to; ``able`` asks for it:

    - ``classes(x, items) -> Classes``: the logits it is made of (DeepFool, JSMA);
    - ``example(items) -> (B, 3, H, W)``: pictures that reach the aim, or come nearest to it, of
      other items (HopSkipJump begins there);
    - ``see(x) -> (B, D)``: features of ``x`` by a public extractor, differentiable;
    - ``redrawn(salt) -> Goal``: the same aim under other draws of a defence that draws lots, and
      the goal itself where nothing is drawn (``Expected``).
    """

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return how near images ``x``, ``(B, 3, H, W)``, of ``items``, ``(B,)``, are.

        Row ``b`` of the answer depends on row ``b`` of the arguments only.
        """


def able(goal: Goal, what: str) -> Any:
    """Return the method ``what`` of a goal.

    Raises:
        IncompatibleError: if the goal has none.
    """
    found = getattr(goal, what, None)
    if found is None:
        raise IncompatibleError(f"{name_of(goal)} offers no {what}, which this attack needs")
    return found


def classes_of(goal: Goal, x: Tensor, items: Tensor) -> Classes | None:
    """Return what a goal is made of where it is about classes, and None where it is not."""
    try:
        found: Classes = able(goal, "classes")(x, items)
    except IncompatibleError:
        return None
    return found


def name_of(goal: Goal) -> str:
    """Return what to call a goal in an error."""
    return str(getattr(goal, "name", type(goal).__name__))


class GoalWrapper:
    """A goal that answers through another one.

    What it says of the aim, an example and a public extractor's features, is what the other says;
    of the logits that it is made of it says nothing, unless it is a ``ClassWrapper``.

    Args:
        goal: the other one.
    """

    def __init__(self, goal: Goal) -> None:
        self._goal = goal

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return how near images ``x`` of ``items`` are."""
        return self._goal.judge(x, items)

    def example(self, items: Tensor) -> Tensor:
        """Return pictures that reach the aim, or come nearest to it."""
        found: Tensor = able(self._goal, "example")(items)
        return found

    def see(self, x: Tensor) -> Tensor:
        """Return the features of ``x`` by a public extractor, differentiable."""
        found: Tensor = able(self._goal, "see")(x)
        return found


class ClassWrapper(GoalWrapper):
    """A goal that answers through another one, and shows its logits."""

    def classes(self, x: Tensor, items: Tensor) -> Classes:
        """Return what the other goal is made of, if it is about classes."""
        found: Classes = able(self._goal, "classes")(x, items)
        return found


class TwoSpeed(ClassWrapper):
    """A goal with a quick judge for gradients and an exact one for decisions.

    Attacks that decide on a boundary (C&W) call ``confirm`` for pictures near it; the others
    never do.

    Args:
        quick: answers, and is differentiated.
        exact: decides.
    """

    def __init__(self, quick: Goal, exact: Goal) -> None:
        super().__init__(quick)
        self._exact, self.name = exact, name_of(exact)

    def each(self, change: Callable[[Goal], Goal]) -> TwoSpeed:
        """Return the goal whose two judges are those of this one, changed."""
        return TwoSpeed(change(self._goal), change(self._exact))

    def example(self, items: Tensor) -> Tensor:
        """Return pictures that reach the aim, by the exact judge."""
        found: Tensor = able(self._exact, "example")(items)
        return found

    def confirm(self, x: Tensor, items: Tensor) -> Verdict:
        """Return the exact verdicts; no gradient leads through them."""
        with torch.no_grad():
            return ask(self._exact, x, items)


class Cost(NamedTuple):
    """What an attack needs per picture, at most.

    Counted for one judge and a budget that rounds; an item may leave the search earlier.

    Attributes:
        forward: verdicts of the goal; for a black box its queries.
        backward: gradients, of the goal or of a public extractor.
    """

    forward: int
    backward: int


class Attack(Component, ABC):
    """A way to search. Subclasses implement ``search``; callers call the attack.

    Attributes:
        knows: what the adversary must have, in words.
        needs_radius: whether it walks inside a ball, and so cannot do with an infinite one.
        on_rows: whether it works on any table of numbers, not on pictures only.
        asks_example: whether it asks the goal for an ``example``; what that is chosen from is then
            part of its key.

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

    @property
    def cost(self) -> Cost | None:
        """What its settings make it need; None where they do not tell."""
        return None

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
            ``(B, 3, H, W)``, detached, with ``budget.excess(...) <= 0``. Row ``b``
            does not depend on which other rows it came with: bit for bit where that is so for the
            goal. A network's own products may round by the number of pictures shown at once; its
            last bits then move a picture by a tenth of a grey level in the mean. What is asked
            about one item by chance directions is asked alone on a CPU, so those attacks that
            estimate gradients keep every bit there. Without items, or with a budget of
            zero, nothing is searched and nobody is asked: what came in goes out.

        Raises:
            IncompatibleError: if the budget has no limit and the attack needs one.
            ContractError: if the search returns anything but one picture per item, or a budget
                does not hold.
            DivergedError: if it returns a number that is not finite.
        """
        if self.needs_radius and budget.eps == float("inf"):
            raise IncompatibleError(f"{self.name} needs a budget with a limit, such as linf_8")
        if not len(clean) or budget.eps == 0:
            return clean.detach().clone()
        clean = clean.detach()
        if isinstance(self, BlackBox) and not isinstance(goal, Oracle):
            goal = Oracle(goal, limit=self.queries, decisions=self.decisions)
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


def require_like(name: str, expected: Tensor, found: Any) -> None:
    """Raise unless ``found`` is a finite tensor of the kind of ``expected``.

    Args:
        name: of who found it, for the error.
        expected: whose shape, type and device it must have.
        found: what came back.

    Raises:
        ContractError: if it is something else.
        DivergedError: if it holds a number that is not finite.
    """
    if _kind(found) != _kind(expected):
        raise ContractError(f"{name} must return {_kind(expected)}, got {_kind(found)}")
    if not found.isfinite().all():
        raise DivergedError(f"{name} returned numbers that are not finite; nothing of it was kept")


def _kind(value: Any) -> str:
    if not isinstance(value, Tensor) or value.layout is not torch.strided:
        return type(value).__name__ if not isinstance(value, Tensor) else str(value.layout)
    size = " x ".join(map(str, value.shape))
    return f"{size} {str(value.dtype).removeprefix('torch.')} on {value.device}"


class Oracle(GoalWrapper):
    """A goal behind a counter: answers without gradients, and no more of them than agreed.

    What needs no question, an example and a public extractor's features, passes freely.

    Args:
        goal: what answers; anything with ``judge``, so a recommender behind somebody's own query
            function can be audited too.
        limit: queries per item; None counts only.
        decisions: answer yes (-1) or no (1) only, as loss and as margin.
    """

    def __init__(self, goal: Goal, *, limit: int | None = None, decisions: bool = False) -> None:
        super().__init__(goal)
        self.limit, self.decisions = limit, decisions
        self._asked: dict[int, int] = {}

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return the verdicts on ``x``, one query each; no gradient leads through them.

        Raises:
            QueryLimitError: if an item has used up its queries; nothing is answered then.
            DivergedError: if an answer is not finite.
        """
        found, counts = items.unique(return_counts=True)
        after = {i: self._asked.get(i, 0) + n for i, n in zip(*_lists(found, counts), strict=True)}
        for item, used in after.items():
            if self.limit is not None and used > self.limit:
                raise QueryLimitError(f"item {item} has used its {self.limit} queries")
        self._asked |= after
        with torch.no_grad():
            loss, margin = ask(self._goal, x.detach(), items)
        if self.decisions:
            loss = margin = torch.where(margin < 0, -1.0, 1.0)
        return Verdict(loss, margin)

    def asked(self, items: Tensor) -> Tensor:
        """Return the ``(B,)`` int64 queries used by ``items`` so far."""
        used = [self._asked.get(item, 0) for item in items.tolist()]
        return torch.tensor(used, dtype=torch.int64, device=items.device)


def _lists(*tensors: Tensor) -> list[list[int]]:
    return [t.tolist() for t in tensors]


class QueryLimitError(ContractError, RuntimeError):
    """A black-box attack asked more than it may: a mistake of the attack, not of the user."""


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
    at_once = max(1, TOGETHER // each) if x.is_cuda else 1
    return torch.arange(len(x), device=x.device).split(at_once)


def gradient(
    goal: Goal, x: Tensor, items: Tensor, *, of: Literal["loss", "margin"] = "loss"
) -> tuple[Tensor, Verdict]:
    """Return the gradient in ``x`` of each image's loss, and the verdict; leaves no graph.

    Args:
        goal: what is differentiated.
        x: ``(B, 3, H, W)`` images.
        items: ``(B,)`` whose they are.
        of: "loss", or "margin", which attacks that look for a boundary need.

    Raises:
        DivergedError: if a number is not finite.
    """
    x = x.detach().requires_grad_()
    verdict = ask(goal, x, items)
    value = verdict.loss if of == "loss" else verdict.margin
    (slope,) = torch.autograd.grad(value.sum(), x)
    check_finite(goal, items, slope)
    return slope, Verdict(verdict.loss.detach(), verdict.margin.detach())


def ask(goal: Goal, x: Tensor, items: Tensor) -> Verdict:
    """Return a goal's verdicts on ``x``, each a number.

    Raises:
        ContractError: if they are not one loss and one margin per picture.
        DivergedError: if a loss is not finite, or a margin is no number; infinite ones are, where
            nothing else is there to be passed.
    """
    verdict = goal.judge(x, items)
    for answer in verdict:
        if answer.shape != items.shape:
            raise ContractError(
                f"{name_of(goal)} must return {len(items)} losses and margins, one per picture, "
                f"got {_kind(answer)}"
            )
    check_finite(goal, items, verdict.loss, verdict.margin.masked_fill(verdict.margin.isinf(), 0))
    return verdict


def check_finite(goal: Goal, items: Tensor, *found: Tensor) -> None:
    """Raise if what a goal answered about ``items`` is not all finite.

    Args:
        goal: named in the error.
        items: ``(B,)``; the first one in trouble is named too.
        found: tensors of ``B`` rows.

    Raises:
        DivergedError: so that no picture is made out of it.
    """
    fine = torch.stack([f.detach().reshape(len(items), -1).isfinite().all(1) for f in found]).all(0)
    if not fine.all():
        item = items[~fine][0].item()
        raise DivergedError(
            f"{name_of(goal)} gives item {item} a loss or a gradient that is not finite: "
            "what answers it has diverged, or needs float32"
        )
