import numpy as np
import pytest
import torch

from tests.recommenders.without_features import Given
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.recommenders import counting, ranking
from vrbench.recommenders.ranking import rank

USERS, ITEMS = 23, 17


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
    tied = [
        float(np.mean([n for i, n in by_user[u].items() if value[u, i] == value[u, mine]]))
        for u, mine in relevant.nonzero().tolist()
    ]
    assert found.relevant_mean_ranks.tolist() == tied


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


@pytest.mark.parametrize("kind", ["plain", "ties", "constant", "nan", "endless"])
def test_many_targets_are_ranked_as_few_are(kind):
    """Sorted or counted one by one, and in whatever pieces: the same ranks."""
    scores, _, _, seen, test = setting(kind)
    if kind == "endless":
        scores[:, ::3], scores[:, 1::5] = torch.inf, -torch.inf
    visuals = Table(Signal.VECTOR, torch.zeros(ITEMS, 1), None)
    everything = torch.arange(ITEMS)
    assert len(everything) > ranking.FEW
    many = rank(Given(scores), visuals, seen, test, everything, 5)
    few = [rank(Given(scores), visuals, seen, test, i, 5) for i in everything.split(3)]
    assert torch.equal(many.ranks, torch.cat([f.ranks for f in few], 1))
    assert torch.equal(many.ranks[test.users, test.items].long(), many.relevant_ranks)


@pytest.mark.parametrize("kind", ["plain", "ties"])
def test_bounds_on_memory_change_nothing(kind, monkeypatch):
    scores, _, _, seen, test = setting(kind)
    visuals = Table(Signal.VECTOR, torch.zeros(ITEMS, 1), None)
    targets = torch.tensor([4, 2])
    whole = rank(Given(scores), visuals, seen, test, targets, 6)
    monkeypatch.setattr(ranking, "MOST", 3 * ITEMS)
    monkeypatch.setattr(ranking, "COMPARED", 2 * ITEMS)
    monkeypatch.setattr(counting, "CACHED", 2 * ITEMS)
    for part, other in zip(
        whole, rank(Given(scores), visuals, seen, test, targets, 6), strict=True
    ):
        assert (part is None) == (other is None)
        assert part is None or torch.equal(part.nan_to_num(-1.0), other.nan_to_num(-1.0))


def test_scores_of_lists_and_test_items_are_those_of_the_model():
    scores, _, _, seen, test = setting("ties")
    given = scores.clone()
    visuals = Table(Signal.VECTOR, torch.zeros(ITEMS, 1), None)
    found = rank(Given(scores), visuals, seen, test, torch.tensor([7]), 8)
    assert torch.equal(scores, given), "nothing of the model's is written to"
    assert torch.equal(found.relevant_scores, scores[test.users, test.items])
    past = found.ranking < 0
    assert past.any()
    assert found.ranking_scores[past].isnan().all()
    own = scores.gather(1, found.ranking.clamp(min=0))
    assert torch.equal(found.ranking_scores[~past], own[~past])


def test_a_model_that_hands_out_its_own_table_keeps_it():
    class Shared(Given):
        name = "test.Shared"

        def score(self, users, encoded):
            return self.scores[: len(users)]

    scores, _, _, seen, test = setting("plain")
    given = scores.clone()
    visuals = Table(Signal.VECTOR, torch.zeros(ITEMS, 1), None)
    rank(Shared(scores), visuals, seen, test, torch.tensor([7]), 8)
    assert torch.equal(scores, given)
