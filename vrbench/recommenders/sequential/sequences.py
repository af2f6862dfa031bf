"""What every user has in train, in the order of time, inside a model's state."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions

NONE = -1  # where a row of items has ended


class Sequences(nn.Module):
    """Each user's items by time, and the windows of them that a model is taught with.

    Items of one time are in an order drawn once: by number they would be in an order that means
    nothing, and that a model would learn. Windows have ``length + 1`` items and overlap by one, cut
    from the end, so that every item but a user's first is the next one exactly once.

    Args:
        num_users: how many sequences there are.
        length: most items that a model looks back.
    """

    start: Tensor
    item: Tensor

    def __init__(self, num_users: int, length: int) -> None:
        super().__init__()
        self.length = length
        self.register_buffer("start", torch.zeros(num_users + 1, dtype=torch.int64))
        self.register_buffer("item", torch.zeros(0, dtype=torch.int64))

    def hold(self, train: Interactions, who: str) -> None:
        """Take over the feedback.

        Args:
            train: with timestamps.
            who: the model, in the message.

        Raises:
            IncompatibleError: if it has no timestamps.
        """
        if train.timestamps is None:
            raise IncompatibleError(
                f"{who} learns from the order of what users had, and the train feedback has no "
                "timestamps: choose a data set and a split that keep them, such as "
                "dataset=ml_100k_ratings split@dataset.split=temporal_leave_out"
            )
        order = torch.randperm(len(train), generator=stream(0, "items of one time"))
        for key in (train.timestamps, train.users):
            order = order[key[order].argsort(stable=True)]
        device = self.start.device
        self.start.copy_(train.indptr)
        self.item = train.items[order].to(device)

    def latest(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return the ``(B, length)`` last items of ``users``, by time, and the ``(B,)`` counts."""
        end = self.start[users + 1]
        count = (end - self.start[users]).clamp(max=self.length)
        return self._read(end - count, count, self.length), count

    def windows(self) -> tuple[Tensor, Tensor]:
        """Return ``(user, first)`` of every window, each ``(W,)``; ``first`` indexes ``item``."""
        count = self._windows_of()
        user = torch.arange(len(count), device=count.device).repeat_interleave(count)
        before = (count.cumsum(0) - count)[user]
        nth = torch.arange(len(user), device=count.device) - before  # 0 is a user's last
        end = self.start[user + 1] - nth * self.length
        return user, torch.maximum(self.start[user], end - self.length - 1)

    def read(self, user: Tensor, first: Tensor) -> Tensor:
        """Return the ``(W, length + 1)`` items of windows, ``NONE`` behind the last one.

        The earliest window of a user ends where the next one begins.
        """
        gone = self.start[user + 1] - 1 - first  # to the user's last item
        span = torch.where(first > self.start[user], self.length, (gone - 1) % self.length + 1)
        return self._read(first, span + 1, self.length + 1)

    def before(self, users: Tensor, items: Tensor, num_items: int) -> tuple[Tensor, ...]:
        """Return where a model stands before ``users[b]`` had ``items[b]``, in the training.

        Returns:
            ``windows``: ``(n, length + 1)``, those that are needed; ``row`` and ``column``,
            ``(B,)``: of each pair, the input that comes just before; ``there``: ``(B,)`` bool,
            whether there is one: the item is in the user's sequence and not the first.
        """
        owner = torch.arange(len(self.start) - 1, device=users.device)
        key = owner.repeat_interleave(self.start.diff()) * num_items + self.item
        key, place = key.sort()
        wanted = users * num_items + items
        found = torch.searchsorted(key, wanted).clamp(max=max(0, len(key) - 1))
        at = place[found]
        there = (key[found] == wanted) & (at > self.start[users])
        count = self._windows_of()
        nth = (self.start[users + 1] - 1 - at).div(self.length, rounding_mode="floor")
        window = torch.where(there, (count.cumsum(0) - count)[users] + nth, 0)
        needed, row = window.unique(return_inverse=True)
        user, first = (part[needed] for part in self.windows())
        column = torch.where(there, at - first[row] - 1, 0)
        return self.read(user, first), row, column, there

    def _windows_of(self) -> Tensor:
        """Return the ``(num_users,)`` number of windows of each user."""
        return (self.start.diff() - 1).clamp(min=0).add(self.length - 1) // self.length

    def _read(self, first: Tensor, count: Tensor, width: int) -> Tensor:
        place = torch.arange(width, device=first.device)
        inside = place < count[:, None]
        if not len(self.item):
            return torch.full(inside.shape, NONE, device=first.device)
        at = (first[:, None] + place).clamp(max=len(self.item) - 1)
        return torch.where(inside, self.item[at], NONE)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        if prefix + "item" in state:  # as long as what is loaded
            self.item = torch.empty_like(state[prefix + "item"], device=self.start.device)
        super()._load_from_state_dict(state, prefix, *rest)
