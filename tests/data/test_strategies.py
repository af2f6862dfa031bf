"""Elliot's splits against plain loops, and what is promised of the random ones."""

import math
from collections import Counter

import pytest
import torch

from vrbench.core.errors import ConfigError, DataError
from vrbench.core.seeds import stream
from vrbench.data.readers.ratings import Ratings
from vrbench.data.splits.strategies.base import Split
from vrbench.data.splits.strategies.fixed_timestamp import FixedTimestamp
from vrbench.data.splits.strategies.k_fold import KFold
from vrbench.data.splits.strategies.per_user import (
    RandomHoldOut,
    RandomLeaveOut,
    TemporalHoldOut,
    TemporalLeaveOut,
)

USERS = 30


def table(users, times=None, items=None):
    users = torch.tensor(users)
    items = torch.arange(len(users)) if items is None else torch.tensor(items)
    names = [tuple(map(str, range(int(ids.max()) + 1))) for ids in (users, items)]
    times = None if times is None else torch.tensor(times)
    return Ratings(users, items, None, times, *names, "file.tsv")


@pytest.fixture(params=range(3))
def some(request):
    """Users with 1 to 12 ratings in random order, and times that tie."""
    rng = stream(request.param, "strategies")
    counts = torch.randint(1, 13, (USERS,), generator=rng)
    users = torch.arange(USERS).repeat_interleave(counts)
    users = users[torch.randperm(len(users), generator=rng)]
    return table(users.tolist(), torch.randint(0, 40, (len(users),), generator=rng).tolist())


def of_user(made, user):
    """The rows of a user, by time; equal times in the order of the file."""
    rows = [n for n, u in enumerate(made.users.tolist()) if u == user]
    return sorted(rows, key=lambda n: int(made.times[n]))


@pytest.mark.parametrize("ratio", [0.1, 0.2, 0.5, 0.9])
def test_temporal_hold_out_takes_the_last_share(some, ratio):
    held = TemporalHoldOut(ratio=ratio).held_out(some, 0).tolist()
    for user in range(USERS):
        rows = of_user(some, user)
        kept = max(1, math.floor(round(len(rows) * (1 - ratio), 6)))
        assert [held[n] for n in rows] == [False] * kept + [True] * (len(rows) - kept)


def test_temporal_leave_out_takes_the_last_of_those_who_have_more(some):
    held = TemporalLeaveOut(n=2).held_out(some, 0).tolist()
    for user in range(USERS):
        rows = of_user(some, user)
        out = 2 if len(rows) > 2 else 0
        assert [held[n] for n in rows] == [False] * (len(rows) - out) + [True] * out


def test_random_draws_have_the_same_sizes_and_other_rows(some):
    counts = Counter(some.users.tolist())
    for make, left in (
        (RandomHoldOut(ratio=0.3, folds=3), lambda n: max(1, math.floor(n * 0.7 + 1e-9))),
        (RandomLeaveOut(n=3, folds=3), lambda n: n - 3 if n > 3 else n),
    ):
        drawn = [make.held_out(some, fold) for fold in range(3)]
        for held in drawn:
            out = Counter(some.users[held].tolist())
            assert all(counts[u] - out[u] == left(counts[u]) for u in counts)
        assert not torch.equal(drawn[0], drawn[1])
        assert torch.equal(drawn[0], make.held_out(some, 0))
    other = RandomHoldOut(ratio=0.3, folds=3, seed=1)
    assert not torch.equal(
        other.held_out(some, 0), RandomHoldOut(ratio=0.3, folds=3).held_out(some, 0)
    )


def test_folds_are_a_partition_dealt_evenly_and_at_random(some):
    folds = [KFold(folds=4).held_out(some, f) for f in range(4)]
    times = torch.stack(folds).sum(0)
    counts = torch.bincount(some.users)[some.users]
    assert (times == (counts > 1).long()).all()
    for user in range(USERS):
        sizes = [int(f[some.users == user].sum()) for f in folds]
        if sum(sizes):
            assert max(sizes) - min(sizes) <= 1
    sizes = [int(f.sum()) for f in folds]
    assert max(sizes) - min(sizes) < 0.3 * max(sizes), "no fold is favoured"
    in_turn = table([0] * 40)
    dealt = torch.stack([KFold(folds=4).held_out(in_turn, f) for f in range(4)]).long().argmax(0)
    assert not torch.equal(dealt.sort().values.diff().abs(), dealt.diff().abs())
    assert (dealt[4:] != dealt[:-4]).any(), "not in the order of the file, as Elliot deals"


def test_a_random_split_does_not_depend_on_the_order_of_lines(some):
    order = torch.randperm(len(some), generator=stream(9))
    shuffled = some.keep(order)
    for make in (KFold(), RandomHoldOut(), RandomLeaveOut()):
        assert torch.equal(make.held_out(shuffled, 0), make.held_out(some, 0)[order])


def test_a_moment_splits_everyone():
    made = table([0, 0, 1, 1], [1, 5, 5, 9])
    assert FixedTimestamp(timestamp=5).held_out(made, 0).tolist() == [False, True, True, True]


@pytest.mark.parametrize(("below", "over"), [(1, 1), (2, 1), (1, 3), (3, 3)])
def test_the_best_moment_serves_most_users(some, below, over):
    times, users = some.times.tolist(), some.users.tolist()

    def served(moment):
        before = Counter(u for u, t in zip(users, times, strict=True) if t < moment)
        after = Counter(u for u, t in zip(users, times, strict=True) if t >= moment)
        return sum(before[u] >= below and after[u] >= over for u in range(USERS))

    best = max(sorted(set(times)), key=lambda m: (served(m), m))
    held = FixedTimestamp(min_below=below, min_over=over).held_out(some, 0)
    assert served(best) > 0
    assert held.tolist() == [t >= best for t in times]


def test_validation_is_taken_from_what_the_test_leaves(some):
    split = Split(test=TemporalLeaveOut(n=1), valid=TemporalLeaveOut(n=1))
    part = split.parts(some).tolist()
    for user in range(USERS):
        rows = of_user(some, user)
        expected = {1: [0], 2: [0, 2]}.get(len(rows), [0] * (len(rows) - 2) + [1, 2])
        assert [part[n] for n in rows] == expected
    nested = Split(test=KFold(folds=3), valid=KFold(folds=2, seed=1))
    first, second = (nested.parts(some, 1, f) for f in range(2))
    assert torch.equal(first == 2, second == 2)
    assert not torch.equal(first, second)
    assert set(Split(test=KFold()).parts(some).tolist()) == {0, 2}


def test_mistakes_are_named(some):
    untimed = table([0, 0, 1])
    for make in (TemporalHoldOut(), TemporalLeaveOut(), FixedTimestamp()):
        with pytest.raises(DataError, match=r"file\.tsv: .* needs timestamps, and there are none"):
            Split(test=make).parts(untimed)
    with pytest.raises(DataError, match=r"1 of 3 are unknown \(negative\)"):
        Split(test=TemporalHoldOut()).parts(table([0, 0, 1], [4, -1, 3]))
    with pytest.raises(ConfigError, match=r"expected fold in 0\.\.4, got 5"):
        Split(test=KFold(folds=5)).parts(some, 5)
    with pytest.raises(ConfigError, match=r"expected valid_fold in 0\.\.0, got 1"):
        Split(test=KFold(), valid=RandomHoldOut()).parts(some, 0, 1)
    with pytest.raises(DataError, match="the split leaves nothing for test of 3 ratings"):
        Split(test=TemporalLeaveOut(n=5)).parts(table([0, 0, 1], [1, 2, 3]))
    with pytest.raises(DataError, match="the split leaves nothing for train"):
        Split(test=FixedTimestamp(timestamp=0)).parts(table([0, 0, 1], [1, 2, 3]))
    with pytest.raises(DataError, match="lower min_below or min_over"):
        FixedTimestamp(min_below=99).held_out(some, 0)
    for make, message in (
        (lambda: TemporalHoldOut(ratio=1.0), "0 < ratio < 1"),
        (lambda: RandomLeaveOut(n=0), "n >= 1"),
        (lambda: KFold(folds=1), "folds >= 2"),
        (lambda: RandomHoldOut(folds=0), "folds >= 1"),
        (lambda: FixedTimestamp(min_over=0), "min_over >= 1"),
    ):
        with pytest.raises(ConfigError, match=message):
            make()
