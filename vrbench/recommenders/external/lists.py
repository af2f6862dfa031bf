"""A recommender from outside of which there are only files: who is recommended what."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from torch import Tensor

from vrbench.core.errors import ConfigError, DataError
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.data.readers.recommendations import read_recommendations
from vrbench.recommenders.base import History, Recommender, Sizes

log = logging.getLogger(__name__)


class ExternalLists(Recommender):
    r"""Recommendations that somebody else's recommender left in a file: ``user item score``.

    They can be measured and set beside others. Nothing answers to a changed picture, so that
    attacks are refused. Items that are in no list of a user stand behind all that are, in one fixed
    random order, as ties do.

    Args:
        sizes: users and items, and their names outside.
        path: TSV, or CSV or Parquet with a header; without scores the rows of a user are in order.

    Raises:
        MissingDataError: if the file is not there.
        DataError: if it cannot be read, or names no user and no item of the data set.
        ConfigError: if there is no path.

    Example:
        >>> import torch
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> from vrbench.recommenders import ExternalLists
        >>> from vrbench.testing.world import taught, toy_visuals
        >>> path = Path(mkdtemp()) / "lists.tsv"
        >>> _ = path.write_text("0\t35\t0.9\n0\t2\t0.4\n1\t2\t0.7\n")
        >>> model = taught(ExternalLists, path=str(path))
        >>> encoded = model.encode(torch.arange(36), toy_visuals(model.signal))
        >>> model.score(torch.tensor([0]), encoded).topk(2).indices.tolist()
        [[35, 2]]
    """

    paper = ""
    signal = None
    outside = True

    def __init__(self, sizes: Sizes, *, path: str | None = None) -> None:
        super().__init__()
        if path is None:
            raise ConfigError("ExternalLists: set recommender.path to a file of recommendations")
        found = read_recommendations(Path(path))
        users, items = sizes.users, sizes.items
        who, what = ({name: n for n, name in enumerate(names)} for names in (users, items))
        pairs = list(zip(found.users, found.items, strict=True))
        kept = [n for n, (user, item) in enumerate(pairs) if user in who and item in what]
        if not kept:
            raise DataError(
                f"{path}: no row is of a user and an item of this data set: its first is "
                f"{pairs[0][0]!r} {pairs[0][1]!r}, theirs are {users[0]!r} and {items[0]!r}"
            )
        if len(kept) < len(pairs):
            left = len(pairs) - len(kept)
            log.warning("%s: %d rows of no user or item of this data set are left out", path, left)
        row = torch.tensor([who[pairs[n][0]] for n in kept])
        column = torch.tensor([what[pairs[n][1]] for n in kept])
        lists = Interactions.of(
            row, column, len(users), len(items), ratings=torch.from_numpy(found.scores[kept])
        )
        nobody = int((lists.counts == 0).sum())
        if nobody:
            log.warning("%s: %d of %d users have no list in it", path, nobody, len(users))
        self.num_items = len(items)
        self.register_buffer("indptr", lists.indptr)
        self.register_buffer("listed", lists.items)
        self.register_buffer("value", lists.ratings)
        self.spec = {"name": self.name, "version": self.version, "sha256": found.sha256}

    indptr: Tensor
    listed: Tensor
    value: Tensor

    def fit(
        self, train: Interactions, valid: Interactions, visuals: Visuals, rng: torch.Generator
    ) -> History:
        """Nothing is learnt here."""
        return History()

    def encode(self, items: Tensor, visuals: Visuals) -> Tensor:
        return items

    def score(self, users: Tensor, encoded: Tensor) -> Tensor:
        found = torch.full((len(users), self.num_items), -torch.inf, device=self.device)
        count = (self.indptr[1:] - self.indptr[:-1])[users]
        row = torch.arange(len(users), device=self.device).repeat_interleave(count)
        first = self.indptr[users] - (count.cumsum(0) - count)
        at = torch.arange(len(row), device=self.device) + first.repeat_interleave(count)
        found[row, self.listed[at]] = self.value[at]
        return found[:, encoded]
