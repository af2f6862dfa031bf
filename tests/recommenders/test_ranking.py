import numpy as np
import pytest
import torch

from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Recommender
from vrbench.recommenders.ranking import rank

USERS, ITEMS = 23, 17


class Given(Recommender):
    name = "test.Given"
    signal = None

    def __init__(self, scores):
        super().__init__()
        self.register_buffer("scores", scores)

    def fit(self, train, valid, visuals, rng):
        raise AssertionError

    def encode(self, items, visuals):
        return items

    def score(self, users, encoded):
        return self.scores[users][:, encoded]


def setting(kind):
    rng = stream(0, kind)
    scores = torch.randn(USERS, ITEMS, generator=rng)
    if kind == "ties":
        scores = scores.round()
    if kind == "constant":
        scores = torch.zeros_like(scores)
    if kind == "nan":
        scores[torch.rand(USERS, ITEMS, generator=rng) < 0.2] = torch.nan
    owned = torch.rand(USERS, ITEMS, generator=rng) < 0.4
    owned[3] = True  # a user who owns everything
    owned[4] = False
    relevant = (torch.rand(USERS, ITEMS, generator=rng) < 0.2) & ~owned
    as_pairs = [Interactions.of(*m.nonzero(as_tuple=True), USERS, ITEMS) for m in (owned, relevant)]
    return scores, owned, relevant, *as_pairs


@pytest.mark.parametrize("kind", ["plain", "ties", "constant", "nan"])
@pytest.mark.parametrize("k", [1, 5, ITEMS])
def test_lists_and_ranks_are_those_of_a_plain_sort(kind, k):
    scores, owned, relevant, seen, test = setting(kind)
    targets = torch.tensor([2, 9, 16])
    visuals = Table(Signal.VECTOR, torch.zeros(ITEMS, 1), None)
    found = rank(Given(scores), visuals, seen, test, targets, k)
    order = torch.randperm(ITEMS, generator=stream(0, "ties", ITEMS)).numpy()
    value = np.nan_to_num(scores.numpy(), nan=-np.inf)
    by_user = []
    for u in range(USERS):
        candidates = [i for i in order if not owned[u, i]]
        best = sorted(candidates, key=lambda i: -value[u, i])  # Python's sort is stable
        by_user.append({int(i): n + 1 for n, i in enumerate(best)})
        expected = [int(i) for i in best[:k]] + [-1] * (k - len(best))
        assert found.ranking[u].tolist() == expected
        assert found.candidates[u] == len(best)
        assert found.ranks[u].tolist() == [by_user[u].get(int(t), 0) for t in targets]
    expected = [by_user[u][i] for u, i in relevant.nonzero().tolist()]
    assert found.relevant_ranks.tolist() == expected


def test_the_block_size_changes_nothing():
    scores, _, _, seen, test = setting("ties")
    visuals = Table(Signal.VECTOR, torch.zeros(ITEMS, 1), None)
    results = [
        rank(Given(scores), visuals, seen, test, torch.tensor([1]), 6, block=b) for b in (1, 5, 512)
    ]
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0][:5], other[:5], strict=True))


def test_scores_of_targets_are_shown_even_to_owners():
    scores, _, _, seen, test = setting("plain")
    visuals = Table(Signal.VECTOR, torch.zeros(ITEMS, 1), None)
    found = rank(Given(scores), visuals, seen, test, torch.tensor([7, 1]), 3)
    assert torch.equal(found.scores, scores[:, [7, 1]])
