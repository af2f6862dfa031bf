"""The two stages against a re-implementation with lists, in a world full of ties."""

import pytest
import torch

from tests.recommenders.without_features import Given
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.two_stage_ranking import candidates, inject

USERS, ITEMS = 9, 14


def feedback(matrix):
    users, items = matrix.nonzero(as_tuple=True)
    return Interactions.of(users, items, *matrix.shape)


@pytest.fixture(params=[0, 1, 2])
def case(request):
    """Few distinct scores, negative ones and both zeros too; users without or with many tests."""
    rng = stream(request.param, "injection")
    tables = torch.randint(-2, 3, (2, USERS, ITEMS), generator=rng).float() * 0.5
    tables[:, :, 1] *= -1.0
    tables[1, 4, 5] = torch.nan
    cold = torch.tensor([3, 8, 9])
    seen = torch.rand(USERS, ITEMS, generator=rng) < 0.3
    test = (torch.rand(USERS, ITEMS, generator=rng) < 0.15) & ~seen
    seen[:, cold], test[:, cold] = False, False
    test[0], test[1] = False, ~seen[1]  # one has no test; one everything, cold items too
    seen[2], test[2] = True, False  # one has seen all but two
    seen[2, [3, 8, 9, 0]], test[2, 0] = False, True
    return tables, cold, seen, test


def by_hand(tables, cold, seen, test, n):
    """Return the candidates, ranks, test ranks and counts, from lists."""
    shuffled = torch.randperm(ITEMS, generator=stream(0, "ties", ITEMS)).tolist()
    place = {item: n for n, item in enumerate(shuffled)}

    def key(table, user, item):
        score = float(table[user, item])
        return (-score if score == score else float("inf"), place[item])

    cold, found = cold.tolist(), []
    for user in range(USERS):
        free = [i for i in range(ITEMS) if not seen[user, i] and i not in cold]
        pool = sorted(free, key=lambda i: key(tables[0], user, i))[:n]
        mine = [i for i in range(ITEMS) if test[user, i] and i not in cold]
        line = sorted({*pool, *mine}, key=lambda i: key(tables[1], user, i))
        ranks = [
            1 + sum(key(tables[1], user, i) < key(tables[1], user, item) for i in line)
            for item in cold
        ]
        best = min((1 + line.index(i) for i in mine), default=0)
        found.append((pool, ranks, best, len(line)))
    return found


@pytest.mark.parametrize("n", [1, 4, ITEMS])
def test_ranks_are_those_of_lists(case, n):
    tables, cold, seen, test = case
    first, second = (Given(t) for t in tables)
    offered = candidates(first, None, feedback(seen), cold, n)
    made = inject(second, None, offered, feedback(test), cold, cold, block=4)
    fewer = inject(second, None, offered, feedback(test), cold[1:], cold)
    assert torch.equal(fewer.injected_ranks, made.injected_ranks[:, 1:])
    assert torch.equal(fewer.offered, made.offered)
    assert offered.shape == (USERS, n)
    for user, (pool, ranks, best, count) in enumerate(by_hand(*case, n)):
        assert [i for i in offered[user].tolist() if i >= 0] == pool
        assert made.injected_ranks[user].tolist() == ranks
        assert int(made.offered_ranks[user]) == best
        assert int(made.offered[user]) == count


def test_a_test_item_is_offered_once(case):
    """In the authors' code it was appended even where it was among the candidates already."""
    tables, cold, seen, _ = case
    model = Given(tables[0])
    offered = candidates(model, None, feedback(seen), cold, 3)
    test = torch.zeros(USERS, ITEMS, dtype=torch.bool)
    some = offered[:, 0] >= 0
    test[some, offered[some, 0]] = True
    made = inject(model, None, offered, feedback(test), cold, cold)
    assert torch.equal(made.offered, (offered >= 0).sum(1))
    assert (made.offered_ranks[some] == 1).all()


def test_a_constant_score_puts_an_item_anywhere():
    """Among 19 candidates each of 20 places is as likely: the share in the top 5 is a quarter."""
    users, items = 400, 6000
    cold = torch.arange(4000, items)
    model = Given(torch.zeros(1, 1).expand(users, items))
    rng = stream(3)
    offered = torch.stack([torch.randperm(4000, generator=rng)[:19] for _ in range(users)])
    none = feedback(torch.zeros(users, items, dtype=torch.bool))
    ranks = inject(model, None, offered, none, cold, cold).injected_ranks
    assert int(ranks.min()) == 1
    assert int(ranks.max()) == 20
    for k in (1, 5, 10):
        assert (ranks <= k).float().mean().item() == pytest.approx(k / 20, abs=0.03)
