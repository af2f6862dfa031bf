"""What every attack by fake profiles keeps to, and what each of them puts into them."""

import numpy as np
import pytest

from tests.attacks.profile.world import bazaar, known, shop
from vrbench.attacks.profile.base import ProfileAttack
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.draft import Profiles
from vrbench.attacks.profile.fillers import (
    AverageProfiles,
    BandwagonProfiles,
    LoveHate,
    PopularProfiles,
    RandomProfiles,
    ReverseBandwagon,
    most_popular,
)
from vrbench.attacks.profile.imitation import PowerUser, ProbeProfiles
from vrbench.attacks.profile.neighbours import SegmentProfiles, SemanticProfiles
from vrbench.attacks.profile.shop import Shop
from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError, ContractError, IncompatibleError

TARGETS = np.array([70, 75])
ALL = [
    RandomProfiles,
    AverageProfiles,
    BandwagonProfiles,
    PopularProfiles,
    LoveHate,
    ReverseBandwagon,
    PowerUser,
    ProbeProfiles,
    SegmentProfiles,
    SemanticProfiles,
]


def whole_shop(rated=False):
    """Return a shop of which everything may be asked; its stars are 1 to 5."""
    data = bazaar()
    told = known(data)
    stars = 1.0 + (np.arange(len(told.items)) * 7 + told.items) % 5 if rated else None
    return Shop(
        told.indptr,
        told.items,
        told.num_items,
        stars,
        np.arange(told.num_items) % 2,
        ("even", "odd"),
        lists=lambda users: np.tile(np.arange(20, 40), (len(users), 1)),
        features=lambda: np.eye(told.num_items) + 0.1,
    )


def made(attack, budget=None, targets=TARGETS, rated=False, seed=0):
    budget = FakeUsers(eps=0.1, targets=1) if budget is None else budget
    return attack(whole_shop(rated), targets, budget, Dice(seed, "profiles"))


def rows(profiles):
    return np.split(profiles.items, profiles.indptr[1:-1])


@pytest.mark.parametrize("aim", ["push", "nuke"])
@pytest.mark.parametrize("kind", ALL)
class TestEveryAttack:
    def test_spends_the_budget_and_no_more(self, kind, aim):
        for length in (1, 7, 30, 80):
            found = made(kind(aim=aim), FakeUsers(eps=0.1, length=length, targets=1))
            assert len(found.lengths) == 20
            assert (found.lengths <= length).all()
            if not (kind is LoveHate and aim == "push"):  # what is hated is not had
                most = 79 if aim == "push" else 78  # all items, but for the other target, or both
                assert (found.lengths == min(length, most)).all()

    def test_never_gives_an_item_twice_or_one_that_is_not_there(self, kind, aim):
        for own in rows(made(kind(aim=aim))):
            assert (np.diff(own) > 0).all()
            assert not len(own) or 0 <= own[0] <= own[-1] < 80

    def test_has_its_targets_or_has_none_of_them(self, kind, aim):
        found = made(kind(aim=aim))
        has = [np.isin(TARGETS, own) for own in rows(found)]
        assert np.sum(has, axis=0).tolist() == ([10, 10] if aim == "push" else [0, 0])

    def test_is_the_same_for_the_same_seed_and_another_for_another(self, kind, aim):
        one, same, other = (made(kind(aim=aim), seed=seed) for seed in (0, 0, 1))
        assert all(np.array_equal(a, b) for a, b in zip(one[:2], same[:2], strict=True))
        only_targets = kind is LoveHate and aim == "push"
        assert only_targets or not np.array_equal(one.items, other.items)

    def test_gives_stars_that_there_are_and_to_the_target_the_most_or_the_fewest(self, kind, aim):
        found = made(
            kind(aim=aim), FakeUsers(eps=0.1, length=9, targets=1, feedback="rated"), rated=True
        )
        assert set(found.stars) <= {1.0, 2.0, 3.0, 4.0, 5.0}
        of_targets = found.stars[np.isin(found.items, TARGETS)]
        assert of_targets.tolist() == [5.0 if aim == "push" else 1.0] * 20
        assert (found.lengths == 9).all()


def test_lengths_are_those_of_real_users():
    data = shop([(0, 0), (0, 1), (0, 2), (1, 3)], 4, 9)
    drawn = FakeUsers(eps=1.0).lengths(known(data), Dice(0))
    assert set(drawn.tolist()) == {1, 3}
    assert len(drawn) == 4


@pytest.mark.parametrize(("eps", "count"), [(0, 0), (0.001, 1), (0.05, 10), (1, 200)])
def test_a_share_of_the_users_is_a_number_of_fakes(eps, count):
    assert FakeUsers(eps=eps).count(200) == count


def test_fakes_take_turns_with_the_targets():
    targets = np.arange(60, 67)
    half = [15, 15, *[14] * 5]
    for each, wanted in ((1, [3] * 6 + [2]), (3, [9] * 4 + [8] * 3), (7, [20] * 7), (None, half)):
        budget = FakeUsers(eps=0.1, length=10, targets=each)
        found = made(RandomProfiles(), budget, targets)
        assert np.bincount(found.items, minlength=80)[targets].tolist() == wanted
    short = made(RandomProfiles(), FakeUsers(eps=0.1, length=3, targets=3), targets)
    assert all(np.isin(own, targets).all() for own in rows(short))


def test_random_items_are_drawn_alike_and_average_ones_by_popularity():
    many = FakeUsers(eps=1.0, length=9)
    popularity = whole_shop().popularity
    drawn = np.bincount(made(RandomProfiles(), many).items, minlength=80)
    others = np.delete(drawn, TARGETS)
    assert abs(others - others.mean()).max() < 5 * others.mean() ** 0.5
    drawn = np.bincount(made(AverageProfiles(), many).items, minlength=80)
    assert np.corrcoef(np.delete(drawn, TARGETS), np.delete(popularity, TARGETS))[0, 1] > 0.9
    published = AverageProfiles(items="uniform")
    assert np.array_equal(made(published).items, made(RandomProfiles()).items)


def test_popular_items_fill_half_of_a_bandwagon_and_all_of_the_popular_attack():
    head = set(most_popular(whole_shop(), 0.25).tolist())
    assert len(head) == 20
    budget = FakeUsers(eps=0.1, length=9, targets=1)
    for attack, least in ((BandwagonProfiles(head=0.25), 4), (PopularProfiles(head=0.25), 8)):
        for own in rows(made(attack, budget)):
            assert len(head & set(own.tolist())) >= least


def test_unpopular_items_fill_half_of_a_reverse_bandwagon():
    known_items = whole_shop()
    tail = set(known_items.by_popularity[-20:].tolist())
    budget = FakeUsers(eps=0.1, length=8, targets=1, feedback="rated")
    found = made(ReverseBandwagon(tail=0.25), budget, rated=True)
    for own in rows(found):
        assert len(tail & set(own.tolist()) - set(TARGETS.tolist())) >= 4
    assert (found.stars == 1).reshape(20, 8).sum(1).min() >= 5  # the target is one of them


def test_a_power_user_is_copied():
    shop_ = whole_shop()
    has = [set(own) for own in np.split(shop_.items, shop_.indptr[1:-1])]
    for own in rows(made(PowerUser(powers=0.1), FakeUsers(eps=0.1, length=6))):
        others = set(own) - set(TARGETS)
        assert any(others <= user for user in has)


def test_a_probe_copies_lists():
    own = np.concatenate(
        rows(made(ProbeProfiles(seeds=0.0), FakeUsers(eps=0.1, length=9, targets=1)))
    )
    assert set(own) - set(TARGETS) <= set(range(20, 40))


def test_love_hate_in_implicit_feedback_is_the_nuke_of_random_profiles():
    assert np.array_equal(made(LoveHate()).items, made(RandomProfiles(aim="nuke")).items)
    pushed = made(LoveHate(aim="push"))
    assert (pushed.lengths == 1).all()
    assert np.isin(pushed.items, TARGETS).all()


def test_love_hate_with_stars_loves_everything_else():
    found = made(LoveHate(), FakeUsers(eps=0.1, length=9, targets=1, feedback="rated"), rated=True)
    hated = np.isin(found.items, TARGETS)
    assert set(found.stars[~hated]) == {5.0}
    assert set(found.stars[hated]) == {1.0}


def test_average_stars_are_those_of_the_item():
    """Everybody gives item 0 one star and item 1 five: so do fakes; random ones do not."""
    pairs = [(user, item) for user in range(40) for item in (0, 1)]
    data = shop(pairs, 40, 3, ratings=[1.0, 5.0] * 40)
    budget = FakeUsers(eps=1.0, length=3, feedback="rated")
    given = {}
    for attack in (AverageProfiles(), RandomProfiles()):
        found = attack(known(data), np.array([2]), budget, Dice(0))
        assert found.items.reshape(40, 3).tolist() == [[0, 1, 2]] * 40
        given[attack.name] = found.stars.reshape(40, 3)
    assert (given["AverageProfiles"] == [1, 5, 5]).all()
    assert set(given["RandomProfiles"][:, 0]) == {1.0, 5.0}


def test_popular_items_get_few_stars_and_liked_ones_one_more():
    pairs = [(user, item) for user in range(4) for item in (0, 1)]
    data = shop(pairs, 4, 3, ratings=[1.0, 4.0] * 3 + [3.0, 5.0])
    budget = FakeUsers(eps=0.25, length=3, feedback="rated")
    found = PopularProfiles(head=0.67)(known(data), np.array([2]), budget, Dice(0))
    assert found.stars.tolist() == [1.0, 3.0, 5.0]


def test_the_scale_may_go_below_what_the_shop_keeps():
    data = shop([(0, 0), (1, 1)], 2, 3, ratings=[4.0, 5.0])
    budget = FakeUsers(eps=0.5, length=2, feedback="rated", lowest=1.0)
    found = LoveHate()(known(data), np.array([2]), budget, Dice(0))
    assert found.stars.tolist() == [5.0, 1.0]


def test_a_segment_is_whoever_has_what_goes_with_the_target():
    """Users 0 to 2 have items 0 to 3 and the target 4; the others have items 5 to 8."""
    pairs = [(u, i) for u in range(3) for i in (0, 1, 2, 3)] + [(0, 4)]
    pairs += [(u, i) for u in range(3, 6) for i in (5, 6, 7, 8)]
    told = known(shop(pairs, 6, 9))
    attack = SegmentProfiles(items=3, liked=2)
    found = attack(told, np.array([4]), FakeUsers(eps=1.0, length=3), Dice(0))
    for own in rows(found):
        assert set(own) < {0, 1, 2, 4}  # of equals the first ones
    whom = attack.audience(told, np.array([4]))
    assert whom[:, 0].tolist() == [True] * 3 + [False] * 3


def test_a_segment_may_be_a_category():
    found = made(SegmentProfiles(category="odd", items=30), FakeUsers(eps=0.1, length=9, targets=1))
    for own in rows(found):
        assert (np.setdiff1d(own, TARGETS) % 2 == 1).all()
    assert SegmentProfiles(category="odd").audience(whole_shop(), TARGETS).shape == (200, 2)


def test_semantic_fillers_are_of_the_target_s_category_or_look_like_it():
    for own in rows(made(SemanticProfiles(), FakeUsers(eps=0.1, length=9, targets=1))):
        assert len(set(own % 2)) == 1
    table = np.zeros((80, 80))
    table[np.arange(80), np.arange(80) // 8] = 1  # eight items look alike
    shop_ = whole_shop()
    seen = Shop(shop_.indptr, shop_.items, 80, features=lambda: table)
    attack = SemanticProfiles(by="features", items=4)
    found = attack(seen, TARGETS, FakeUsers(eps=0.1, length=4, targets=1), Dice(0))
    for own in rows(found):
        assert len(set(own // 8)) == 1


def test_nothing_but_targets_is_left_where_everything_is_one():
    data = shop([(0, 0), (1, 1)], 2, 2)
    found = RandomProfiles()(known(data), np.array([0, 1]), FakeUsers(eps=1.0, length=2), Dice(0))
    assert found.lengths.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"eps": 5}, r"0.05 is 5 %"),
        ({"eps": float("nan")}, r"0.05 is 5 %"),
        ({"eps": 0.1, "length": 0}, r"budget.length: expected 1 or more, got 0"),
        ({"eps": 0.1, "targets": 0}, r"budget.targets: expected 1 or more"),
        ({"eps": 0.1, "targets": 3, "length": 2}, r"budget.targets=3 do not fit"),
        ({"eps": 0.1, "feedback": "stars"}, r"expected implicit or rated, got 'stars'"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        FakeUsers(**wrong)


def test_a_profile_longer_than_the_catalogue_is_refused():
    with pytest.raises(ConfigError, match=r"budget.length=81 is more than the catalogue has: 80"):
        made(RandomProfiles(), FakeUsers(eps=0.1, length=81))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomProfiles(aim="shove"), "aim: expected push or nuke"),
        (lambda: AverageProfiles(items="all"), "expected popularity or uniform"),
        (lambda: BandwagonProfiles(fillers="none"), "expected random or average"),
        (lambda: BandwagonProfiles(share=2), "BandwagonProfiles.share: expected a share"),
        (lambda: PowerUser(powers=-1), "PowerUser.powers: expected a share"),
        (lambda: SegmentProfiles(items=2, liked=3), "expected 1 <= liked <= items"),
        (lambda: SemanticProfiles(by="name"), "expected category or features"),
        (lambda: SemanticProfiles(items=0), "expected 1 or more"),
        (lambda: made(SegmentProfiles(category="od")), "no category 'od'; did you mean 'odd'"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_target_that_nobody_has_has_no_neighbours():
    told = known(shop([(0, 0), (0, 1)], 2, 3))
    with pytest.raises(IncompatibleError, match="no other item is like target 2"):
        SegmentProfiles()(told, np.array([2]), FakeUsers(eps=0.5, length=2), Dice(0))
    with pytest.raises(IncompatibleError, match="no categories to choose fillers by"):
        SemanticProfiles()(told, np.array([2]), FakeUsers(eps=0.5, length=2), Dice(0))


class Own(ProfileAttack):
    """Returns what it is told to."""

    def __init__(self, found):
        self.found = found

    def search(self, shop, targets, budget, lengths, dice):
        indptr, items, stars = self.found
        return Profiles(np.array(indptr), np.array(items), stars)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (([0, 1], [1], None), "one row for each of 2 fake users"),
        (([0, 1, 9], [1], None), "one row for each"),
        (([0, 3, 4], [1, 2, 3, 4], None), "longer than the budget allows"),
        (([0, 2, 3], [2, 1, 3], None), "ascending in a profile"),
        (([0, 2, 3], [1, 1, 3], None), "ascending in a profile"),
        (([0, 1, 2], [1, 80], None), "of the catalogue"),
        (([0, 1, 2], [-1, 3], None), "of the catalogue"),
        (([0, 1, 2], [1, 2], np.ones(2)), "only there"),
    ],
)
def test_an_attack_of_one_s_own_is_held_to_the_budget(found, message):
    with pytest.raises(ContractError, match=message):
        made(Own(found), FakeUsers(eps=0.01, length=2))
    fine = ([0, 1, 2], [79, 0], None)
    assert made(Own(fine), FakeUsers(eps=0.01, length=2)).items.tolist() == [79, 0]


def test_profiles_are_data_and_the_same_everywhere():
    """Frozen: bits of MT19937 and whole numbers. If these move, raise the version of the attack."""
    frozen = {
        "RandomProfiles": [2, 13, 41, 64, 70, 71, 11, 18, 19, 37, 48, 75],
        "AverageProfiles": [1, 2, 10, 12, 29, 70, 1, 2, 5, 6, 9, 75],
        "PowerUser": [0, 1, 8, 9, 12, 70, 0, 1, 2, 3, 23, 75],
    }
    budget = FakeUsers(eps=0.01, length=6, targets=1)
    for attack in (RandomProfiles(), AverageProfiles(), PowerUser()):
        found = made(attack, budget).items.tolist()
        assert found == frozen[attack.name]
