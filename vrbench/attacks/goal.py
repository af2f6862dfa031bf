"""What an adversary wants of pictures, asked for verdicts and for gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from vrbench.attacks.contract import kind_of
from vrbench.attacks.finite import note
from vrbench.attacks.loss_curve import listening, unheard
from vrbench.core.errors import ContractError, IncompatibleError


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

    def others(self, most: int) -> Tensor:
        """Return the classes beside the named one with the largest logits, ``(B, k)``, in order.

        Args:
            most: how many at most.
        """
        lead = self.ahead()[0]
        k = min(most, lead.shape[1] - 1)
        return lead.topk(k, dim=1, largest=False, sorted=True).indices


class Goal(Protocol):
    """What the adversary wants of the images of some items.

    Some goals can say more, and some attacks need them to; ``able`` asks for it:

    - ``classes(x, items) -> Classes``: the logits it is made of (DeepFool, JSMA);
    - ``example(items) -> (B, 3, H, W)``: pictures that reach the aim, or come nearest to it, of
      other items (HopSkipJump begins there);
    - ``see(x) -> (B, D)``: features of ``x`` by a public extractor, differentiable;
    - ``hinge(x, items) -> (B,)``: of an aim at rankings, a second loss: how far the item is from
      the lists that it is nearest to (``AutoPGD``);
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
    """A goal that answers through another one, and shows its logits and its second loss."""

    def hinge(self, x: Tensor, items: Tensor) -> Tensor:
        """Return the other goal's second loss, if it is about rankings."""
        found: Tensor = able(self._goal, "hinge")(x, items)
        return found

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

    def redrawn(self, salt: int) -> TwoSpeed:
        """Return both judges under other draws of a defence; itself where none are made."""
        redrawn = getattr(self._exact, "redrawn", None)
        if redrawn is None or redrawn(salt) is self._exact:
            return self
        return self.each(lambda judge: able(judge, "redrawn")(salt))

    def example(self, items: Tensor) -> Tensor:
        """Return pictures that reach the aim, by the exact judge."""
        found: Tensor = able(self._exact, "example")(items)
        return found

    def confirm(self, x: Tensor, items: Tensor) -> Verdict:
        """Return the exact verdicts; no gradient leads through them."""
        with torch.no_grad(), unheard():
            return ask(self._exact, x, items)


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
    listener = listening()
    before = listener.count if listener else 0
    verdict = goal.judge(x, items)
    for answer in verdict:
        if answer.shape != items.shape:
            raise ContractError(
                f"{name_of(goal)} must return {len(items)} losses and margins, one per picture, "
                f"got {kind_of(answer)}"
            )
    bounded = verdict.margin.masked_fill(verdict.margin.isinf(), 0)
    check_finite(goal, items, verdict.loss, bounded)
    if listener and listener.count == before:  # what it asked of other goals was not heard
        listener.add(items, verdict.loss)
    return verdict


def check_finite(goal: Goal, items: Tensor, *found: Tensor) -> None:
    """Raise, now or when the search is over, if what a goal answered is not all finite.

    Args:
        goal: named in the error.
        items: ``(B,)``; the first one in trouble is named too.
        found: tensors of ``B`` rows.

    Raises:
        DivergedError: so that no picture is made out of it; see ``attacks.finite``.
    """
    note(name_of(goal), items, *found)
