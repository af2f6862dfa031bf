"""How far learnt rows must move before another item is a user's first recommendation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from vrbench.attacks.base import Attack, Verdict
from vrbench.attacks.feature_budget import Rows
from vrbench.attacks.minimum_norm.cw import CWRows
from vrbench.core.errors import ConfigError, one_of
from vrbench.core.seeds import Streams
from vrbench.core.visuals import Visuals
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Recommender

Side = Literal["user", "item"]
NOTHING = (
    1e-3  # of the margin before: what may be left of it, since a larger batch rounds otherwise
)


class FirstPlace:
    """The aim that an item loses the first place of a user's list; what it had is left out.

    A pair is a user and the item in first place. Its margin is that item's score minus the next
    one's, over items that the user has not in train. The rows of one side move: those of the user,
    or those of the item alone; all others stay. The model is copied, and left as it is.

    Args:
        recommender: scores of a user and an item must depend on their own rows of ``tables`` and
            of no other user or item there, as in matrix factorisation, NeuMF and FMs.
        train: what users have.
        visuals: what items look like to the model.
        users: ``(B,)`` whose lists. Who has fewer than two items left is left out; on the side
            "item" also whose first item is an earlier one's, as a row can move to one place only.
        side: "user" or "item": whose rows move.
        tables: names of the tables, of users or of items.

    Attributes:
        users, items: the ``(n,)`` pairs.
        rows: ``(n, D)`` the rows that move, those of all tables beside each other.
        typical: the mean Euclidean length of such rows, over all users or items.

    Raises:
        ConfigError: if a table is not there, or is not one of that side.

    Example:
        >>> import torch
        >>> from vrbench.recommenders import BPRMF
        >>> from vrbench.testing.world import BRISK, taught, toy_visuals, toy_world
        >>> from vrbench.threats.first_place import FirstPlace
        >>> model, train = taught(BPRMF, factors=8, **BRISK), toy_world().train
        >>> kind = {"side": "user", "tables": ["user.weight"]}
        >>> goal = FirstPlace(model, train, toy_visuals(None), torch.tensor([2, 5]), **kind)
        >>> bool((goal.judge(goal.rows, torch.arange(2)).margin > 0).all())
        True
    """

    def __init__(
        self,
        recommender: Recommender,
        train: Interactions,
        visuals: Visuals,
        users: Tensor,
        *,
        side: Side,
        tables: Sequence[str],
    ) -> None:
        one_of("side", side, Side)
        self.side, self._visuals = side, visuals
        self._model = deepcopy(recommender).eval().requires_grad_(False)
        count = train.num_users if side == "user" else train.num_items
        self._tables = dict(self._found(tables, count))
        users = users[train.counts[users] < train.num_items - 1].to(recommender.device)
        hidden = train.matrix()[users.cpu()].to(recommender.device)
        with torch.no_grad():
            every = torch.arange(train.num_items, device=recommender.device)
            self._encoded = self._model.encode(every, visuals)
            scores = self._model.score(users, self._encoded).masked_fill(hidden, -torch.inf)
        best, first = scores.topk(2, 1)
        kept = _earliest(first[:, 0]) if side == "item" else torch.arange(len(users))
        self.users, self.items = users[kept], first[kept, 0]
        self._hidden, self._next = hidden[kept], best[kept, 1]
        whole = torch.cat(list(self._tables.values()), 1)
        self.rows = whole[self.users if side == "user" else self.items]
        self.typical = float(whole.double().norm(dim=1).mean())

    def _found(self, names: Sequence[str], count: int) -> Iterator[tuple[str, Tensor]]:
        known = dict(self._model.named_parameters())
        fitting = [n for n, w in known.items() if w.ndim == 2 and len(w) == count]
        for name in names:
            if name not in fitting:
                raise ConfigError(
                    f"tables: expected some of {', '.join(fitting) or 'none'}, got {name}"
                )
            module = self._model.get_submodule(name.rpartition(".")[0])
            if isinstance(module, nn.Embedding):
                module.sparse = False
            yield name, known[name].detach()

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return how far ahead each first item is where the rows of pairs ``items`` are ``x``."""
        which = (self.users if self.side == "user" else self.items)[items]
        users, first = self.users[items], self.items[items]
        with self._moved(x, which):
            if self.side == "item":
                own = self._model.score(users, self._model.encode(first, self._visuals))
                margin = own.diagonal() - self._next[items]
            else:
                scores = self._model.score(users, self._encoded)
                scores = scores.masked_fill(self._hidden[items], -torch.inf)
                rest = scores.scatter(1, first[:, None], -torch.inf).amax(1)
                margin = scores.gather(1, first[:, None]).squeeze(1) - rest
        return Verdict(margin, margin)

    @contextmanager
    def _moved(self, x: Tensor, which: Tensor) -> Iterator[None]:
        """Compute with rows ``which`` of the tables replaced by ``x``."""
        held: list[tuple[nn.Module, str, nn.Parameter]] = []
        widths = [table.shape[1] for table in self._tables.values()]
        for (name, table), rows in zip(self._tables.items(), x.split(widths, 1), strict=True):
            home, _, leaf = name.rpartition(".")
            module = self._model.get_submodule(home)
            held.append((module, leaf, self._model.get_parameter(name)))
            module._parameters[leaf] = table.index_copy(0, which, rows)  # type: ignore[assignment]
        try:
            yield
        finally:
            for module, leaf, weight in held:
                module._parameters[leaf] = weight


def _earliest(values: Tensor) -> Tensor:
    """Return where each value stands for the first time, in order."""
    order = values.argsort(stable=True)
    new = torch.ones_like(values, dtype=torch.bool)
    new[1:] = values[order].diff() != 0
    return order[new].sort().values


class SmallestChanges(NamedTuple):
    """The smallest changes found of ``n`` pairs' rows."""

    user: Tensor  # (n,)
    item: Tensor  # (n,) in first place before
    length: Tensor  # (n,) Euclidean, of the change; infinite where no other item came first
    share: Tensor  # (n,) of the mean length of the side's rows, those of all tables together


def smallest_changes(goal: FirstPlace, attack: Attack | None = None) -> SmallestChanges:
    """Return how far rows must move before another item is first (C&W on NCF).

    Carlini and Wagner's attack (IEEE S&P 2017) on rows that a recommender has learnt, a white-box
    attack on neural collaborative filtering as Du et al. (IEEE TMM 2019) study them. What a
    prediction is (the first place) and whose rows move is our own choice: see ``FirstPlace``. It
    reads differences of scores and finds a boundary, so their scale does not matter.

    Args:
        goal: whose first places, and which rows move.
        attack: that finds small changes of rows; ``CWRows()`` unless given.

    Example:
        >>> import torch
        >>> from vrbench.recommenders import BPRMF
        >>> from vrbench.testing.world import BRISK, taught, toy_visuals, toy_world
        >>> from vrbench.threats.first_place import FirstPlace, smallest_changes
        >>> model, train = taught(BPRMF, factors=8, **BRISK), toy_world().train
        >>> kind = {"side": "user", "tables": ["user.weight"]}
        >>> goal = FirstPlace(model, train, toy_visuals(None), torch.tensor([2, 5]), **kind)
        >>> bool((smallest_changes(goal).share < 1).all())
        True
    """
    pair = torch.arange(len(goal.rows), device=goal.rows.device)
    found = (attack or CWRows())(goal.rows, pair, goal, Rows(eps=torch.inf), Streams(0))
    with torch.no_grad():
        before, after = (goal.judge(rows, pair).margin for rows in (goal.rows, found))
    lost = after < NOTHING * before.abs()
    length = (found - goal.rows).norm(dim=1).masked_fill(~lost, torch.inf)
    return SmallestChanges(goal.users, goal.items, length, length / goal.typical)
