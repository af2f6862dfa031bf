"""Attacks on words of items: which of the catalogue's words are added, or put in place of others.

Shape suffixes: B items, W words of the vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, final

import torch
import torch.nn.functional as F
from torch import Tensor

from vrbench.attacks.base import Cost
from vrbench.attacks.contract import require_like
from vrbench.core.errors import ConfigError, ContractError, one_of
from vrbench.core.seeds import Streams
from vrbench.core.spec import Component

Edit = Literal["add", "swap"]
Loss = Callable[[Tensor], Tensor]  # from (B, W) counts to the (B,) losses, differentiable


@dataclass(frozen=True, kw_only=True)
class Words:
    """How many words of an item may change; new ones are of the catalogue's vocabulary.

    Attributes:
        eps: words at most, of each item.
        edit: "add": they are written beside its own; "swap": each takes the place of one of its
            own, so that a text stays as long as it was.

    Example:
        >>> import torch
        >>> from vrbench.budgets import Words
        >>> had, has = torch.tensor([[2.0, 0, 0]]), torch.tensor([[1.0, 1, 0]])
        >>> [Words(eps=1, edit=e).holds(has, had).tolist() for e in ("add", "swap")]
        [[False], [True]]
    """

    eps: int
    edit: Edit = "add"

    def __post_init__(self) -> None:
        if self.eps < 0 or int(self.eps) != self.eps:
            raise ConfigError(f"budget.eps: expected a number of words, 0 or more, got {self.eps}")
        one_of("budget.edit", self.edit, Edit)

    def holds(self, counts: Tensor, clean: Tensor) -> Tensor:
        """Return ``(B,)`` bool: whether the words of ``counts`` are within reach of ``clean``."""
        change = counts - clean
        new, gone = change.clamp(min=0).sum(1), (-change).clamp(min=0).sum(1)
        whole = (counts >= 0).all(1) & (counts == counts.round()).all(1)
        return whole & (new <= self.eps) & (gone == (new if self.edit == "swap" else 0))


class WordAttack(Component, ABC):
    """A way to change words of items. Subclasses implement ``search``.

    Attributes:
        knows: what the adversary must have, in words.

    Example:
        >>> from vrbench.attacks import WordAttack
        >>> from vrbench.attacks.base import Cost
        >>> from vrbench.testing.world import rewritten
        >>> class First(WordAttack):
        ...     cost = Cost(0, 0)
        ...     def search(self, counts, items, loss, budget, rng):
        ...         counts[:, 0] += budget.eps
        ...         return counts
        ...
        >>> rewritten(First()).tolist()
        [[3.0, 0.0, 0.0], [2.0, 1.0, 0.0]]
    """

    knows: str = "words of items; gradients"

    @property
    @abstractmethod
    def cost(self) -> Cost:
        """What it needs for a word of the budget."""

    @final
    def __call__(
        self, counts: Tensor, items: Tensor, loss: Loss, budget: Words, rng: Streams
    ) -> Tensor:
        """Return the counts of the words after the attack, ``(B, W)``, within the budget.

        Args:
            counts: ``(B, W)`` float32, how often an item has a word.
            items: ``(B,)`` which items, each once.
            loss: what is to fall.
            budget: how many words may change.
            rng: the only source of randomness.

        Raises:
            ContractError: if a search breaks the budget.
        """
        found = self.search(counts.clone(), items, loss, budget, rng)
        require_like(f"{self.name}, asked to change words,", counts, found)
        if not budget.holds(found, counts).all():
            raise ContractError(f"{self.name}: {budget} does not hold")
        return found.detach()

    @abstractmethod
    def search(
        self, counts: Tensor, items: Tensor, loss: Loss, budget: Words, rng: Streams
    ) -> Tensor:
        """Return counts with a smaller loss, of whole numbers."""


class WordFlips(WordAttack):
    """Word by word, the edit that lowers the loss most (HotFlip, Ebrahimi et al., ACL 2018).

    For every word of the budget the slope of the loss in the counts ranks all edits, to first
    order; the ``candidates`` best are tried, and the best of these is made if the loss falls. All
    items are edited at once, and the search ends where the total loss falls no further. (HotFlip
    flips letters and words of a text that a network reads in order; here a text is a bag of words.)

    Args:
        candidates: edits of an item that are tried for each word.

    Example:
        >>> from vrbench.attacks import WordFlips
        >>> from vrbench.testing.world import rewritten
        >>> rewritten(WordFlips()).tolist()
        [[1.0, 0.0, 2.0], [0.0, 1.0, 2.0]]
    """

    paper = "Ebrahimi et al., ACL 2018"

    def __init__(self, *, candidates: int = 4) -> None:
        if candidates < 1:
            raise ConfigError(f"attack.candidates: expected 1 or more, got {candidates}")
        self.candidates = candidates

    @property
    def cost(self) -> Cost:
        return Cost(2 + self.candidates, 1)

    def search(
        self, counts: Tensor, items: Tensor, loss: Loss, budget: Words, rng: Streams
    ) -> Tensor:
        clean = before = counts.clone()
        least = torch.inf
        for _ in range(int(budget.eps)):
            now, slope = _slope(loss, counts)
            if now.sum() > least:
                return before
            before, least = counts, float(now.sum())
            best, edited = now, counts
            for tried in self._edits(counts, clean, slope, budget.edit):
                with torch.no_grad():
                    found = loss(tried)
                better = found < best
                best = torch.where(better, found, best)
                edited = torch.where(better[:, None], tried, edited)
            counts = edited
        with torch.no_grad():
            return counts if loss(counts).sum() <= least else before

    def _edits(self, counts: Tensor, clean: Tensor, slope: Tensor, edit: Edit) -> list[Tensor]:
        """Return the counts after each of the most promising edits; as they are where none is."""
        width = counts.shape[1]
        new = slope.topk(min(self.candidates, width), dim=1, largest=False).indices.T
        added = [counts + F.one_hot(word, width) for word in new]
        if edit == "add":
            return added
        own = torch.minimum(counts, clean) > 0  # still there
        old = slope.masked_fill(~own, -torch.inf).argmax(1)
        swapped = [words - F.one_hot(old, width) for words in added]
        return [torch.where(own.any(1, keepdim=True), words, counts) for words in swapped]


class RandomWords(WordAttack):
    """Words drawn from the vocabulary, each as likely: the control of attacks on words.

    Example:
        >>> from vrbench.attacks import RandomWords
        >>> from vrbench.testing.world import rewritten
        >>> rewritten(RandomWords()).sum(1).tolist()
        [3.0, 3.0]
    """

    paper = ""
    knows = "words of items"

    @property
    def cost(self) -> Cost:
        return Cost(0, 0)

    def search(
        self, counts: Tensor, items: Tensor, loss: Loss, budget: Words, rng: Streams
    ) -> Tensor:
        left, width = counts.clone(), counts.shape[1]
        for _ in range(int(budget.eps)):
            new = rng.integers(items, 0, width, 1)[:, 0]
            drawn = rng.uniform(items, width)
            edited = counts + F.one_hot(new, width)
            if budget.edit == "swap":
                old = drawn.masked_fill(left <= 0, -1).argmax(1)
                gone = F.one_hot(old, width) * (left > 0).any(1, keepdim=True)
                edited = torch.where(gone.any(1, keepdim=True), edited - gone, counts)
                left = left - gone
            counts = edited
        return counts


def _slope(loss: Loss, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return the ``(B,)`` losses and the slope of their sum in the counts."""
    with torch.enable_grad():
        asked = counts.detach().requires_grad_()
        found = loss(asked)
        (slope,) = torch.autograd.grad(found.sum(), asked)
    return found.detach(), slope
