from functools import partial
from types import SimpleNamespace

import pytest
import torch

from vrbench.attacks.black_box.hopskipjump import HopSkipJump
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.goal import Verdict
from vrbench.attacks.oracle import Oracle
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract, Redder, classified_as, victim

FREE = L2(eps=float("inf"), store="float")


def knowing(goal, picture=None):
    """The goal with an example: by default a black page, which is as little red as can be."""

    def example(items):
        return torch.zeros(len(items), 3, 16, 16) + (0 if picture is None else picture)

    return SimpleNamespace(judge=goal.judge, example=example)


class TestHopSkipJump(AttackContract):
    make = partial(HopSkipJump, queries=400, directions=20)
    beats_noise = False  # stops at the nearest success

    def run(self, clean, items, goal, budget=None, seed=0):
        return super().run(clean, items, knowing(goal), budget, seed)

    def test_no_more_is_asked_than_agreed(self, clean):
        items = torch.arange(6)
        for queries in (2, 3, 9, 30, 31, 60, 250):
            oracle = Oracle(knowing(Redder()), limit=queries, decisions=True)
            attack = HopSkipJump(queries=queries, directions=20)
            attack(clean, items, oracle, self.budget, Streams(0))
            assert (oracle.asked(items) <= queries).all()
            assert (oracle.asked(items) >= 2).all()

    def test_company_changes_nothing_where_some_are_fooled(self, clean):
        """All but the black page, which is the example, are led towards it."""
        margins = classified_as(victim(), 0)

        def judge(x, items):
            loss, margin = margins.judge(x, items)
            return Verdict(loss, margin - 0.55)

        items, attack = torch.tensor([4, 9, 2, 7, 30, 11]), self.make()
        goal = knowing(SimpleNamespace(judge=judge))
        run = partial(attack, goal=goal, budget=L2(eps=float("inf")), rng=None)
        together = run(clean, items, rng=Streams(0))
        moved = (together != clean).flatten(1).any(1)
        assert moved.tolist() == [True, False, True, True, True, True]
        assert (goal.judge(together, items).margin < 0).all()
        alone = [run(clean[[n]], items[[n]], rng=Streams(0)) for n in range(6)]
        assert torch.equal(torch.cat(alone), together)


def linear(weight, bias):
    def judge(x, items):
        margin = (x * weight).flatten(1).sum(1) + bias
        return Verdict(margin, margin)

    # far inside the goal, and not on the shortest way to it
    rough = weight + 2 * torch.randn(weight.shape, generator=stream(7))
    far = 0.5 - 0.5 * rough.sign()
    return SimpleNamespace(judge=judge, example=lambda items: far.expand(len(items), *far.shape))


def test_comes_within_a_twentieth_of_the_nearest_point_of_a_linear_goal():
    weight = torch.randn(3, 8, 8, generator=stream(0))
    clean = 0.4 + 0.2 * torch.rand(4, 3, 8, 8, generator=stream(1))
    goal, items = linear(weight, 2.0 - (clean * weight).flatten(1).sum(1).amin()), torch.arange(4)
    nearest = goal.judge(clean, items).margin / weight.norm()
    assert (nearest > 0.1).all()
    x = HopSkipJump(queries=6000)(clean, items, goal, FREE, Streams(0))
    assert (goal.judge(x, items).margin < 0).all()
    distance = (x - clean).flatten(1).norm(dim=1)
    assert (distance >= 0.999 * nearest).all()
    assert (distance <= 1.05 * nearest).all()


def test_comes_near_it_in_linf_too():
    weight = torch.randn(3, 8, 8, generator=stream(0))
    clean, items = torch.full((3, 3, 8, 8), 0.5), torch.arange(3)
    goal = linear(weight, 2.0 - (clean[0] * weight).sum())
    budget = Linf(eps=255, store="float")
    x = HopSkipJump(queries=8000)(clean, items, goal, budget, Streams(0))
    nearest = 2.0 / weight.abs().sum()
    distance = (x - clean).abs().flatten(1).amax(1)
    assert (goal.judge(x, items).margin < 0).all()
    assert (distance >= 0.999 * nearest).all()
    assert (distance <= 1.15 * nearest).all()


def test_a_step_is_as_long_in_company_as_alone():
    """In foolbox every slope is divided by the length of the whole batch's."""
    weight = torch.randn(3, 8, 8, generator=stream(0))
    clean = 0.4 + 0.2 * torch.rand(16, 3, 8, 8, generator=stream(1))
    goal, items = linear(weight, 2.0 - (clean * weight).flatten(1).sum(1).amin()), torch.arange(16)
    attack = HopSkipJump(queries=700)
    together = attack(clean, items, goal, FREE, Streams(0))
    alone = attack(clean[:1], items[:1], goal, FREE, Streams(0))
    assert torch.allclose(together[:1], alone, atol=1e-5)


def test_rounded_pictures_still_reach_the_aim():
    weight = torch.randn(3, 16, 16, generator=stream(0))
    clean = torch.randint(90, 160, (8, 3, 16, 16), generator=stream(1)) / 255
    goal, items = linear(weight, 2.0 - (clean * weight).flatten(1).sum(1).amin()), torch.arange(8)
    x = HopSkipJump(queries=1500)(clean, items, goal, L2(eps=float("inf")), Streams(0))
    assert torch.allclose(x * 255, (x * 255).round(), atol=1e-3)
    assert (goal.judge(x, items).margin < 0).all()


def test_no_example_no_change_and_reached_already_no_change():
    clean, items = torch.full((2, 3, 16, 16), 0.6), torch.arange(2)
    clean[1] = 0.2  # as little red as is wanted
    oracle = Oracle(knowing(Redder(), 0.5), decisions=True)
    x = HopSkipJump()(clean, items, oracle, L2(eps=1e6, store="float"), Streams(0))
    assert torch.equal(x, clean)
    assert oracle.asked(items).tolist() == [2, 2]
    with pytest.raises(IncompatibleError, match="offers no example"):
        HopSkipJump()(clean, items, Redder(), FREE, Streams(0))


def test_a_goal_that_takes_back_its_word_ends():
    """The search of foolbox has no bound here: only the example itself reaches the aim."""

    def judge(x, items):
        there = (x == 0).flatten(1).all(1)
        margin = torch.where(there, -1.0, 1.0)
        return Verdict(margin, margin)

    clean, items = torch.full((2, 3, 16, 16), 0.6), torch.arange(2)
    goal = knowing(SimpleNamespace(judge=judge))
    x = HopSkipJump(queries=1000)(clean, items, goal, FREE, Streams(0))
    assert x.isfinite().all()
    assert torch.allclose(x, torch.zeros_like(x), atol=1e-6)


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="reach > 0 or null"):
        HopSkipJump(reach=0.0)
