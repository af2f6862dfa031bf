"""A detector that is taught by attacks of the shop's own, and an adversary who knows a detector."""

import numpy as np
import pytest
import torch

from tests.attacks.profile.world import attacked, bazaar, known, row, shop
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.fillers import AverageProfiles, PopularProfiles, RandomProfiles
from vrbench.attacks.profile.imitation import ProbeProfiles
from vrbench.attacks.profile.shop import Shop
from vrbench.bench.store import Store
from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError
from vrbench.data.interactions import Interactions
from vrbench.metrics.detection import DetectionAUC, FakesFound, HonestLost, area
from vrbench.threats.detectors.svm_tia import SVMTIA, shares_target, target_items
from vrbench.threats.detectors.unsupervised import ByFeature
from vrbench.threats.surfaces.profiles import Profiles
from vrbench.threats.threat import Threat
from vrbench.threats.unsuspected import Unsuspected


def found(folder, detector, attack, budget):
    return attacked(
        Store(folder),
        threat=Threat(timing="poisoning", surface=Profiles(detector=detector)),
        attack=attack,
        budget=budget,
        metrics=[DetectionAUC(), FakesFound(), HonestLost()],
    )


def test_it_knows_fakes_like_those_of_its_lessons_and_no_others():
    """Real users have 60 of 400 items; 15 fakes have any."""
    pytest.importorskip("imblearn")
    base = bazaar(300, 60).train
    real = Interactions(base.indptr, base.items, 300, 400, "wide")
    told = Shop(real.indptr.numpy(), real.items.numpy(), 400)
    made = RandomProfiles()(told, np.array([300, 310, 320]), FakeUsers(eps=0.05), Dice(1))
    rows = torch.from_numpy(made.indptr), torch.from_numpy(made.items)
    both = real.followed_by(Interactions(*rows, 15, 400, "fakes"))
    fake = torch.arange(315) >= 300
    taught, other = SVMTIA(), SVMTIA(lesson=AverageProfiles())
    assert area(torch.from_numpy(taught.suspicion(both)), fake) > 0.9
    assert area(torch.from_numpy(other.suspicion(both)), fake) < 0.5


def test_without_the_analysis_all_suspects_of_the_machine_are_left_out():
    pytest.importorskip("imblearn")
    feedback = bazaar().train
    both, alone = (SVMTIA(share=0.5, analysis=told).suspicion(feedback) for told in (True, False))
    assert set(np.flatnonzero(both > 0)) < set(np.flatnonzero(alone > 0))
    assert np.array_equal(alone[both > 0], both[both > 0])


def test_of_real_users_alone_few_are_suspected():
    pytest.importorskip("imblearn")
    detector, feedback = SVMTIA(share=0.2), bazaar().train
    suspicion = detector.suspicion(feedback)
    assert np.array_equal(suspicion, detector.suspicion(feedback))
    assert detector.suspects(suspicion).sum() <= 10
    assert (np.abs(suspicion) <= 1).all()


def test_at_most_its_share_is_left_out_and_nobody_whom_a_phase_acquits():
    detector = SVMTIA(share=0.2)
    suspicion = np.array([0.9, 0.8, 0.7, -0.1, -0.2, -0.3, -0.4, -0.5, -0.6, -0.7])
    assert detector.suspects(suspicion).nonzero()[0].tolist() == [0, 1]
    assert SVMTIA(share=0.9).suspects(suspicion).nonzero()[0].tolist() == [0, 1, 2]


def test_a_target_is_what_suspects_have_and_others_have_not():
    """Of 40 users four are suspects; three of them have item 9, which nobody else has."""
    pairs = [(u, i) for u in range(40) for i in range(u % 3, 9, 3)] + [(u, 9) for u in (1, 2, 3)]
    feedback = shop(pairs, 40, 30).train
    suspect = np.arange(40) < 4
    users, items = feedback.users.numpy(), feedback.items.numpy()
    assert target_items(users, items, suspect, 30, excess=4.0).nonzero()[0].tolist() == [9]
    assert shares_target(feedback, suspect, 4.0).nonzero()[0].tolist() == [1, 2, 3]


def test_with_stars_a_target_is_what_suspects_love():
    pairs = [(u, i) for u in range(40) for i in range(u % 3, 9, 3)]
    pairs += [(u, i) for u in (1, 2, 3) for i in (9, 10)]
    stars = [5.0 if i != 10 else 1.0 for _, i in pairs]
    feedback = shop(pairs, 40, 30, ratings=stars).train
    loved = shares_target(feedback, np.arange(40) < 4, 4.0)
    assert loved.nonzero()[0].tolist() == [1, 2, 3]
    hated = shop(pairs, 40, 30, ratings=[6 - s for s in stars]).train
    assert hated.ratings.max() == 5
    assert shares_target(hated, np.arange(40) < 4, 4.0).nonzero()[0].tolist() == [1, 2, 3]


def test_no_feedback_is_no_trouble():
    none = torch.empty(0, dtype=torch.int64)
    assert SVMTIA().suspicion(Interactions.of(none, none, 4, 3)).tolist() == [-0.5] * 4


def test_who_knows_a_detector_is_suspected_less(tmp_path):
    """Long profiles stand out by RDMA, the rarer their items the more; the adversary sees that."""
    detector = ByFeature(feature="rdma", share=0.09)
    budget = FakeUsers(eps=0.1, length=10, targets=1)
    seen = {}
    for attack in (RandomProfiles(), Unsuspected(inner=RandomProfiles(), detector=detector)):
        result = found(tmp_path, detector, attack, budget)
        seen[attack.name] = row(result, "detection AUC").after
    assert seen["Unsuspected"] < seen["RandomProfiles"] - 0.02


def test_lengths_and_targets_stay_those_of_the_budget():
    attack = Unsuspected(inner=PopularProfiles(head=0.5), tries=4)
    made = attack(known(bazaar()), np.array([70, 75]), FakeUsers(eps=0.05, length=7), Dice(0))
    assert made.lengths.tolist() == [7] * 10
    assert np.bincount(made.items, minlength=80)[[70, 75]].tolist() == [10, 10]
    stars = [1.0 + n % 5 for n in range(24)]
    rated = known(shop([(u, u + i) for u in range(8) for i in range(3)], 8, 12, ratings=stars))
    some = Unsuspected(inner=AverageProfiles(), tries=3)(
        rated, np.array([11]), FakeUsers(eps=0.5, length=4, feedback="rated"), Dice(0)
    )
    assert some.stars[some.items == 11].tolist() == [5.0] * 4


def test_it_knows_what_the_attack_behind_it_knows():
    attack = Unsuspected(inner=ProbeProfiles(aim="nuke"))
    assert (attack.asks_lists, attack.aim) == (True, "nuke")
    assert attack.knows == "lists and histories of accomplices; all feedback; the detector"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SVMTIA(lessons=0.0), "lessons above 0"),
        (lambda: SVMTIA(lesson=ProbeProfiles()), "knows feedback, no lists"),
        (lambda: Unsuspected(inner=RandomProfiles(), tries=0), "expected 1 or more, got 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
