"""Pictures and words of the same items by one adversary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vrbench.attacks.base import Attack, Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.words import WordAttack, Words
from vrbench.core.spec import Component


class JointAttack(Component):
    """A search for pictures and one for words, each as it would be alone.

    Args:
        picture: changes the pictures of the attacked items.
        words: changes their words.

    Example:
        >>> from vrbench.attacks import PGD, JointAttack, WordFlips
        >>> JointAttack(picture=PGD(steps=3), words=WordFlips()).cost.forward
        3
    """

    paper = ""

    def __init__(self, *, picture: Attack, words: WordAttack) -> None:
        self.picture, self.words = picture, words

    @property
    def knows(self) -> str:
        """What the adversary must have, in words."""
        return f"{self.picture.knows}; {self.words.knows}"

    @property
    def cost(self) -> Cost | None:
        """That of the pictures; words ask the recommender alone."""
        return self.picture.cost


@dataclass(frozen=True, kw_only=True)
class JointBudget:
    """How far pictures may change, and how many words: a budget for each.

    Attributes:
        picture: of each picture.
        words: of each item.

    Example:
        >>> from vrbench.budgets import JointBudget, Linf, Words
        >>> JointBudget(picture=Linf(eps=8), words=Words(eps=3)).eps
        8
    """

    picture: Budget
    words: Words

    @property
    def eps(self) -> float:
        """That of the pictures, in grey levels."""
        return self.picture.eps

    @property
    def norm(self) -> Any:
        """That of the pictures, in words."""
        return getattr(self.picture, "norm", type(self.picture).__name__)
