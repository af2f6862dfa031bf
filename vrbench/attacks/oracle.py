"""A goal that answers questions, counts them, and gives no gradient."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from vrbench.attacks.goal import Goal, GoalWrapper, Verdict, ask
from vrbench.core.errors import ContractError
from vrbench.core.same_rows import SameRows


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
        self._rows: SameRows | None = None
        self._each: list[tuple[int, int]] = []

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return the verdicts on ``x``, one query each; no gradient leads through them.

        Raises:
            QueryLimitError: if an item has used up its queries; nothing is answered then.
            DivergedError: if an answer is not finite.
        """
        after = {item: self._asked.get(item, 0) + n for item, n in self._questions(items)}
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

    def _questions(self, items: Tensor) -> list[tuple[int, int]]:
        """Return each item and how often it is asked about; of the same rows without looking."""
        rows = SameRows.of(items)
        if self._rows is None or not self._rows.same(rows):
            self._rows, self._each = rows, sorted(Counter(items.tolist()).items())
        return self._each


class QueryLimitError(ContractError, RuntimeError):
    """A black-box attack asked more than it may: a mistake of the attack, not of the user."""
