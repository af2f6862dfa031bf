"""Several attacks, of which each item keeps the strongest result."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vrbench.attacks.base import Attack, BlackBox, Cost
from vrbench.attacks.budget import Budget
from vrbench.attacks.goal import ClassWrapper, Goal, TwoSpeed, Verdict, ask
from vrbench.attacks.oracle import Oracle
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams


class Ensemble(Attack):
    """The strongest of several attacks, item by item, within one budget.

    After the idea of AutoAttack (Croce and Hein, ICML 2020, sec. 5). Every member's result is
    finished first, that is brought into the budget and rounded, and judged then; a member that
    looks for the smallest change takes part with what the budget leaves of it. Stronger is what
    reaches the aim, and between two that do, or do not, what has the smaller loss.

    Members that see gradients go first, then those that ask, by their number of queries; names
    break ties, so the order in which members were written down changes nothing. Each is given the
    random streams that it would be given alone, so the ensemble is at least as strong as any of
    them. Questions are added up over members, and comparing the result of a member that asks is
    one more.

    Args:
        attacks: the members, by any names.
        stop: whether an item that one member leads to the aim is spared the rest, as in
            AutoAttack. The success rate is the same, and much is saved; but of the results that
            reach the aim the first is kept, not the one of smallest loss.

    Raises:
        ConfigError: if there is no member.

    Example:
        >>> from vrbench.attacks import PGD, Ensemble, Noise
        >>> from vrbench.testing.world import red_removed
        >>> both = Ensemble(attacks={"pgd": PGD(steps=2), "noise": Noise()})
        >>> both.cost
        Cost(forward=4, backward=2)
        >>> red_removed(both).gt(2).tolist()
        [True, True, True]
    """

    paper = "Croce and Hein, ICML 2020"

    def __init__(self, *, attacks: dict[str, Attack], stop: bool = False) -> None:
        if not attacks:
            raise ConfigError("Ensemble: expected members, as in +attack@attack.attacks.pgd=pgd")
        self.attacks, self.stop = attacks, stop
        self.knows = " and ".join(sorted({member.knows for member in attacks.values()}))
        # The answer is its members', object by object.
        vars(self)["asks_example"] = any(member.asks_example for member in attacks.values())
        vars(self)["joint"] = any(member.joint for member in attacks.values())

    @property
    def members(self) -> list[Attack]:
        """The members in the order in which they are tried."""

        def place(name: str) -> tuple[bool, int, str]:
            member = self.attacks[name]
            asks = isinstance(member, BlackBox)
            return asks, member.queries if isinstance(member, BlackBox) else 0, name

        return [self.attacks[name] for name in sorted(self.attacks, key=place)]

    @property
    def cost(self) -> Cost | None:
        found = [member.cost for member in self.members]
        known = [cost for cost in found if cost is not None]
        if len(known) < len(found):
            return None
        return Cost(sum(c.forward + 1 for c in known), sum(c.backward for c in known))

    def search(
        self, clean: Tensor, items: Tensor, goal: Goal, budget: Budget, rng: Streams
    ) -> Tensor:
        ledger = goal if isinstance(goal, Ledger) else Ledger(goal)
        best = clean.clone()
        missed = torch.ones(len(clean), dtype=torch.bool, device=clean.device)
        least = torch.full((len(clean),), torch.inf, device=clean.device)
        going = torch.arange(len(clean), device=clean.device)
        for member in self.taking_part(clean, items, ledger):
            if not len(going):
                break
            x = _result(member, clean[going], items[going], ledger, budget, rng.again())
            loss, margin = ledger.verdict(x, items[going])
            worse = margin >= 0
            before = missed[going]
            self.tried(member, Tried(items[going], before, least[going], worse, loss), ledger)
            stronger = (before & ~worse) | ((before == worse) & (loss < least[going]))
            kept = going[stronger]
            best[kept], least[kept], missed[kept] = x[stronger], loss[stronger], worse[stronger]
            if self.stop:
                going = going[missed[going]]
        return best

    def taking_part(self, clean: Tensor, items: Tensor, goal: Goal) -> list[Attack]:
        """Return the members that try; all of them, unless overridden."""
        return self.members

    def tried(self, member: Attack, found: Tried, ledger: Ledger) -> None:
        """Take note that a member tried; nothing unless overridden."""


class Tried(NamedTuple):
    """What a member came to, beside the strongest of those before it; ``B`` items."""

    items: Tensor  # (B,) int64
    missed: Tensor  # (B,) bool: no member reached the aim so far
    least: Tensor  # (B,) the smallest loss so far; infinite of the first member
    worse: Tensor  # (B,) bool: this one does not reach it
    loss: Tensor  # (B,) its loss


class Ledger(ClassWrapper):
    """A goal that remembers how much the members of an ensemble asked about each item."""

    def __init__(self, goal: Goal) -> None:
        super().__init__(goal)
        self.goal = goal
        self._asked: dict[int, int] = {}

    def shown_to(self, member: Attack) -> Goal:
        """Return the goal that a member is given: the one that is judged."""
        return self.goal

    def verdict(self, x: Tensor, items: Tensor) -> Verdict:
        """Return the exact verdicts on finished pictures; no gradient leads through them."""
        with torch.no_grad():
            if isinstance(self.goal, TwoSpeed):
                return self.goal.confirm(x, items)
            return ask(self.goal, x, items)

    def charge(self, items: Tensor, counts: Tensor) -> None:
        """Add ``counts``, ``(B,)``, to what was asked about ``items``."""
        for item, count in zip(items.tolist(), counts.tolist(), strict=True):
            self._asked[item] = self._asked.get(item, 0) + count

    def asked(self, items: Tensor) -> Tensor:
        """Return the ``(B,)`` int64 questions asked about ``items`` so far."""
        used = [self._asked.get(item, 0) for item in items.tolist()]
        return torch.tensor(used, dtype=torch.int64, device=items.device)


def _result(
    member: Attack, clean: Tensor, items: Tensor, ledger: Ledger, budget: Budget, rng: Streams
) -> Tensor:
    """Return the finished pictures of a member, and put its questions down."""
    if isinstance(member, Ensemble):
        return member(clean, items, ledger, budget, rng)
    if not isinstance(member, BlackBox):
        return member(clean, items, ledger.shown_to(member), budget, rng)
    oracle = Oracle(ledger.shown_to(member), limit=member.queries, decisions=member.decisions)
    x = member(clean, items, oracle, budget, rng)
    ledger.charge(items, oracle.asked(items) + 1)
    return x
