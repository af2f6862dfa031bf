"""Pictures and words of the same items by one adversary."""

from __future__ import annotations

from dataclasses import dataclass

from vrbench.attacks.base import Attack
from vrbench.attacks.with_pictures import WithPictures, WithPicturesBudget
from vrbench.attacks.words import WordAttack, Words
from vrbench.core.spec import Component


class JointAttack(WithPictures, Component):
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
    beside = "words"

    def __init__(self, *, picture: Attack, words: WordAttack) -> None:
        self.picture, self.words = picture, words


@dataclass(frozen=True, kw_only=True)
class JointBudget(WithPicturesBudget):
    """How far pictures may change, and how many words: a budget for each.

    Attributes:
        picture: of each picture.
        words: of each item.

    Example:
        >>> from vrbench.budgets import JointBudget, Linf, Words
        >>> JointBudget(picture=Linf(eps=8), words=Words(eps=3)).eps
        8
    """

    words: Words
