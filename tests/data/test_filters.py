"""Elliot's prefilters against plain loops."""

from collections import Counter

import pytest
import torch

from vrbench.core.errors import ConfigError, DataError
from vrbench.core.seeds import stream
from vrbench.data.filters import (
    ColdUsers,
    GlobalThreshold,
    ItemCore,
    IterativeCore,
    RoundsCore,
    UserAverage,
    UserCore,
    filtered,
)
from vrbench.data.readers.ratings import Ratings


def table(rows, rated=True):
    """A table of (user, item, rating) with numbers for names."""
    users, items, stars = (torch.tensor(c) for c in zip(*rows, strict=True))
    names = [tuple(f"{n:03}" for n in range(int(ids.max()) + 1)) for ids in (users, items)]
    return Ratings(users, items, stars.double() if rated else None, None, *names, "file.tsv")


def rows_of(made):
    users = [int(made.user_ids[u]) for u in made.users.tolist()]
    items = [int(made.item_ids[i]) for i in made.items.tolist()]
    return list(zip(users, items, made.ratings.tolist(), strict=True))


@pytest.fixture(params=range(3))
def some(request):
    rng = stream(request.param, "filters")
    there = torch.rand(40, 25, generator=rng) < torch.linspace(0.02, 0.4, 25)
    stars = torch.randint(1, 6, there.shape, generator=rng)
    return [(u, i, float(stars[u, i])) for u, i in there.nonzero().tolist()]


def kept(rows, step):
    return rows_of(filtered(table(rows), {"step": step}))


def core_round(rows, core):
    for column in (0, 1):
        count = Counter(r[column] for r in rows)
        rows = [r for r in rows if count[r[column]] >= core]
    return rows


def test_a_threshold_keeps_what_reaches_it(some):
    assert kept(some, GlobalThreshold(threshold=3.5)) == [r for r in some if r[2] >= 3.5]
    mean = sum(r[2] for r in some) / len(some)
    assert kept(some, GlobalThreshold(threshold="average")) == [r for r in some if r[2] >= mean]


def test_a_users_average_is_the_users_own(some):
    mine = {}
    for user, _, stars in some:
        mine.setdefault(user, []).append(stars)
    expected = [r for r in some if r[2] * len(mine[r[0]]) >= sum(mine[r[0]])]
    assert kept(some, UserAverage()) == expected
    assert len(kept([(0, i, 0.1) for i in range(7)], UserAverage())) == 7


def test_cores(some):
    users, items = (Counter(r[c] for r in some) for c in (0, 1))
    assert kept(some, UserCore(core=5)) == [r for r in some if users[r[0]] >= 5]
    assert kept(some, ItemCore(core=6)) == [r for r in some if items[r[1]] >= 6]
    assert kept(some, ColdUsers(most=4)) == [r for r in some if users[r[0]] <= 4]
    assert kept(some, RoundsCore(core=5, rounds=1)) == core_round(some, 5)
    assert kept(some, RoundsCore(core=5, rounds=2)) == core_round(core_round(some, 5), 5)


def test_the_iterative_core_is_the_fixpoint(some):
    rows, before = some, None
    while rows != before:
        before, rows = rows, core_round(rows, 4)
    assert rows
    assert kept(some, IterativeCore(core=4)) == rows


def test_a_chain_falls_to_its_fixpoint_whatever_its_length():
    """User n shares an item with n + 1 only: both ends lose an item, then a user and an item."""
    rows = [(n, n + d, 1.0) for n in range(30) for d in (0, 1)]
    assert len(kept(rows, RoundsCore(core=2, rounds=3))) == 60 - 2 - 4 - 4
    with pytest.raises(DataError, match=r"filter 'step' \(IterativeCore\(core=2\)\) leaves none"):
        kept(rows, IterativeCore(core=2))


def test_filters_are_applied_in_the_order_given(some):
    likes, core = GlobalThreshold(threshold=4), UserCore(core=3)
    first = filtered(table(some), {"a": likes, "b": core})
    other = filtered(table(some), {"a": core, "b": likes})
    liked = [r for r in some if r[2] >= 4]
    count = Counter(r[0] for r in liked)
    assert rows_of(first) == [r for r in liked if count[r[0]] >= 3]
    assert rows_of(first) != rows_of(other)
    assert len(first.user_ids) == len(set(first.users.tolist())) == int(first.users.max()) + 1


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="expected core >= 1, got 0"):
        IterativeCore(core=0)
    bare = table([(0, 0, 1.0)], rated=False)
    for step in (GlobalThreshold(threshold=3), UserAverage()):
        with pytest.raises(DataError, match=r"file\.tsv: .* there are no ratings: add the column"):
            filtered(bare, {"x": step})
