"""Fake profiles that were made elsewhere, from a file."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from vrbench.attacks.base import Cost
from vrbench.attacks.profile.base import Aim, ProfileAttack
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.draft import Profiles
from vrbench.attacks.profile.shop import Ints, Shop
from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError, DataError, one_of
from vrbench.data.readers.csv_files import read_feedback

log = logging.getLogger(__name__)


class ImportedProfiles(ProfileAttack):
    r"""Fake users from a file, measured like any attack's: what ``save=[profiles]`` writes.

    The file has a line for each item of each fake user: user, item, and optionally rating and
    timestamp, tab-separated, without header. Whoever stands in it is fake, whatever the name; items
    are named as in the shop. Of a pair given twice the last counts. Nothing that is read is
    executed, and the key of this attack holds what the file contains, not where it lies.

    The budget says how many users and items are allowed at most. With ``budget.feedback=rated``
    ratings are read as stars, and the shop leaves out what it would leave out of a real user; in
    implicit feedback every line is an item had. Timestamps are not read: a recommender of sequences
    sees fakes at times of real users, drawn as for any attack, and a warning says so.

    Args:
        path: the file.
        aim: what it was made for, "push" or "nuke": that of the random profiles beside it.

    Raises:
        MissingDataError: if the file is not there.
        DataError: if it cannot be read, names an item that the shop does not have, or gives no
            stars where they are asked for.
        ConfigError: if it is more than the budget allows.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from vrbench.attacks import ImportedProfiles
        >>> from vrbench.testing.world import fakes
        >>> file = Path(tempfile.mkdtemp()) / "profiles.tsv"
        >>> written = file.write_text("a\t0\na\t3\nb\t2\n")
        >>> fakes(ImportedProfiles(path=str(file)))
        [[0, 3], [2]]
    """

    paper = ""
    knows = "nothing, here"
    reads_names = True

    def __init__(self, *, path: str, aim: Aim = "push") -> None:
        self.path, self.aim = path, one_of(f"{self.name}.aim", aim, Aim)
        file = Path(path)
        self._read = read_feedback(file).once(file)
        if self._read.timestamps is not None:
            log.warning("%s: timestamps are not read; fakes get times of real users", path)
        self._users = list(dict.fromkeys(self._read.users))
        named = {name: value for name, value in self.spec.items() if name != "path"}
        self.spec = {**named, "content": self._read.sha256}

    @property
    def cost(self) -> Cost | None:
        return Cost(0, 0)

    def lengths(self, shop: Shop, budget: FakeUsers, dice: Dice) -> Ints:
        number = {user: n for n, user in enumerate(self._users)}
        owners = np.array([number[user] for user in self._read.users], dtype=np.int64)
        lengths = np.bincount(owners, minlength=len(number))
        most = budget.count(shop.num_users)
        if len(lengths) > most:
            raise ConfigError(
                f"{self.path} has {len(lengths)} fake users, and budget.eps={budget.eps:g} allows "
                f"{most} beside {shop.num_users} real ones"
            )
        if budget.length is not None and lengths.max() > budget.length:
            raise ConfigError(
                f"{self.path} has a profile of {lengths.max()} items, and budget.length="
                f"{budget.length}"
            )
        return lengths

    def search(
        self, shop: Shop, targets: Ints, budget: FakeUsers, lengths: Ints, dice: Dice
    ) -> Profiles:
        number = {user: n for n, user in enumerate(self._users)}
        rows = np.array([number[user] for user in self._read.users], dtype=np.int64)
        items = self._positions(shop)
        order = np.argsort(rows * shop.num_items + items, kind="stable")
        indptr = np.concatenate([[0], lengths.cumsum()])
        if shop.stars is None:
            return Profiles(indptr, items[order], None)
        if self._read.ratings is None:
            raise DataError(f"{self.path}: budget.feedback=rated, and it has no ratings")
        return Profiles(indptr, items[order], self._read.ratings.numpy()[order])

    def _positions(self, shop: Shop) -> Ints:
        """Return the ``(N,)`` positions of the items of all lines.

        Raises:
            DataError: at the first that the shop does not have.
        """
        names = shop.item_ids or tuple(map(str, range(shop.num_items)))
        known = {name: n for n, name in enumerate(names)}
        for line, item in zip(self._read.lines, self._read.items, strict=True):
            if item not in known:
                raise DataError(f"{self.path}, line {line}: the shop has no item {item!r}")
        return np.array([known[item] for item in self._read.items], dtype=np.int64)
