from functools import partial
from types import SimpleNamespace

import pytest
import torch

from vrbench.attacks.budget import L2
from vrbench.attacks.feature_budget import Rows
from vrbench.attacks.goal import Verdict
from vrbench.attacks.minimum_norm import cw
from vrbench.attacks.minimum_norm.cw import CW, CWRows
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract, Redder

FREE = L2(eps=float("inf"), store="float")


class TestCW(AttackContract):
    make = partial(CW, steps=20, search_steps=3)
    beats_noise = False  # stops at the nearest success, not at the end of the ball


def linear(weight, bias):
    """A goal whose nearest success lies at distance margin / |weight|."""

    def judge(x, items):
        margin = x.flatten(1) @ weight + bias
        return Verdict(margin, margin)

    return SimpleNamespace(judge=judge)


def test_finds_the_smallest_change_of_a_linear_goal():
    rng = stream(0)
    clean = 0.4 + 0.2 * torch.rand(5, 3, 8, 8, generator=rng)
    weight = torch.randn(3 * 64, generator=rng)
    bias = 0.5 - (clean.flatten(1) @ weight).amin()
    goal = linear(weight, bias)
    items = torch.arange(5)
    expected = goal.judge(clean, items).margin / weight.norm()
    x = CW(search_steps=9, steps=150, lr=0.005, progress=0.0)(clean, items, goal, FREE, Streams(0))
    assert (goal.judge(x, items).margin < 0).all()
    found = (x - clean).flatten(1).norm(dim=1)
    assert (found >= expected * 0.999).all()
    assert (found <= expected * 1.02).all()


def test_on_rows_the_smallest_change_scales_with_the_rows():
    rng = stream(0)
    rows, weight = torch.randn(5, 12, generator=rng), torch.randn(12, generator=rng)
    bias = 0.5 - (rows @ weight).amin()
    items, shortest = torch.arange(5), (rows @ weight + bias) / weight.norm()
    for scale in (1e-3, 1.0, 1e3):
        goal, clean = linear(weight, bias * scale), scale * rows
        x = CWRows()(clean, items, goal, Rows(eps=torch.inf), Streams(0))
        assert (goal.judge(x, items).margin < 0).all()
        found = (x - clean).norm(dim=1)
        assert (found >= scale * shortest * 0.999).all()
        assert (found <= scale * shortest * 1.1).all()


def test_a_row_of_zeros_can_move():
    goal, items = linear(torch.tensor([1.0, -1.0]), 0.3), torch.arange(1)
    x = CWRows()(torch.zeros(1, 2), items, goal, Rows(eps=torch.inf), Streams(0))
    assert (goal.judge(x, items).margin < 0).all()


def test_pure_white_and_pure_black_can_move():
    clean = torch.stack([torch.ones(3, 8, 8), torch.zeros(3, 8, 8)])
    weight = torch.tensor([1.0, -1.0]).repeat(96)
    items = torch.arange(2)
    goal = linear(weight, 0.3)
    x = CW(search_steps=6, steps=300, lr=0.1, initial_c=0.1)(clean, items, goal, FREE, Streams(0))
    assert (goal.judge(x, items).margin < 0).all()


def test_an_item_that_cannot_succeed_returns_its_best_try(world):
    items = torch.arange(2)
    clean = world.catalogue.images[items]

    def judge(x, items):
        loss = Redder().judge(x, items).loss
        return Verdict(loss, loss + 1)

    x = CW(steps=50)(clean, items, SimpleNamespace(judge=judge), FREE, Streams(0))
    assert (x[:, 0].mean((1, 2)) < clean[:, 0].mean((1, 2))).all()


def test_rows_that_stay_when_their_search_is_over_change_nothing(world, monkeypatch):
    def found():
        items = torch.arange(6)
        clean = world.catalogue.images[items]
        attack = CW(search_steps=3, steps=20, initial_c=30.0)
        return attack(clean, items, Redder(), L2(eps=float("inf"), store="float"), Streams(0))

    expected, sizes = found(), []

    def stay(count, going):
        sizes.append((len(going), count))
        return 2 * count > len(going)

    monkeypatch.setattr(cw, "_stay", stay)
    torch.testing.assert_close(found(), expected)
    assert any(0 < going < size for size, going in sizes), sizes


def test_confidence_is_passed_by():
    clean = torch.full((1, 3, 8, 8), 0.5)
    goal, items = linear(torch.ones(192) / 192**0.5, -5.0), torch.arange(1)
    x = CW(confidence=0.4, search_steps=8, steps=300)(clean, items, goal, FREE, Streams(0))
    assert goal.judge(x, items).margin.item() < -0.4


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="CW: expected steps"):
        CW(steps=0)
