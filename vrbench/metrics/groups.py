"""Which group an item, or a user, belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError, DataError
from vrbench.data.dataset import Dataset
from vrbench.data.readers.csv_files import read_pairs


class Groups(NamedTuple):
    """A group of each item or user, and what the groups are called."""

    of: Tensor  # (n,) int64; -1 belongs to none
    names: tuple[str, ...]

    def sums(self, values: Tensor, which: Tensor) -> Tensor:
        """Return the ``(groups,)`` float64 sums of ``values`` over what ``which`` belongs to."""
        group = self.of[which]
        total = torch.zeros(len(self.names) + 1, dtype=torch.float64)
        return total.index_add_(0, group % len(total), values.double())[:-1]

    def counts(self, which: Tensor) -> Tensor:
        """Return the ``(groups,)`` number of ``which`` in each."""
        return self.sums(torch.ones(len(which)), which)

    def number(self, name: str) -> int:
        """Return the number of the group called ``name``."""
        if name not in self.names:
            raise ConfigError(f"no group {name!r}; have {', '.join(self.names[:40])}")
        return self.names.index(name)


def head_and_tail(dataset: Dataset, share: float) -> Groups:
    """Return short head (0) and long tail (1): the head is the fewest items with the most feedback.

    As many of the most popular items as are needed to hold ``share`` of the training feedback.
    """
    count = dataset.train.popularity
    order = count.argsort(descending=True, stable=True)
    before = count[order].cumsum(0) - count[order]
    tail = torch.ones(len(count), dtype=torch.int64)
    tail[order[before < share * count.sum()]] = 0
    return Groups(tail, ("head", "tail"))


def item_groups(dataset: Dataset, path: str | None) -> Groups:
    """Return the groups of a file (item, tab, group); without one, the catalogue's categories."""
    if path is None:
        return Groups(dataset.catalogue.categories, dataset.catalogue.names)
    return _read(path, dataset.item_ids, "item")


def user_groups(dataset: Dataset, path: str | None) -> Groups:
    """Return the groups of a file (user, tab, group).

    Without one: "light" users, who have at most the median number of training items, and
    "heavy" ones.
    """
    if path is None:
        count = dataset.train.counts
        return Groups((count > count.median()).long(), ("light", "heavy"))
    return _read(path, dataset.user_ids, "user")


def _read(path: str, ids: tuple[str, ...], what: str) -> Groups:
    """Return the groups of those in the file; the others belong to none."""
    members, groups = read_pairs(Path(path), f"{what} and group (tab-separated, no header)")
    names = tuple(sorted(set(groups)))
    number = {member: names.index(group) for member, group in zip(members, groups, strict=True)}
    if not number.keys() & set(ids):
        raise DataError(f"{path}: none of its {what}s is in the data set")
    return Groups(torch.tensor([number.get(name, -1) for name in ids]), names)
