"""Implicit feedback as a compressed sparse matrix."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from vrbench.core.errors import DataError
from vrbench.core.seeds import stream


@dataclass(frozen=True)
class Interactions:
    """Implicit feedback in compressed sparse rows: each user's items, ascending, once each.

    Attributes:
        indptr: ``(num_users + 1,)`` int64; user ``u`` owns positions ``indptr[u]:indptr[u + 1]``.
        items: ``(N,)`` int64, each in ``[0, num_items)``, ascending within a user.
        num_users: number of users, counting those without feedback.
        num_items: size of the catalogue.
        spec: the content address of the feedback.
        ratings: ``(N,)`` float32, or None.
        timestamps: ``(N,)`` int64 seconds, or None.
    """

    indptr: Tensor
    items: Tensor
    num_users: int
    num_items: int
    spec: Any = None
    ratings: Tensor | None = None
    timestamps: Tensor | None = None
    _cache: dict[str, Tensor] = field(default_factory=dict, repr=False, compare=False)

    @staticmethod
    def of(
        users: Tensor,
        items: Tensor,
        num_users: int,
        num_items: int,
        spec: Any = None,
        ratings: Tensor | None = None,
        timestamps: Tensor | None = None,
    ) -> Interactions:
        """Return the interactions of pairs ``(users[n], items[n])``, in any order.

        Of pairs given twice the one given last is kept.

        Raises:
            DataError: if lengths differ, or an id is out of range.
        """
        if users.shape != items.shape or users.ndim != 1:
            raise DataError(
                "expected users and items to be vectors of one length, "
                f"got {tuple(users.shape)} and {tuple(items.shape)}"
            )
        for what, ids, count in (("user", users, num_users), ("item", items, num_items)):
            if len(ids) and (int(ids.min()) < 0 or int(ids.max()) >= count):
                raise DataError(f"expected {what} ids in 0..{count - 1}, got {int(ids.max())}")
        keys, order = torch.sort(users.long() * num_items + items.long(), stable=True)
        last = torch.ones(len(keys), dtype=torch.bool)
        last[:-1] = keys[1:] != keys[:-1]
        order = order[last]
        counts = torch.bincount(users[order], minlength=num_users)
        indptr = torch.zeros(num_users + 1, dtype=torch.int64)
        indptr[1:] = counts.cumsum(0)
        return Interactions(
            indptr,
            items[order].long(),
            num_users,
            num_items,
            spec,
            None if ratings is None else ratings[order].float(),
            None if timestamps is None else timestamps[order].long(),
        )

    def __len__(self) -> int:
        return len(self.items)

    @property
    def users(self) -> Tensor:
        """The ``(N,)`` user of each interaction, ascending."""
        if "users" not in self._cache:
            ids = torch.arange(self.num_users)
            self._cache["users"] = ids.repeat_interleave(self.counts)
        return self._cache["users"]

    @property
    def counts(self) -> Tensor:
        """The ``(num_users,)`` number of items of each user."""
        if "counts" not in self._cache:
            self._cache["counts"] = self.indptr[1:] - self.indptr[:-1]
        return self._cache["counts"]

    @property
    def popularity(self) -> Tensor:
        """The ``(num_items,)`` number of users of each item."""
        return torch.bincount(self.items, minlength=self.num_items)

    def contains(self, users: Tensor, items: Tensor) -> Tensor:
        """Return, for pairs of any one shape, whether each is an interaction, where they are."""
        name = f"keys {users.device}"
        if name not in self._cache:
            self._cache[name] = (self.users * self.num_items + self.items).to(users.device)
        keys = self._cache[name]
        wanted = users.long() * self.num_items + items
        if not len(keys):
            return torch.zeros_like(wanted, dtype=torch.bool)
        return keys[torch.searchsorted(keys, wanted).clamp_(max=len(keys) - 1)] == wanted

    def pairs_on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the ``(N,)`` users, ascending, and items on a device; copied there once."""
        parts = []
        for part in ("users", "items"):
            name = f"{part} {device}"
            if name not in self._cache:
                self._cache[name] = getattr(self, part).to(device)
            parts.append(self._cache[name])
        return parts[0], parts[1]

    def pairs_between(self, first: int, last: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return ``(row, item)`` of users ``first`` to ``last - 1``; row 0 is user ``first``."""
        mine = slice(int(self.indptr[first]), int(self.indptr[last]))
        users, items = self.pairs_on(device)
        return users[mine] - first, items[mine]

    def keep(self, mask: Tensor, spec: Any) -> Interactions:
        """Return the interactions where the ``(N,)`` bool ``mask`` is true."""
        return Interactions.of(
            self.users[mask],
            self.items[mask],
            self.num_users,
            self.num_items,
            spec,
            None if self.ratings is None else self.ratings[mask],
            None if self.timestamps is None else self.timestamps[mask],
        )

    def pairs_of(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(row, item)`` of all interactions of ``users``; row indexes ``users``."""
        start, count = self.indptr[users], self.counts[users]
        row = torch.arange(len(users)).repeat_interleave(count)
        offset = torch.arange(len(row)) - (count.cumsum(0) - count).repeat_interleave(count)
        return row, self.items[start[row] + offset]

    def nobody(self) -> Interactions:
        """Return the same users without any feedback."""
        none = torch.empty(0, dtype=torch.int64)
        return Interactions(torch.zeros_like(self.indptr), none, self.num_users, self.num_items)

    def followed_by(self, others: Interactions) -> Interactions:
        """Return this feedback with that of further users behind it.

        Ratings and timestamps are kept where both have them. If the others have nothing, it is the
        same feedback: its address stays.
        """
        return Interactions(
            torch.cat([self.indptr, self.indptr[-1] + others.indptr[1:]]),
            torch.cat([self.items, others.items]),
            self.num_users + others.num_users,
            self.num_items,
            [self.spec, "and", others.spec] if len(others) else self.spec,
            _joined(self.ratings, others.ratings),
            _joined(self.timestamps, others.timestamps),
        )

    def dated_like(self, real: Interactions) -> Interactions:
        """Return the same feedback at times of ``real``, drawn with replacement, always the same.

        Each user's items are in an order of chance then. Feedback that has times keeps them, and
        where ``real`` has none, neither has this.
        """
        if real.timestamps is None or not len(real) or self.timestamps is not None:
            return self
        drawn = torch.randint(len(real), (len(self),), generator=stream(0, "dated like"))
        return replace(self, timestamps=real.timestamps[drawn], _cache={})

    def matrix(self) -> Tensor:
        """Return the dense ``(num_users, num_items)`` bool matrix; for small worlds only."""
        seen = torch.zeros(self.num_users, self.num_items, dtype=torch.bool)
        seen[self.users, self.items] = True
        return seen

    def __or__(self, other: Interactions) -> Interactions:
        """Return the interactions that are in either; ratings and timestamps are left behind."""
        return Interactions.of(
            torch.cat([self.users, other.users]),
            torch.cat([self.items, other.items]),
            self.num_users,
            self.num_items,
            ["union", self.spec, other.spec],
        )


def _joined(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """Return one behind the other; None unless there are both."""
    return None if first is None or second is None else torch.cat([first, second])
