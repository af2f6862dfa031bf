"""One perturbation for all: the same change, the known optimum, worth on unseen pictures."""

from functools import partial

import pytest
import torch

from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.ensemble import Ensemble
from vrbench.attacks.goal import Verdict
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.gradient.universal import Universal
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract, classified_as, one_by_one, victim
from vrbench.testing.world import Redder

ITEMS = torch.arange(12)


class TestUniversal(AttackContract):
    make = partial(Universal, steps=10)

    def test_company_and_order_change_nothing(self, clean):
        """Of a joint attack the order changes nothing; company does."""
        goal = classified_as(one_by_one(victim()), 1)
        together, shuffled, parts = self.in_company_and_alone(clean, goal)
        assert torch.equal(shuffled, together)
        assert not torch.equal(parts, together)
        assert self.make().joint

    def test_company_changes_little_where_the_network_rounds_by_its_batch(self, clean):
        """It may change much: see above."""


class Linear:
    """A loss linear in the pictures, another for each item."""

    def __init__(self, count, side=12):
        self.weight = torch.randn(count, 3, side, side, generator=stream(5))

    def judge(self, x, items):
        loss = (self.weight[items] * x).flatten(1).sum(1)
        return Verdict(loss, loss)


def greys(count=12, side=12):
    """Pictures so far from black and white that no change leaves them."""
    levels = torch.randint(60, 196, (count, 3, side, side), generator=stream(3))
    return levels.float() / 255


def changes(budget, attack=None, goal=None, clean=None):
    clean = greys() if clean is None else clean
    goal = Linear(len(clean)) if goal is None else goal
    attack = attack or Universal()
    items = torch.arange(len(clean))
    return (attack(clean, items, goal, budget, Streams(0)) - clean) * 255, goal


@pytest.mark.parametrize("budget", [Linf(eps=8), L2(eps=100)], ids=repr)
def test_every_item_gets_the_same_change_within_the_budget(budget):
    found, _ = changes(budget)
    assert torch.allclose(found, found[:1].expand_as(found), atol=1e-3)
    assert found.abs().amax() >= 1


def test_the_optimum_of_a_linear_loss_is_the_corner_against_the_mean_weight():
    found, goal = changes(Linf(eps=8))
    expected = -8 * goal.weight.mean(0).sign()
    assert torch.allclose(found[0], expected, atol=1e-3)


def test_the_optimum_in_l2_is_along_the_mean_weight():
    found, goal = changes(L2(eps=100))
    against = -goal.weight.mean(0)
    along = (found[0] * against).sum() / found[0].norm() / against.norm()
    assert along > 0.99
    assert found[0].norm().item() == pytest.approx(100, rel=0.02)


def test_it_does_no_better_than_a_change_for_each_and_serves_pictures_it_never_saw():
    network, budget = victim(), Linf(eps=16)
    goal = classified_as(network, 2)
    every = torch.rand(24, 3, 16, 16, generator=stream(4)).mul(255).round().div(255)
    seen, unseen = every[:12], every[12:]
    x = Universal()(seen, ITEMS, goal, budget, Streams(0))
    own = PGD(steps=50)(seen, ITEMS, goal, budget, Streams(0))
    loss = partial(_loss, goal)
    assert loss(own) < loss(x) < loss(seen)
    change = Universal().found(seen, ITEMS, goal, budget)
    there = budget.finish(unseen + change, unseen)
    noise = budget.finish(budget.sample(unseen, ITEMS, Streams(1)), unseen)
    assert loss(unseen) - loss(there) > 3 * abs(loss(unseen) - loss(noise))


def _loss(goal, x):
    with torch.no_grad():
        return goal.judge(x, torch.arange(len(x))).loss.mean().item()


def test_an_ensemble_with_one_is_joint_and_wrong_settings_are_refused():
    assert Ensemble(attacks={"a": Universal(), "b": PGD()}).joint
    assert not Ensemble(attacks={"b": PGD()}).joint
    with pytest.raises(ConfigError):
        Universal(steps=0)


def test_red_is_taken_from_all_alike():
    clean = torch.full((40, 3, 6, 6), 100 / 255)
    found, _ = changes(Linf(eps=8), goal=Redder(), clean=clean)
    assert torch.allclose(found[:, 0], torch.tensor(-8.0), atol=1e-3)
    assert (found[:, 1:] == 0).all()
