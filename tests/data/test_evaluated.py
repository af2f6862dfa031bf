"""What is relevant, and among which items it is ranked."""

from dataclasses import replace

import pytest
import torch

from tests.recommenders.without_features import Given
from vrbench.core.errors import ConfigError, DataError
from vrbench.core.seeds import stream
from vrbench.core.spec import digest
from vrbench.data.interactions import Interactions
from vrbench.data.sources.evaluated import relevant, sampled_candidates
from vrbench.recommenders.ranking import rank
from vrbench.testing.datasets import DatasetContract
from vrbench.testing.views import two_users
from vrbench.testing.world import NONE, toy_world


class TestSampledCandidates(DatasetContract):
    @pytest.fixture
    def shop(self):
        return sampled_candidates(toy_world(), negatives=7)


class TestRelevant(DatasetContract):
    @pytest.fixture
    def shop(self):
        world = toy_world()
        stars = torch.randint(1, 6, (len(world.test),), generator=stream(1)).float()
        return relevant(replace(world, test=replace(world.test, ratings=stars)), threshold=3)


def test_only_what_is_rated_enough_is_relevant():
    _, shop = two_users()  # rated 5, 3 and 1
    assert relevant(shop, threshold=3).test.ratings.tolist() == [5.0, 3.0]
    assert relevant(shop, threshold=3).train is shop.train
    with pytest.raises(ConfigError, match="no test item is rated 6 or more"):
        relevant(shop, threshold=6)
    with pytest.raises(DataError, match="no ratings"):
        relevant(toy_world())


def test_feedback_without_ratings_is_as_if_rated_one():
    world = toy_world()
    assert relevant(world, threshold=1).test is world.test


def test_candidates_are_the_test_and_items_of_nobody_s_history(caplog):
    world = toy_world()
    shop = sampled_candidates(world, negatives=7)
    assert "biased" in caplog.text
    assert "KDD 2020" in caplog.text
    drawn = shop.offered.matrix() & ~world.test.matrix()
    assert (drawn.sum(1) == 7).all()
    assert not (drawn & world.seen.matrix()).any()
    assert (shop.offered.matrix() & world.test.matrix()).sum() == len(world.test)
    again, other = (sampled_candidates(world, negatives=7, seed=s) for s in (0, 1))
    assert torch.equal(shop.offered.items, again.offered.items)
    assert not torch.equal(shop.offered.items, other.offered.items)
    assert len({digest(s.spec) for s in (world, shop, other)}) == 3


def test_where_too_few_are_left_all_are_candidates():
    world = toy_world()
    shop = sampled_candidates(world, negatives=1000)
    assert torch.equal(shop.offered.matrix(), ~world.seen.matrix())
    with pytest.raises(ConfigError, match=r"dataset\.negatives"):
        sampled_candidates(world, negatives=0)


def test_every_item_is_drawn_alike():
    """Of 400 users who have nothing, each of 50 items is a candidate of a fifth or so."""
    some = Interactions.of(torch.arange(400), torch.arange(400) % 50, 400, 50)
    world = replace(toy_world(), train=some, valid=some.nobody(), test=some.nobody())
    count = sampled_candidates(world, negatives=10).offered.popularity
    assert count.sum() == 4000
    assert (count - 80).abs().max() < 40  # five deviations


def test_ranks_are_among_candidates_only():
    world = toy_world()
    shop = sampled_candidates(world, negatives=7)
    score = torch.randn(30, 36, generator=stream(3))
    model = Given(score)
    asked = (model, None, shop.seen, shop.test, torch.tensor([0, 5]), 10)
    found = rank(*asked, offered=shop.offered)
    offered = shop.offered.matrix()
    assert torch.equal(found.candidates, offered.sum(1))
    for n, (user, item) in enumerate(zip(shop.test.users, shop.test.items, strict=True)):
        ahead = (score[user] > score[user, item]) & offered[user]
        assert found.relevant_ranks[n] == ahead.sum() + 1
    for user in range(30):
        best = [i for i in score[user].argsort(descending=True).tolist() if offered[user, i]]
        assert [i for i in found.ranking[user].tolist() if i >= 0] == best[:10]
    assert torch.equal(found.ranks > 0, offered[:, [0, 5]])
    full = rank(*asked)
    assert (full.relevant_ranks >= found.relevant_ranks).all()
    assert NONE.numel() == 0


def test_a_sample_can_turn_two_models_round():
    """What the warning is about: one is first among few, the other among all."""
    steady, risky = torch.full((1000,), 60.0), torch.cat([torch.ones(400), torch.full((600,), 1e9)])
    among_all = [(r <= 10).float().mean() for r in (steady, risky)]
    chance = [(1 - r.clamp(max=5000) / 5000).pow(20) for r in (steady, risky)]
    among_few = [c.mean() for c in chance]  # first of twenty drawn from 5,000
    assert among_all[0] < among_all[1]
    assert among_few[0] > among_few[1]
