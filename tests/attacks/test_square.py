from functools import partial
from types import SimpleNamespace

import pytest
import torch

from vrbench.attacks.black_box.square import Square, _pulse, _pulses, _square, _tiles
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.feature_budget import Rows
from vrbench.attacks.goal import Verdict
from vrbench.attacks.oracle import Oracle
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract, classified_as, victim


class TestSquare(AttackContract):
    make = partial(Square, queries=80, enough=None)


class TestSquareL2(AttackContract):
    make = partial(Square, queries=80, enough=None)
    budget = L2(eps=128)


def linear(weight, bias=0.0):
    def judge(x, items):
        value = (x * weight).flatten(1).sum(1)
        return Verdict(value, value + bias)

    return SimpleNamespace(judge=judge)


def nearly(goal):
    """The aim, with half a logit to spare."""

    def judge(x, items):
        loss, margin = goal.judge(x, items)
        return Verdict(loss, margin - 0.5)

    return SimpleNamespace(judge=judge)


def grey(n=3, size=8):
    return torch.full((n, 3, size, size), 128 / 255)


def test_reaches_the_corner_where_a_linear_loss_is_least():
    """In the last row and column too, which windows of the published code never cover."""
    weight, clean = torch.randn(3, 4, 4, generator=stream(0)), grey(size=4)
    goal, budget = linear(weight, bias=1e4), Linf(eps=8)
    x = Square(queries=1200)(clean, torch.arange(3), goal, budget, Streams(0))
    assert torch.equal((x - clean).sign(), -weight.sign().expand_as(x))
    assert torch.allclose((x - clean).abs(), torch.tensor(8 / 255), atol=1e-6)


def test_comes_near_the_point_of_the_l2_ball_where_a_linear_loss_is_least():
    weight, clean = torch.randn(3, 8, 8, generator=stream(0)), grey()
    goal, budget, items = linear(weight, bias=1e4), L2(eps=400, store="float"), torch.arange(3)
    x = Square(queries=3000)(clean, items, goal, budget, Streams(0))
    gain = goal.judge(clean, items).loss - goal.judge(x, items).loss
    noise = budget.sample(clean, items, Streams(0))
    chance = (goal.judge(clean, items).loss - goal.judge(noise, items).loss).abs()
    best = budget.radius * weight.norm()
    assert (gain > 0.55 * best).all()  # pulses of 3 x 3 are not single pixels
    assert (gain > 4 * chance).all()


def test_reached_items_stop_asking():
    clean, items = grey(4), torch.arange(4)

    def judge(x, items):
        # items 0 and 1 are there from the first picture on, 2 and 3 never
        value = x.flatten(1).mean(1)
        return Verdict(value, torch.where(items < 2, -1.0, value + 1))

    oracle = Oracle(SimpleNamespace(judge=judge))
    Square(queries=30)(clean, items, oracle, Linf(eps=8), Streams(0))
    assert oracle.asked(items).tolist() == [1, 1, 30, 30]


def test_a_network_is_fooled_more_often_than_by_noise():
    network = victim()
    clean = torch.rand(24, 3, 16, 16, generator=stream(4)).mul(255).round().div(255)
    goal, items, budget = nearly(classified_as(network, 1)), torch.arange(24), Linf(eps=16)
    noise = budget.finish(budget.sample(clean, items, Streams(1)), clean)
    x = Square(queries=300)(clean, items, goal, budget, Streams(0))
    assert (goal.judge(noise, items).margin < 0).sum() <= 6
    assert (goal.judge(x, items).margin < 0).sum() >= 16


def test_windows_shrink_as_in_the_paper_for_any_number_of_queries():
    sides = [Square(queries=10_000, p=0.8).side(n, (100, 100)) for n in (10, 11, 51, 201, 8001)]
    assert sides == [89, 63, 45, 32, 4]
    stretched = Square(queries=1000).side(101, (100, 100))
    assert stretched == Square(queries=10_000).side(1010, (100, 100))


def test_every_item_has_a_window_and_signs_of_its_own():
    clean, items = grey(6, 16), torch.arange(6)
    tried = _square(clean, clean, items, 5, Linf(eps=8), Streams(0))
    changed = (tried != clean).any(1)
    assert (changed.flatten(1).sum(1) == 25).all()
    assert len(changed.flatten(1).unique(dim=0)) > 3


def test_windows_reach_every_pixel():
    clean = grey(400, 6)
    tried = _square(clean, clean, torch.arange(400), 2, Linf(eps=8), Streams(0))
    assert (tried != clean).any(1).any(0).all()


def test_a_square_that_changes_nothing_is_drawn_anew():
    clean = grey(200, 8)
    corner = clean + 8 / 255
    tried = _square(corner, clean, torch.arange(200), 3, Linf(eps=8), Streams(0))
    assert (tried != corner).flatten(1).any(1).all()


def test_a_pulse_is_a_hill_above_a_valley():
    pulse = _pulse(6, torch.device("cpu"))
    assert pulse.norm().item() == pytest.approx(1)
    assert (pulse[:3] > 0).all()
    assert (pulse[3:] < 0).all()
    assert pulse[1, 3] == pulse.max()
    # rings of 1, 1/4, 1/9 and 1/16: the middle has all four, its neighbours three
    assert (pulse[1, 2] / pulse[1, 3]).item() == pytest.approx(
        (1 / 4 + 1 / 9 + 1 / 16) / (1 + 1 / 4 + 1 / 9 + 1 / 16)
    )


def test_l2_pictures_use_the_whole_radius():
    clean, items, budget = grey(5, 16), torch.arange(5), L2(eps=100)
    x = _tiles(clean, items, budget, Streams(0))
    for n in range(5):
        assert torch.allclose(budget.spent(x, clean), torch.full((5,), 100.0), rtol=1e-4)
        x = _pulses(x, clean, items, 5 + n, budget, Streams(n))


def test_settings_and_norms_it_does_not_know_are_named():
    with pytest.raises(ConfigError, match="Square: expected queries >= 1"):
        Square(p=0)
    with pytest.raises(IncompatibleError, match="Linf and L2, not Rows"):
        Square()(torch.zeros(2, 3), torch.arange(2), linear(1), Rows(eps=1), Streams(0))
