"""How many fake users an adversary may register, and what each may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vrbench.attacks.profile.shop import Ints, Shop
from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError, one_of

Feedback = Literal["implicit", "rated"]


@dataclass(frozen=True, kw_only=True)
class FakeUsers:
    """The one budget of all attacks by fake profiles.

    Attributes:
        eps: how many fake users, as a share of the real ones: 0.05 is 5 %. Above zero it is one at
            least.
        length: how many items each of them has, targets included; None: as many as a real user,
            drawn for each anew among those who have any.
        targets: how many of the attacked items each of them has; with more the fakes take turns.
            None: as many as half of its profile holds, one at least. (How many are attacked is the
            scenario's: ``scenario.max_items``.)
        feedback: "implicit": a fake user has an item or has it not; what an attack would give few
            stars is not had. "rated": fakes give stars, on the scale of the shop's ratings, for
            recommenders that read them (MF, SVD++, Slope One, neighbours with ``rated=true``, ...).
            One that reads every rating as a like takes even one star for a like, and what is rated
            below all that the shop keeps (``dataset.least``) is left out as it would be of a real
            user.
        lowest: the fewest stars that may be given; None: the fewest among the shop's.

    Example:
        >>> from vrbench.budgets import FakeUsers
        >>> FakeUsers(eps=0.05).count(200), FakeUsers(eps=0.001).count(200)
        (10, 1)
    """

    eps: float
    length: int | None = None
    targets: int | None = None
    feedback: Feedback = "implicit"
    lowest: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.eps <= 1:
            raise ConfigError(
                f"budget.eps: expected a share of the real users, 0 to 1 (0.05 is 5 %), "
                f"got {self.eps}"
            )
        for name, value in (("length", self.length), ("targets", self.targets)):
            if value is not None and value < 1:
                raise ConfigError(f"budget.{name}: expected 1 or more, got {value}")
        one_of("budget.feedback", self.feedback, Feedback)
        if self.length is not None and self.targets is not None and self.targets > self.length:
            raise ConfigError(
                f"budget.targets={self.targets} do not fit into budget.length={self.length}"
            )

    def count(self, num_users: int) -> int:
        """Return how many fake users there may be beside ``num_users`` real ones."""
        return max(1, round(self.eps * num_users)) if self.eps else 0

    def lengths(self, shop: Shop, dice: Dice) -> Ints:
        """Return the ``(fakes,)`` numbers of items of each.

        Raises:
            ConfigError: if a profile is to have more items than there are.
        """
        count = self.count(shop.num_users)
        if self.length is None:
            real = shop.lengths[shop.lengths > 0]
            return real[dice.integers(len(real), count)]
        if self.length > shop.num_items:
            raise ConfigError(
                f"budget.length={self.length} is more than the catalogue has: {shop.num_items} "
                "items"
            )
        return np.full(count, self.length, dtype=np.int64)

    def aims(self, lengths: Ints, targets: Ints) -> tuple[Ints, Ints]:
        """Return which targets each fake has, as rows: ``indptr`` and indices into ``targets``.

        They are dealt in turn, so that all targets are had by as many fakes, but for one.
        """
        most = lengths if self.targets else np.maximum(lengths // 2, 1)
        each = np.minimum(most, min(self.targets or len(targets), len(targets)))
        indptr = np.concatenate([[0], each.cumsum()])
        return indptr, np.arange(indptr[-1]) % len(targets)
