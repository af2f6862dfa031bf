import ir_measures
import pytest
import torch
from ir_measures import RR, R, Success, nDCG
from sklearn.metrics import roc_auc_score

from tests.recommenders.without_features import Given
from vrbench.bench.views import view_of
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream
from vrbench.metrics.accuracy import GAUC
from vrbench.metrics.accuracy.places import ordinal
from vrbench.metrics.ranking import AUC, HR, MRR, NDCG, Recall
from vrbench.metrics.view import Counted
from vrbench.recommenders.ranking import rank
from vrbench.testing.views import NONE, changed, dataset, random_case, view

PAIRS = [(HR, Success), (Recall, R), (NDCG, nDCG), (MRR, RR)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [1, 5, 20])
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_values_are_those_of_ir_measures(ours, theirs, k, seed):
    seen, data, ranking, liked = random_case(seed)
    qrels = [ir_measures.Qrel(str(u), str(i), 1) for u, i in liked.nonzero().tolist()]
    run = [
        ir_measures.ScoredDoc(str(u), str(i), float(-place))
        for u, row in enumerate(ranking.tolist())
        for place, i in enumerate(row)
    ]
    expected = {int(m.query_id): m.value for m in ir_measures.iter_calc([theirs @ k], qrels, run)}
    found = ours(k=k).measure(seen, data)
    for user in range(len(found)):
        if liked[user].any():
            assert found[user].item() == pytest.approx(expected[user], abs=1e-6), user
        else:
            assert found[user].isnan()


def test_auc_is_the_share_of_pairs_in_order():
    seen, data, ranking, liked = random_case()
    found = AUC().measure(seen, data)
    for user, row in enumerate(ranking.tolist()):
        yes = [p for p, i in enumerate(row) if liked[user, i]]
        no = [p for p, i in enumerate(row) if not liked[user, i]]
        if not yes or not no:
            assert found[user].isnan()
            continue
        right = sum(a < b for a in yes for b in no) / (len(yes) * len(no))
        assert found[user].item() == pytest.approx(right, abs=1e-6)


@pytest.mark.parametrize("levels", [1, 3, 1000])
def test_areas_are_those_of_scikit_learn_ties_and_all(levels):
    """Scores of few levels tie; those of one level say nothing, which is half for everyone."""
    rng = stream(levels, "areas")
    scores = torch.randint(0, levels, (12, 9), generator=rng).float()
    liked = torch.rand(12, 9, generator=rng) < 0.4
    liked[0], liked[1] = False, True
    data = dataset(liked.nonzero().tolist(), 9, 12)
    ranked = rank(Given(scores), data.catalogue.images, data.train, data.test, NONE, 3)
    seen = view_of(ranked, NONE, Counted(labels=data.catalogue.categories, source=0, target=0))
    found, grouped = AUC().measure(seen, data), GAUC().tested(seen, data)
    assert found[:2].isnan().all()
    expected = [roc_auc_score(liked[user], scores[user]) for user in range(2, 12)]
    assert found[2:].tolist() == pytest.approx(expected, abs=1e-6)
    assert grouped[2:].tolist() == pytest.approx(expected, abs=1e-6)


def test_a_list_small_enough_to_check_by_eye():
    data = dataset([(0, 2), (0, 3)], 4)
    seen = view([[1, 2, 0, 3]], data=data)
    assert HR(k=1).measure(seen, data).item() == 0
    assert HR(k=2).measure(seen, data).item() == 1
    assert Recall(k=2).measure(seen, data).item() == 0.5
    assert MRR(k=4).measure(seen, data).item() == 0.5
    ideal = 1 + 1 / torch.log2(torch.tensor(3.0))
    gained = 1 / torch.log2(torch.tensor(3.0)) + 1 / torch.log2(torch.tensor(5.0))
    assert NDCG(k=4).measure(seen, data).item() == pytest.approx((gained / ideal).item())
    assert AUC().measure(seen, data).item() == 0.25


def test_cutoffs_are_positive():
    with pytest.raises(ConfigError, match="k >= 1"):
        HR(k=0)


def test_places_among_a_users_own_are_those_of_the_view():
    seen, data, _, _ = random_case()
    worst = changed(seen, tested={"ranks": seen.tested.ranks.max() + 1 - seen.tested.ranks})
    for one in (seen, worst, seen):
        user, rank = data.test.users, one.tested.ranks
        before = (user[:, None] == user) & (rank < rank[:, None])
        assert torch.equal(ordinal(one, data), 1 + before.sum(1))
