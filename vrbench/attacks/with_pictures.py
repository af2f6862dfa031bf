"""What attacks and budgets share that go for pictures and for something else beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from vrbench.attacks.base import Attack, Cost
from vrbench.attacks.budget import Budget


class WithPictures:
    """A search for pictures and another one, each as it would be alone; it stands before the kind.

    Attributes:
        picture: changes the pictures of the attacked items.
        beside: the name of the attribute that holds the other search.
    """

    picture: Attack
    beside: ClassVar[str]

    @property
    def knows(self) -> str:
        """What the adversary must have, in words."""
        return f"{self.picture.knows}; {getattr(self, self.beside).knows}"

    @property
    def cost(self) -> Cost | None:
        """That of the pictures; the other search asks no network."""
        return self.picture.cost


@dataclass(frozen=True, kw_only=True)
class WithPicturesBudget:
    """How far pictures may change; the other budget is a field of those below.

    Attributes:
        picture: of each picture.
    """

    picture: Budget

    @property
    def eps(self) -> float:
        """That of the pictures, in grey levels."""
        return self.picture.eps

    @property
    def norm(self) -> Any:
        """That of the pictures, in words."""
        return getattr(self.picture, "norm", type(self.picture).__name__)
