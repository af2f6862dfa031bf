"""Fake users in a shop: what they move, whom they reach, and that nobody counts them."""

from functools import partial

import pytest
import torch
from scipy.stats import ttest_1samp

from tests.attacks.profile.world import FAKES, attacked, bazaar, row, shop
from tests.threats.test_surfaces import SurfaceContract, parts
from vrbench.attacks.budget import Linf
from vrbench.attacks.embedding.perturbation import EmbeddingPGD, Embeddings
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.fillers import (
    AverageProfiles,
    LoveHate,
    PopularProfiles,
    RandomProfiles,
)
from vrbench.attacks.profile.imitation import ProbeProfiles
from vrbench.attacks.profile.neighbours import SegmentProfiles, SemanticProfiles
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.data.sources.colours import colours
from vrbench.extractors.toy import Colour
from vrbench.metrics.audience import ItemHR
from vrbench.metrics.base import RankMetric
from vrbench.metrics.category import CHR
from vrbench.metrics.forged import PopularityDistance, ProfileLength, StarDistance
from vrbench.metrics.ranking import NDCG
from vrbench.metrics.shift import PredictionShift
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.collaborative.neighbours import ItemKNN, UserKNN
from vrbench.recommenders.ranking import rank
from vrbench.threats.scenario.by_popularity import ByPopularity
from vrbench.threats.surfaces.features import Features
from vrbench.threats.surfaces.looks import Looks
from vrbench.threats.surfaces.parameters import Parameters
from vrbench.threats.surfaces.profiles import Profiles
from vrbench.threats.threat import Threat

KNN = partial(ItemKNN, k=50, shrink=0.0)
USER_KNN = partial(UserKNN, k=50, shrink=0.0)


class TestProfiles(SurfaceContract):
    key = "922eead39deae0e7"

    def given(self, eps):
        return {"threat": FAKES, "attack": RandomProfiles(), "budget": FakeUsers(eps=min(eps, 0.2))}


def test_a_budget_of_zero_moves_no_number(tmp_path):
    found = attacked(Store(tmp_path), attack=AverageProfiles(), budget=FakeUsers(eps=0))
    for r in found.rows:
        assert r.after in (0.0, r.before)
    assert found.lists["after"].attacked.scores.equal(found.lists["before"].attacked.scores)


class Witness(RankMetric):
    """Fails if anything that it sees is of more than the real users."""

    better = "higher"

    def measure(self, view, dataset):
        users = dataset.train.num_users
        assert users == 200
        for value in (
            view.lists.ranking,
            view.attacked.scores,
            view.attacked.ranks,
            view.lists.candidates,
            view.lists.scores,
        ):
            assert len(value) == users
        assert len(view.tested.ranks) == len(dataset.test)
        assert view.attacked.audience is None or len(view.attacked.audience) == users
        return torch.ones(users)


@pytest.mark.parametrize("attack", [AverageProfiles(), SegmentProfiles(), LoveHate()])
def test_no_number_is_of_a_fake_user(attack, tmp_path):
    metrics = [Witness(), ItemHR(k=10), NDCG(k=10)]
    found = attacked(Store(tmp_path), attack=attack, metrics=metrics)
    assert all(len(value) == 200 for value in found.values.values())
    assert all(r.n <= 200 for r in found.rows)
    data, model = bazaar(), found.models["after"]
    assert model.history.shape[0] == 220  # the fakes are in the model, and only there
    again = rank(model, data.catalogue.images, data.seen, data.test, found.case.items, 80)
    assert again.relevant_ranks.equal(found.lists["after"].tested.ranks)
    assert again.ranks.equal(found.lists["after"].attacked.ranks)


def test_two_items_and_one_fake_user(tmp_path):
    """Three users have item 0, a fake both: cos(0, 1) is 1 / sqrt(4 * 1)."""
    found = attacked(
        Store(tmp_path),
        dataset=shop([(0, 0), (1, 0), (2, 0)], 3, 2, test=[(0, 1)]),
        attack=RandomProfiles(),
        budget=FakeUsers(eps=0.3, length=2),
        scenario=ByPopularity(rule="cold", share=1.0),
        metrics=[PredictionShift()],
    )
    assert found.lists["before"].attacked.scores.tolist() == [[0.0]] * 3
    assert found.lists["after"].attacked.scores.flatten().tolist() == pytest.approx([0.5] * 3)


@pytest.mark.parametrize("attack", [RandomProfiles(aim="nuke"), LoveHate()])
def test_two_items_and_fakes_that_have_one_without_the_other(attack, tmp_path):
    """Of four users with item 0 one has item 1, too: cos is 1 / sqrt(4); with five fakes 1 / 3."""
    found = attacked(
        Store(tmp_path),
        dataset=shop([(0, 0), (1, 0), (2, 0), (3, 0), (3, 1)], 5, 2, test=[(0, 1)]),
        attack=attack,
        budget=FakeUsers(eps=1.0, length=1),
        scenario=ByPopularity(rule="tail", share=0.5),
        metrics=[PredictionShift()],
    )
    scores = {
        name: view.attacked.scores.flatten()[:3].tolist() for name, view in found.lists.items()
    }
    assert scores["before"] == pytest.approx([1 / 2] * 3)
    assert scores["after"] == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("recommender", [KNN, USER_KNN])
def test_average_beats_random(recommender, tmp_path):
    gained = {}
    for attack in (RandomProfiles(), AverageProfiles()):
        found = attacked(Store(tmp_path), attack=attack, recommender=recommender)
        gained[attack.name] = row(found, "rank shift").after
    assert gained["AverageProfiles"] > gained["RandomProfiles"] + 4
    assert gained["AverageProfiles"] > 4


@pytest.mark.parametrize("recommender", [KNN, USER_KNN])
@pytest.mark.parametrize("attack", [LoveHate(), AverageProfiles(aim="nuke")])
def test_nukes_lower(attack, recommender, tmp_path):
    budget = FakeUsers(eps=0.3)
    found = attacked(Store(tmp_path), attack=attack, recommender=recommender, budget=budget)
    assert row(found, "prediction shift").after < -0.03
    assert row(found, "rank shift").after < -0.4


@pytest.mark.parametrize("recommender", [KNN, USER_KNN])
def test_a_segment_is_reached_better_than_by_random_items(recommender, tmp_path):
    """An even item is pushed among those who like odd ones."""
    found, whom = {}, None
    for attack in (SegmentProfiles(category="odd", items=8, liked=3), RandomProfiles()):
        result = attacked(
            Store(tmp_path),
            dataset=bazaar(apart=8),
            attack=attack,
            budget=FakeUsers(eps=0.1, length=9),
            scenario=ByPopularity(max_items=1),
            recommender=recommender,
            metrics=[ItemHR(k=10, who=who) for who in ("audience", "others")],
        )
        assert int(result.case.items) % 2 == 0
        ranks, audience = (
            result.lists["after"].attacked.ranks,
            result.lists["after"].attacked.audience,
        )
        whom = audience if whom is None else whom
        found[attack.name] = (ranks <= 10).float()[whom & (ranks > 0)].mean()
        if audience is not None:
            assert row(result, "item HR@10 (audience)").after == pytest.approx(found[attack.name])
    assert found["SegmentProfiles"] > found["RandomProfiles"] + 0.6


def test_a_probe_asks_the_trained_shop(tmp_path):
    store = Store(tmp_path)
    first = attacked(store, attack=ProbeProfiles())
    other = attacked(store, attack=ProbeProfiles(), recommender=USER_KNN)
    assert row(first, "rank shift").after > 0
    made = {step["address"] for step in store.log if step["stage"] == "profiles"}
    assert len(made) == 3  # another shop shows other lists; random items are the same for both
    assert row(other, "rank shift").after > -5


def test_fillers_by_looks_are_found_through_the_shop_s_network(tmp_path):
    found = attacked(
        Store(tmp_path),
        dataset=colours(),
        attack=SemanticProfiles(by="features", items=8),
        scenario=ByPopularity(rule="popular", share=0.1, max_items=1),
    )
    assert row(found, "item HR@10").after is not None
    (target,) = found.case.items.tolist()
    train = found.models["after"].history
    fake = train.dense(torch.arange(30, 33))
    liked = colours().catalogue.categories
    for own in fake:
        assert set(liked[own > 0].tolist()) == {int(liked[target])}
    with pytest.raises(IncompatibleError, match="no pictures"):
        attacked(Store(tmp_path), attack=SemanticProfiles(by="features"))


def test_models_that_learn_in_epochs_are_poisoned_too(tmp_path):
    data = colours()
    found = attacked(
        Store(tmp_path),
        dataset=data,
        attack=PopularProfiles(head=0.2),
        recommender=partial(BPRMF, epochs=3),
        budget=FakeUsers(eps=0.3),
        metrics=[NDCG(k=10)],
    )
    assert len(found.models["after"].user.weight) == 39
    assert row(found, "nDCG@10").control is not None


def test_as_many_random_profiles_stand_beside_an_attack(tmp_path):
    store = Store(tmp_path)
    chosen = attacked(store, attack=AverageProfiles())
    random = attacked(store, attack=RandomProfiles())
    for metric in ("item HR@10", "rank shift", "nDCG@10"):
        assert row(chosen, metric).random == row(random, metric).after
        assert row(random, metric).random == row(random, metric).after
        assert row(random, metric).p_random is None  # every user sees the same
    shift = chosen.values["rank shift/after"] - chosen.values["rank shift/random"]
    expected = ttest_1samp(shift[~shift.isnan()].double().numpy(), 0.0).pvalue
    assert row(chosen, "rank shift").p_random == pytest.approx(expected)
    assert row(chosen, "rank shift").p is not None
    assert row(chosen, "nDCG@10").control is not None
    assert set(chosen.lists) == {"before", "after"}
    alone = attacked(store, attack=AverageProfiles(), control=False)
    assert {r.random for r in alone.rows} == {r.control for r in alone.rows} == {None}


def test_random_profiles_nuke_where_the_attack_does(tmp_path):
    found = attacked(Store(tmp_path), attack=AverageProfiles(aim="nuke"))
    assert row(found, "prediction shift").random < 0


def test_rows_say_how_unlike_real_users_fakes_are(tmp_path):
    metrics = [ProfileLength(), PopularityDistance(), StarDistance()]
    found = {}
    for attack in (RandomProfiles(), AverageProfiles(aim="nuke")):
        result = attacked(Store(tmp_path), attack=attack, metrics=metrics)
        found[attack.name] = {r.metric: (r.before, r.after) for r in result.rows}
    random, average = found["RandomProfiles"], found["AverageProfiles"]
    assert random["profile length"] == average["profile length"] == (10, 10)
    assert random["popularity TVD"][1] > 0.3 > 0.15 > average["popularity TVD"][1]
    assert random["popularity TVD"][0] < 0.15
    assert "stars TVD" not in random


def test_every_draw_is_of_the_seed(tmp_path):
    store = Store(tmp_path)
    numbers = []
    for seed in (0, 0, 1):
        found = attacked(store, attack=RandomProfiles(), seed=seed)
        numbers.append(row(found, "rank shift").after)
    assert numbers[0] == numbers[1] != numbers[2]


RATED = [(u, i) for u in range(4) for i in range(3)] + [(0, 3)]


def rated(least):
    stars = [4.0, 4.0, 5.0] * 4 + [4.0]
    return shop(RATED, 4, 5, test=[(1, 4)], ratings=stars if least else [1.0, *stars[1:]])


@pytest.mark.parametrize(("least", "read"), [(True, False), (False, True)])
def test_a_shop_that_leaves_out_few_stars_leaves_out_those_of_fakes(least, read, tmp_path):
    """Where every rating is a like, hate promotes; where a like is four stars it is not read."""
    found = attacked(
        Store(tmp_path),
        dataset=rated(least),
        attack=LoveHate(),
        budget=FakeUsers(eps=1.0, length=4, feedback="rated", lowest=1.0),
        scenario=ByPopularity(rule="tail", share=0.25, max_items=None),
        metrics=[PredictionShift()],
    )
    assert found.case.items.tolist() == [3]
    owners = found.models["after"].history.dense(torch.arange(4, 8))[:, 3]
    assert owners.tolist() == [float(read)] * 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threat": Threat(surface=Profiles())}, "goes with threat.timing=poisoning"),
        ({"attack": PGD()}, "threat=profiles goes with an attack and a budget of fake users"),
        ({"budget": Linf(eps=8)}, "threat=profiles goes with an attack and a budget"),
        (
            {"threat": Threat(timing="poisoning", surface=Profiles(), surrogate=Colour())},
            "changes no picture",
        ),
        ({"threat": Threat()}, "threat=profiles goes with an attack and a budget"),
        ({"threat": Threat(surface=Features())}, "threat=profiles goes with"),
        ({"threat": Threat(surface=Parameters())}, "threat=profiles goes with"),
        ({"threat": Threat(surface=Looks())}, "threat=profiles goes with"),
    ],
)
def test_what_does_not_go_with_it_is_refused(changes, message, tmp_path):
    with pytest.raises(IncompatibleError, match=message):
        attacked(Store(tmp_path), **{"attack": AverageProfiles()} | changes)


def test_other_surfaces_refuse_its_budget(tmp_path):
    with pytest.raises(IncompatibleError, match="threat=profiles goes with"):
        run(**parts(budget=FakeUsers(eps=0.1)), store=Store(tmp_path))
    threat = Threat(surface=Parameters())
    with pytest.raises(IncompatibleError, match="threat=profiles goes with"):
        run(
            **parts(threat=threat, attack=EmbeddingPGD(), budget=FakeUsers(eps=0.1)),
            store=Store(tmp_path),
        )
    with pytest.raises(IncompatibleError, match="threat=profiles goes with"):
        attacked(Store(tmp_path), attack=AverageProfiles(), budget=Embeddings(eps=0.1))


def test_a_budget_over_the_catalogue_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="more than the catalogue has"):
        attacked(Store(tmp_path), attack=RandomProfiles(), budget=FakeUsers(eps=0.1, length=81))


def test_stars_need_a_shop_that_has_them(tmp_path):
    budget = FakeUsers(eps=0.1, feedback="rated")
    with pytest.raises(ConfigError, match=r"has no ratings; take budget.feedback=implicit"):
        attacked(Store(tmp_path), attack=RandomProfiles(), budget=budget)


def test_a_target_that_everybody_has_is_ranked_for_nobody(tmp_path):
    with pytest.raises(IncompatibleError, match="every user has item '0'"):
        attacked(
            Store(tmp_path),
            dataset=shop([(0, 0), (1, 0), (1, 1)], 2, 3),
            attack=RandomProfiles(),
            scenario=ByPopularity(rule="popular", share=0.5, max_items=1),
        )


def test_categories_of_an_image_attack_s_case_can_be_attacked(tmp_path):
    given = TestProfiles().given(0.2)
    found = run(**parts(**given, metrics=[CHR(k=5)]), store=Store(tmp_path))
    assert found.case.source == "red"
    assert len(found.case.items) == 12
