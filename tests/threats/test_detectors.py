"""Detectors of fake users: what they measure, whom they find, and what it costs."""

import numpy as np
import pytest
import torch

from tests.attacks.profile.world import FAKES, attacked, bazaar, row, shop
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.fillers import AverageProfiles, PopularProfiles, RandomProfiles
from vrbench.bench.store import Store
from vrbench.core.errors import ConfigError
from vrbench.core.spec import digest
from vrbench.data.interactions import Interactions
from vrbench.metrics.detection import DetectionAUC, FakesFound, HonestLost, area
from vrbench.metrics.ranking import NDCG
from vrbench.threats.detectors import features
from vrbench.threats.detectors.unsupervised import (
    FEATURES,
    ByFeature,
    DegreeSAD,
    FraudPropagation,
    PCASelectUsers,
)
from vrbench.threats.surfaces.profiles import Profiles
from vrbench.threats.threat import Threat

EVERY = [PCASelectUsers(), DegreeSAD(), FraudPropagation()]
EVERY += [ByFeature(feature=name) for name in FEATURES]
METRICS = [DetectionAUC(), FakesFound(), HonestLost(), NDCG(k=10)]


def rated():
    """Two users agree on item 0 (4 stars each); the third gives it 1, and item 1 a 5 alone."""
    return shop([(0, 0), (1, 0), (2, 0), (2, 1)], 3, 2, ratings=[4.0, 4.0, 1.0, 5.0]).train


def test_deviations_are_those_by_hand():
    """The mean of item 0 is 3, of item 1 it is 5; they have three users and one."""
    feedback = rated()
    assert features.rdma(feedback) == pytest.approx([1 / 3, 1 / 3, (2 / 3 + 0) / 2])
    assert features.wda(feedback) == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert features.wdma(feedback) == pytest.approx([1 / 9, 1 / 9, (2 / 9 + 0) / 2])


def test_in_implicit_feedback_an_item_that_few_have_is_a_deviation():
    """Of four users all have item 0 and one has item 1: means are 1 and 1 / 4."""
    feedback = shop([(0, 0), (1, 0), (2, 0), (3, 0), (3, 1)], 4, 2).train
    assert features.rdma(feedback) == pytest.approx([0, 0, 0, (0 + 3 / 4) / 2])
    assert features.mean_target_difference(feedback).tolist() == [0] * 4


def test_lengths_stand_out_by_their_distance_from_the_mean():
    feedback = shop([(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (2, 3)], 3, 4).train
    assert features.length_variance(feedback) == pytest.approx([1 / 6, 1 / 6, 2 / 6])


def test_similarity_is_the_mean_of_the_nearest():
    """Users 0 and 1 have the same two items, user 2 one of them: cosines 1 and 1 / sqrt 2."""
    feedback = shop([(0, 0), (0, 1), (1, 0), (1, 1), (2, 1)], 3, 2).train
    found = features.degree_similarity(feedback, k=1)
    assert found == pytest.approx([1, 1, 0.5**0.5])
    assert features.degree_similarity(feedback, k=9)[2] == pytest.approx(0.5**0.5)


def test_with_stars_similarity_is_a_correlation():
    pairs = [(user, item) for user in range(3) for item in range(3)]
    stars = [1.0, 3.0, 5.0, 2.0, 3.0, 4.0, 5.0, 3.0, 1.0]
    feedback = shop(pairs, 3, 3, ratings=stars).train
    assert features.degree_similarity(feedback, k=2) == pytest.approx([0, 0, -1])


def test_extreme_ratings_stand_apart_from_the_others():
    feedback = shop([(0, 0), (0, 1), (0, 2), (1, 0)], 2, 3, ratings=[5.0, 2.0, 3.0, 1.0]).train
    assert features.mean_target_difference(feedback) == pytest.approx([2.5, 0])


def test_entropy_is_in_bits():
    pairs = [(0, 0), (0, 1), (1, 0), (1, 1)]
    feedback = shop(pairs, 2, 2, ratings=[1.0, 5.0, 5.0, 5.0]).train
    assert features.entropy(feedback) == pytest.approx([1, 0])
    assert features.entropy(shop([(0, 0), (0, 1), (1, 0)], 2, 2).train)[0] == pytest.approx(1)


@pytest.mark.parametrize("detector", EVERY, ids=lambda d: getattr(d, "feature", d.name))
class TestEveryDetector:
    def test_of_real_users_alone_nobody_stands_out_more_than_others(self, detector, tmp_path):
        auc = row(found(tmp_path, detector, AverageProfiles()), "detection AUC")
        assert 0.3 < auc.before < 0.7

    def test_is_the_same_whenever_it_looks(self, detector, tmp_path):
        feedback = bazaar().train
        one, other = detector.suspicion(feedback), detector.suspicion(feedback)
        assert one.shape == (200,)
        assert np.isfinite(one).all()
        assert np.array_equal(one, other)

    def test_bears_users_without_anything(self, detector, tmp_path):
        feedback = shop([(0, 0), (0, 1), (2, 0), (2, 2), (2, 3)], 5, 5).train
        assert np.isfinite(detector.suspicion(feedback)).all()

    def test_leaves_out_its_share(self, detector, tmp_path):
        assert detector.suspects(np.arange(200.0)).nonzero()[0].tolist() == list(range(190, 200))
        assert detector.suspects(np.zeros(200)).sum() == 10


def found(folder, detector, attack, **changes):
    threat = Threat(timing="poisoning", surface=Profiles(detector=detector))
    given = {"budget": FakeUsers(eps=0.1, length=25), "metrics": METRICS} | changes
    return attacked(Store(folder), threat=threat, attack=attack, **given)


@pytest.mark.parametrize(
    "detector",
    [
        ByFeature(feature="lengthvar", share=0.091),
        ByFeature(feature="wda", share=0.091),
    ],
    ids=lambda d: getattr(d, "feature", d.name),
)
def test_fakes_that_stand_apart_are_found_and_nobody_else(detector, tmp_path):
    """Real users have ten items each; fakes have 40, most of which nobody has."""
    budget = FakeUsers(eps=0.1, length=40, targets=1)
    result = found(tmp_path, detector, RandomProfiles(), budget=budget)
    assert row(result, "detection AUC").after == 1.0
    assert row(result, "fakes found").after == 1.0
    assert row(result, "honest users lost").after == 0.0
    after = row(result, "nDCG@10")
    assert after.after == pytest.approx(after.before)  # the shop is as it was


@pytest.mark.parametrize("detector", [DegreeSAD(), ByFeature(), ByFeature(feature="wdma")])
def test_fakes_with_items_that_few_have_are_told_from_all_others(detector):
    pairs = [(u, (u + i) % 6) for u in range(20) for i in range(5)]
    pairs += [(u, i) for u in range(20, 23) for i in range(6, 11)]
    suspicion = torch.from_numpy(detector.suspicion(shop(pairs, 23, 11).train))
    assert area(suspicion, torch.arange(23) >= 20) == 1.0


def test_directions_are_those_of_a_whole_decomposition():
    rows = bazaar().train.matrix().double().numpy()
    rows = (rows - rows.mean(1, keepdims=True)) / rows.std(1, keepdims=True)
    loadings = np.linalg.svd(rows)[0][:, :2]
    found = PCASelectUsers(directions=2).suspicion(bazaar().train)
    assert np.corrcoef(found, -np.square(loadings).sum(1))[0, 1] > 0.99


FIRST = PCASelectUsers(directions=1)


@pytest.mark.parametrize(
    "detector",
    [
        FIRST,
        FraudPropagation(first=FIRST, seeds=0.05),
        ByFeature(feature="degsim", least=True),
        ByFeature(feature="entropy", least=True),
    ],
    ids=lambda d: getattr(d, "feature", d.name),
)
def test_fakes_who_share_no_taste_are_told_from_all_others(detector):
    """40 real users have 12 of 15 items, of one half or the other; four fakes ten items else."""
    pairs = [(u, 15 * (u % 2) + (u // 2 + i) % 15) for u in range(40) for i in range(12)]
    pairs += [(u, i) for u in range(40, 44) for i in range(30, 40)]
    suspicion = torch.from_numpy(detector.suspicion(shop(pairs, 44, 40).train))
    assert area(suspicion, torch.arange(44) >= 40) == 1.0


def test_copies_of_one_profile_make_a_direction_of_their_own_and_are_overlooked(tmp_path):
    result = found(tmp_path, PCASelectUsers(), PopularProfiles(head=0.3))
    assert row(result, "detection AUC").after < 0.2


def test_suspicion_spreads_from_a_fake_to_fakes():
    """Users 0 to 9 share items 0 to 4, users 10 to 14 items 5 to 9; one of the latter is known."""

    class Told(PCASelectUsers):
        def suspicion(self, feedback):
            return (np.arange(15) == 12).astype(float)

    pairs = [(u, i) for u in range(10) for i in range(5)]
    pairs += [(u, i) for u in range(10, 15) for i in range(5, 10)]
    feedback = shop(pairs, 15, 10).train
    spread = FraudPropagation(first=Told(), seeds=0.07).suspicion(feedback)
    assert (spread[10:] > 0.5).all()
    assert (spread[:10] == 0).all()


def test_who_is_left_out_stays_a_user_without_feedback(tmp_path):
    result = found(tmp_path, DegreeSAD(share=0.5), AverageProfiles())
    owned = result.models["after"].history
    counts = owned.count(torch.arange(220))
    assert int((counts == 0).sum()) == 110
    lost = row(result, "honest users lost").after
    assert lost == pytest.approx(float((counts[:200] == 0).float().mean()))
    assert row(result, "nDCG@10").after < row(result, "nDCG@10").before


def test_where_nobody_is_fake_a_detector_costs_honest_users(tmp_path):
    result = found(tmp_path, DegreeSAD(share=0.5), AverageProfiles(), budget=FakeUsers(eps=0))
    counts = result.models["after"].history.count(torch.arange(200))
    assert int((counts == 0).sum()) == 100
    assert row(result, "honest users lost").after == 0.5
    assert row(result, "fakes found").after is None
    assert row(result, "detection AUC").after is None
    assert row(result, "nDCG@10").after < row(result, "nDCG@10").before


def test_without_a_detector_there_is_no_row_and_the_key_is_as_it_was(tmp_path):
    result = attacked(Store(tmp_path), attack=RandomProfiles(), metrics=METRICS)
    assert {r.metric for r in result.rows} == {"nDCG@10"}
    assert digest(Threat(timing="poisoning", surface=Profiles())) == digest(FAKES)
    keys = {digest(Profiles(detector=d)) for d in (None, DegreeSAD(), DegreeSAD(share=0.1))}
    assert len(keys) == 3


def test_areas_are_those_by_hand():
    score = torch.tensor([0.1, 0.4, 0.35, 0.8])
    assert area(score, torch.tensor([False, False, True, True])) == 0.75
    assert area(torch.zeros(4), torch.tensor([False, False, True, True])) == 0.5
    assert np.isnan(area(score, torch.zeros(4, dtype=torch.bool)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DegreeSAD(share=1.0), "expected a share below 1"),
        (lambda: PCASelectUsers(directions=0), "expected 1 or more"),
        (lambda: ByFeature(feature="length"), "expected rdma, wda, wdma"),
        (lambda: FraudPropagation(seeds=0.0), "expected a share of seeds"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_no_feedback_is_no_trouble():
    none = torch.empty(0, dtype=torch.int64)
    empty = Interactions.of(none, none, 4, 3)
    for detector in EVERY:
        assert np.isfinite(detector.suspicion(empty)).all()
