"""Every measure against plain loops over users and places, written from its definition."""

import math
from dataclasses import replace
from itertools import combinations

import ir_measures
import numpy as np
import pytest
import torch
from sklearn.metrics import mean_absolute_error, mean_squared_error, roc_auc_score

from tests.recommenders.without_features import Given
from vrbench.bench.views import view_of
from vrbench.core.errors import ConfigError, DataError, MissingDataError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.catalogue import Catalogue
from vrbench.data.dataset import Dataset
from vrbench.data.interactions import Interactions
from vrbench.metrics import accuracy, bias, coverage, diversity, fairness, novelty, ranking, rating
from vrbench.metrics.base import SystemMetric
from vrbench.metrics.view import Counted
from vrbench.recommenders.ranking import rank

USERS, ITEMS, KEPT = 40, 30, 20


class Case:
    """Lists with ties, short lists, users without test items, users with more than k of them."""

    def __init__(self, seed):
        rng = stream(seed, "elliot")
        scores = (torch.randn(USERS, ITEMS, generator=rng) * 2).round() / 2
        owned = torch.rand(USERS, ITEMS, generator=rng) < torch.linspace(0.02, 0.5, ITEMS)
        liked = (torch.rand(USERS, ITEMS, generator=rng) < 0.15) & ~owned
        owned[0, :], liked[0, :] = True, False  # nothing is left to recommend
        owned[1, 3:], owned[1, :3], liked[1, :3] = True, False, True  # three, all liked
        liked[1, 3:] = liked[2] = False
        liked[3] = ~owned[3]  # everything is liked
        owned[:, 5] = False  # an item nobody has
        stars = torch.randint(1, 6, (USERS, ITEMS), generator=rng).float()
        kinds = torch.arange(ITEMS) % 4
        train, test = (
            Interactions.of(*m.nonzero(as_tuple=True), USERS, ITEMS, ratings=stars[m])
            for m in (owned, liked)
        )
        none = torch.empty(0, dtype=torch.int64)
        images = Table(Signal.PIXELS, torch.zeros(ITEMS, 3, 1, 1), None)
        self.data = Dataset(
            Catalogue(images, kinds, ("a", "b", "c", "d"), None),
            train,
            Interactions.of(none, none, USERS, ITEMS),
            test,
            tuple(f"u{n}" for n in range(USERS)),
            tuple(f"i{n}" for n in range(ITEMS)),
        )
        ranked = rank(Given(scores), images, train, test, none, KEPT)
        self.view = view_of(ranked, none, Counted(labels=kinds, source=0, target=1))
        ties = torch.randperm(ITEMS, generator=stream(0, "ties", ITEMS)).tolist()
        self.full = [
            sorted((i for i in ties if not owned[u, i]), key=lambda i: -scores[u, i])
            for u in range(USERS)
        ]
        self.rel = [set(np.flatnonzero(liked[u]).tolist()) for u in range(USERS)]
        self.scores, self.stars, self.kinds = scores.double().numpy(), stars.numpy(), kinds.tolist()
        self.owned = owned.numpy()
        self.count = owned.sum(0).tolist()

    def lists(self, k):
        return [row[:k] for row in self.full]


@pytest.fixture(scope="module", params=range(3))
def case(request):
    return Case(request.param)


def precision(top, rel, n):
    return len(set(top[:n]) & rel) / n


def ap(c, u, k):
    top, rel = c.full[u][:k], c.rel[u]
    found = [precision(top, rel, n + 1) for n, i in enumerate(top) if i in rel]
    return sum(found) / min(k, len(rel))


def ar(c, u, k):
    top, rel = c.full[u][:k], c.rel[u]
    found = [len(set(top[: n + 1]) & rel) / len(rel) for n, i in enumerate(top) if i in rel]
    return sum(found) / min(k, len(rel))


def f_beta(beta):
    def value(c, u, k):
        hit = len(set(c.full[u][:k]) & c.rel[u])
        p, r = hit / k, hit / len(c.rel[u])
        return (1 + beta**2) * p * r / (beta**2 * p + r) if hit else 0.0

    return value


def graded(c, u, k):
    gain = {i: 2 ** c.stars[u][i] - 1 for i in c.rel[u]}
    found = sum(gain.get(i, 0) / math.log2(n + 2) for n, i in enumerate(c.full[u][:k]))
    best = sorted(gain.values(), reverse=True)[:k]
    return found / sum(g / math.log2(n + 2) for n, g in enumerate(best))


def binary(c, u, k):
    found = sum((i in c.rel[u]) / math.log2(n + 2) for n, i in enumerate(c.full[u][:k]))
    return found / sum(1 / math.log2(n + 2) for n in range(min(k, len(c.rel[u]))))


def auc(c, u, k):
    row, rel = c.full[u], c.rel[u]
    if len(rel) == len(row):
        return math.nan
    return roc_auc_score([i in rel for i in row], c.scores[u][row])


def lauc(c, u, k):
    """The mean over what the rest of the list may look like: its items tied."""
    row, rel = c.full[u], c.rel[u]
    if len(rel) == len(row):
        return math.nan
    return roc_auc_score([i in rel for i in row], [max(0, k - n) for n in range(len(row))])


def elliot_share(c, u):
    size = len(c.full[u]) - len(c.rel[u]) + 1
    hits = [n for n, i in enumerate(c.full[u]) if i in c.rel[u]]
    return [(n, (size - n + p) / size) for p, n in enumerate(hits)]


def discovery(novel, worth=lambda c, u, i: 1.0):
    def value(c, u, k):
        top = c.full[u][:k]
        disc = [1 / math.log2(n + 2) for n in range(len(top))]
        hit = [
            d * worth(c, u, i) * novel(c, i) * (i in c.rel[u])
            for d, i in zip(disc, top, strict=True)
        ]
        return sum(hit) / sum(disc)

    return value


def information(c, i):
    return -math.log2(max(c.count[i], 1) / sum(c.count))


def unpopular(c, i):
    return 1 - c.count[i] / USERS


def gain(c, u, i):
    return 2 ** c.stars[u][i] - 1


def topics(c, u, k):
    return {c.kinds[i] for i in set(c.full[u][:k]) & c.rel[u]}


def unexpected(c, u, k):
    """Hits that are not among the user's first ``k`` by popularity, ties as a ranking has them."""
    ties = torch.randperm(ITEMS, generator=stream(0, "ties", ITEMS)).tolist()
    free = [i for i in sorted(ties, key=lambda i: -c.count[i]) if not c.owned[u, i]]
    return set(c.full[u][:k]) & c.rel[u] - set(free[:k])


def recall(c, u, k):
    return len(set(c.full[u][:k]) & c.rel[u]) / len(c.rel[u])


def harmonic(x, y):
    return 2 * x * y / (x + y) if x + y else 0.0


PER_USER = {
    accuracy.Precision: lambda c, u, k: precision(c.full[u], c.rel[u], k),
    accuracy.F1: f_beta(1),
    accuracy.MAP: ap,
    accuracy.MAR: ar,
    accuracy.ElliotMAP: lambda c, u, k: (
        sum(precision(c.full[u], c.rel[u], n) for n in range(1, k + 1)) / k
    ),
    accuracy.ElliotMAR: lambda c, u, k: (
        sum(len(set(c.full[u][:n]) & c.rel[u]) / len(c.rel[u]) for n in range(1, k + 1)) / k
    ),
    accuracy.GradedNDCG: graded,
    accuracy.NDCGRendle: binary,
    accuracy.LAUC: lauc,
    accuracy.ElliotGAUC: lambda c, u, k: sum(s for _, s in elliot_share(c, u)) / len(c.rel[u]),
    accuracy.ElliotLAUC: lambda c, u, k: (
        sum(s for n, s in elliot_share(c, u) if n < k) / min(k, len(c.rel[u]))
    ),
    novelty.EFD: discovery(information),
    novelty.EPC: discovery(unpopular),
    novelty.ExtendedEFD: discovery(information, gain),
    novelty.ExtendedEPC: discovery(unpopular, gain),
    novelty.Serendipity: lambda c, u, k: len(unexpected(c, u, k)) / k,
    accuracy.ExtendedF: lambda c, u, k: harmonic(
        precision(c.full[u], c.rel[u], k), recall(c, u, k)
    ),
    diversity.SRecall: lambda c, u, k: len(topics(c, u, k)) / len({c.kinds[i] for i in c.rel[u]}),
    diversity.ElliotSRecall: lambda c, u, k: len(topics(c, u, k)) / 4,
}


@pytest.mark.parametrize("k", [1, 5, KEPT])
@pytest.mark.parametrize("metric", PER_USER, ids=lambda m: m.name)
def test_values_of_users_are_those_of_the_definition(case, metric, k):
    made = metric() if metric is accuracy.ElliotGAUC else metric(k=k)
    found = made.measure(case.view, case.data)
    assert found.dtype == torch.float32
    expected = torch.full((USERS,), torch.nan, dtype=torch.float64)  # no test items: left out
    for user in range(USERS):
        if case.rel[user]:
            expected[user] = float(PER_USER[metric](case, user, k))
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("k", [1, 5, KEPT])
@pytest.mark.parametrize(
    ("ours", "theirs"), [(accuracy.Precision, ir_measures.P), (accuracy.MAP, ir_measures.AP)]
)
def test_values_are_those_of_ir_measures(case, ours, theirs, k):
    """For average precision only where no user has more test items than places."""
    qrels = [ir_measures.Qrel(str(u), str(i), 1) for u, r in enumerate(case.rel) for i in r]
    run = [
        ir_measures.ScoredDoc(str(u), str(i), float(-n))
        for u, row in enumerate(case.full)
        for n, i in enumerate(row)
    ]
    expected = {int(m.query_id): m.value for m in ir_measures.iter_calc([theirs @ k], qrels, run)}
    found = ours(k=k).measure(case.view, case.data)
    compared = 0
    for user, value in expected.items():
        # trec_eval divides AP@k by |rel|, not by min(k, |rel|)
        fair = ours is accuracy.Precision or len(case.rel[user]) <= k
        if fair:
            assert found[user].item() == pytest.approx(value, abs=1e-6), user
            compared += 1
    assert compared > 2


def test_dsc_weighs_recall(case):
    found = accuracy.F1(k=5, beta=2.0)
    assert found.column == "F2@5"
    for user, value in enumerate(found.measure(case.view, case.data).tolist()):
        if case.rel[user]:
            assert value == pytest.approx(f_beta(2)(case, user, 5), abs=1e-6)


def test_elliot_auc_is_one_mean_over_all_test_items(case):
    shares = [s for u in range(USERS) for _, s in elliot_share(case, u)]
    found = accuracy.ElliotAUC().measure(case.view, case.data)
    assert found == pytest.approx(sum(shares) / len(shares), abs=1e-9)


def test_rating_errors_are_those_of_scikit_learn(case):
    truth, said = [], []
    for u in range(USERS):
        for i in case.rel[u]:
            truth.append(case.stars[u][i])
            said.append(case.scores[u][i])
    mse = mean_squared_error(truth, said)
    for metric, expected in (
        (rating.MAE(), mean_absolute_error(truth, said)),
        (rating.MSE(), mse),
        (rating.RMSE(), mse**0.5),
    ):
        assert metric.measure(case.view, case.data) == pytest.approx(expected, rel=1e-6)


def counted(c, k):
    return [sum(i in row for row in c.lists(k)) for i in range(ITEMS)]


def gini(c, k):
    """Half the mean absolute difference over the mean, times n / (n - 1)."""
    x = counted(c, k)
    apart = sum(abs(a - b) for a in x for b in x) / ITEMS**2
    return apart / (2 * sum(x) / ITEMS) * ITEMS / (ITEMS - 1)


def entropy(weights):
    total = sum(weights)
    return -sum(w / total * math.log2(w / total) for w in weights if w)


def sentropy(c, k):
    weight = [0.0] * ITEMS
    for row in c.lists(k):
        for i in row:
            weight[i] += 1 / len(row)
    return entropy(weight)


def head(c):
    order = sorted(range(ITEMS), key=lambda i: -c.count[i])
    found, held = set(), 0
    for i in order:
        if held >= 0.8 * sum(c.count):
            break
        found.add(i)
        held += c.count[i]
    return found


def reo(groups):
    def value(c, k):
        share = []
        for group in groups(c):
            hit = sum(i in c.rel[u] and i in group for u, row in enumerate(c.lists(k)) for i in row)
            share.append(hit / sum(len(r & group) for r in c.rel))
        return np.std(share) / np.mean(share)

    return value


def rsp(groups):
    def value(c, k):
        share = []
        for group in groups(c):
            shown = sum(i in group for row in c.lists(k) for i in row)
            share.append(shown / sum(not c.owned[u][i] for u in range(USERS) for i in group))
        return np.std(share) / np.mean(share)

    return value


def halves(c):
    return [head(c), set(range(ITEMS)) - head(c)]


def kinds(c):
    return [{i for i in range(ITEMS) if c.kinds[i] == n} for n in range(4)]


def heavy(c):
    sizes = c.owned.sum(1)
    median = sorted(sizes)[(USERS - 1) // 2]
    return [[u for u in range(USERS) if (sizes[u] > median) == h] for h in (False, True)]


def mad(groups, value):
    means = [np.mean([value[x] for x in g if value[x] is not None]) for g in groups]
    return np.mean([abs(a - b) for a, b in combinations(means, 2)])


def user_scores(c, k):
    return [
        np.mean([c.scores[u][i] for i in row]) if row else None for u, row in enumerate(c.lists(k))
    ]


def item_means(c, k, worth):
    gain = {i: [] for i in range(ITEMS)}
    for u, row in enumerate(c.lists(k)):
        for n, i in enumerate(row):
            gain[i].append(worth(c, u, n, i))
    return [np.mean(g) if g else None for g in gain.values()]


def preference(c, users, items, pairs):
    mine = [(u, i) for u, i in pairs if u in users]
    return sum(i in items for _, i in mine) / len(mine) / (len(items) / ITEMS)


def owned_pairs(c):
    return [(u, i) for u in range(USERS) for i in range(ITEMS) if c.owned[u][i]]


def listed_pairs(c, k):
    return [(u, i) for u, row in enumerate(c.lists(k)) for i in row]


def disparity(combine):
    def value(c, k):
        found = []
        for users in heavy(c):
            for items in kinds(c):
                source = preference(c, users, items, owned_pairs(c))
                shown = preference(c, users, items, listed_pairs(c, k))
                found.append(abs(combine(source, shown)))
        return np.mean(found)

    return value


SYSTEM = {
    coverage.ItemCoverage: lambda c, k: len({i for row in c.lists(k) for i in row}),
    coverage.ItemCoverageShare: lambda c, k: len({i for row in c.lists(k) for i in row}) / ITEMS,
    coverage.UserCoverage: lambda c, k: sum(len(row) > 0 for row in c.lists(k)),
    coverage.UserCoverageAtN: lambda c, k: sum(len(row) == k for row in c.lists(k)),
    diversity.Gini: gini,
    diversity.ElliotGini: lambda c, k: 1 - gini(c, k),
    diversity.ShannonEntropy: lambda c, k: entropy(counted(c, k)),
    diversity.ElliotSEntropy: sentropy,
    bias.PopREO: reo(halves),
    bias.PopRSP: rsp(halves),
    fairness.REO: reo(kinds),
    fairness.RSP: rsp(kinds),
    fairness.UserMADrating: lambda c, k: mad(heavy(c), user_scores(c, k)),
    fairness.UserMADranking: lambda c, k: mad(
        heavy(c), [binary(c, u, k) if c.rel[u] else None for u in range(USERS)]
    ),
    fairness.ItemMADrating: lambda c, k: mad(
        kinds(c), item_means(c, k, lambda c, u, n, i: c.scores[u][i])
    ),
    fairness.ItemMADranking: lambda c, k: mad(
        kinds(c), item_means(c, k, lambda c, u, n, i: (i in c.rel[u]) / math.log2(n + 2))
    ),
    fairness.BiasDisparityBS: disparity(lambda source, shown: source),
    fairness.BiasDisparityBR: disparity(lambda source, shown: shown),
    fairness.BiasDisparityBD: disparity(lambda source, shown: (shown - source) / source),
}


@pytest.mark.parametrize("k", [5, KEPT])
@pytest.mark.parametrize("metric", SYSTEM, ids=lambda m: m.name)
def test_numbers_of_the_system_are_those_of_the_definition(case, metric, k):
    found = metric(k=k)
    assert isinstance(found, SystemMetric)
    assert found.measure(case.view, case.data) == pytest.approx(SYSTEM[metric](case, k), rel=1e-6)


def test_popularity_of_lists(case):
    lists, held = case.lists(5), head(case)
    arp = bias.ARP(k=5).measure(case.view, case.data)
    aclt, aplt = (m(k=5).measure(case.view, case.data) for m in (bias.ACLT, bias.APLT))
    got = coverage.NumRetrieved(k=5).measure(case.view, case.data)
    for u, row in enumerate(lists):
        assert got[u] == len(row)
        if not row:
            assert arp[u].isnan()
            assert aplt[u].isnan()
            continue
        assert arp[u].item() == pytest.approx(np.mean([case.count[i] for i in row]), rel=1e-6)
        tail = sum(i not in held for i in row)
        assert aclt[u] == tail
        assert aplt[u].item() == pytest.approx(tail / len(row))


def test_extremes_of_gini_and_entropy():
    """One item for all is 1 and 0 bits; each its own is 0 and log2(n) bits."""
    case = Case(0)
    for given, index, bits in (([[4]] * ITEMS, 1.0, 0.0), (range(ITEMS), 0.0, math.log2(ITEMS))):
        case.view.lists.ranking.fill_(-1)
        case.view.lists.ranking[:ITEMS, :1] = torch.tensor(list(given)).reshape(-1, 1)
        assert diversity.Gini(k=1).measure(case.view, case.data) == pytest.approx(index)
        assert diversity.ShannonEntropy(k=1).measure(case.view, case.data) == pytest.approx(bits)


def test_groups_come_from_files(tmp_path):
    case, users, items = Case(0), tmp_path / "users.tsv", tmp_path / "items.tsv"
    users.write_text("".join(f"u{u}\t{'ab'[u % 2]}\n" for u in range(USERS)))
    items.write_text("".join(f"i{i}\t{'xy'[i < 10]}\n" for i in range(25)))  # five in no group
    split = [set(range(10, 25)), set(range(10))]
    found = fairness.RSP(k=5, items=str(items)).measure(case.view, case.data)
    assert found == pytest.approx(rsp(lambda c: split)(case, 5), rel=1e-6)
    found = fairness.UserMADrating(k=5, users=str(users)).measure(case.view, case.data)
    groups = [range(0, USERS, 2), range(1, USERS, 2)]
    assert found == pytest.approx(mad(groups, user_scores(case, 5)), rel=1e-6)
    one = fairness.BiasDisparityBD(
        k=5, users=str(users), items=str(items), of="a", towards="y"
    ).measure(case.view, case.data)
    source = preference(case, groups[0], split[1], owned_pairs(case))
    shown = preference(case, groups[0], split[1], listed_pairs(case, 5))
    assert one == pytest.approx((shown - source) / source, rel=1e-6)
    with pytest.raises(ConfigError, match="no group 'z'; have a, b"):
        fairness.BiasDisparityBS(users=str(users), of="z").measure(case.view, case.data)
    items.write_text("q\tx\n")
    with pytest.raises(DataError, match="none of its items"):
        fairness.REO(items=str(items)).measure(case.view, case.data)
    items.write_text("i1\n")
    with pytest.raises(DataError, match="expected two columns"):
        fairness.REO(items=str(items)).measure(case.view, case.data)
    with pytest.raises(MissingDataError, match="item and group"):
        fairness.REO(items=str(tmp_path / "none")).measure(case.view, case.data)


def test_no_more_is_measured_than_was_kept(case):
    with pytest.raises(ConfigError, match="lists of 20 are kept; take k <= 20"):
        coverage.ItemCoverage(k=21).measure(case.view, case.data)


@pytest.mark.parametrize("metric", [rating.MAE(), rating.MSE(), rating.RMSE()])
def test_the_scores_of_a_ranker_are_no_ratings(case, metric, caplog):
    """EASE would get an RMSE of 3.47 on MovieLens 100K, which says nothing of it."""
    ranker = replace(case.view, tested=replace(case.view.tested, in_stars=False))
    assert math.isnan(metric.measure(ranker, case.data))
    assert [f"{metric.column}: the model ranks, its scores are no ratings: not a number"] == [
        record.getMessage() for record in caplog.records
    ]


def test_gauc_weighs_users_by_their_test_items(case):
    """The mean of its numbers; AUC is that of users alike, and the two differ."""
    users = [u for u in range(USERS) if case.rel[u] and len(case.full[u]) > len(case.rel[u])]
    weight = [len(case.rel[u]) for u in users]
    wanted = np.average([auc(case, u, None) for u in users], weights=weight)
    found = accuracy.GAUC().measure(case.view, case.data)
    assert float(found.nanmean()) == pytest.approx(wanted, abs=1e-6)
    assert int((~found.isnan()).sum()) == len(users)
    alike = ranking.AUC().measure(case.view, case.data)
    assert abs(float(alike.nanmean()) - wanted) > 1e-4
    tested = accuracy.GAUC().tested(case.view, case.data)
    assert torch.allclose(tested, alike, equal_nan=True, atol=1e-6)


def test_the_f_measure_of_any_two_metrics(case):
    both = accuracy.ExtendedF(k=5, first="NDCG", second="EPC", beta=2.0)
    x = ranking.NDCG(k=5).measure(case.view, case.data)
    y = novelty.EPC(k=5).measure(case.view, case.data)
    found = both.measure(case.view, case.data)
    for user in range(USERS):
        a, b = float(x[user]), float(y[user])
        wanted = 5 * a * b / (4 * a + b) if a + b else (math.nan if math.isnan(a) else 0.0)
        assert float(found[user]) == pytest.approx(wanted, abs=1e-6, nan_ok=True)
    assert both.column == "F2(nDCG, EPC)@5"
    for name in ("ARP", "AUC", "NoSuch", "ExtendedF"):
        with pytest.raises(ConfigError, match=f"ExtendedF: '{name}' is no metric of a user's"):
            accuracy.ExtendedF(first=name)


def test_serendipity_is_nil_for_what_the_most_popular_rank(case):
    """A list of the most popular items, whatever hits it has."""
    count = torch.tensor(case.count, dtype=torch.float32).expand(USERS, -1)
    none = torch.empty(0, dtype=torch.int64)
    popular = rank(Given(count.clone()), None, case.data.train, case.data.test, none, KEPT)
    seen = view_of(popular, none, Counted(labels=torch.zeros(ITEMS).long(), source=0, target=1))
    assert float(ranking.Recall(k=10).measure(seen, case.data).nanmean()) > 0
    assert float(novelty.Serendipity(k=10).measure(seen, case.data).nansum()) == 0
