from functools import partial
from types import SimpleNamespace

import pytest
import torch

from vrbench.attacks.black_box.zoo import ZOO, _Blocks
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.goal import Verdict
from vrbench.attacks.oracle import Oracle
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract, classified_as, victim


class TestZOO(AttackContract):
    make = partial(ZOO, queries=400, coordinates=10, levels=1, enough=None)


class TestZOOByImportance(AttackContract):
    make = partial(ZOO, queries=400, coordinates=10, sampling="importance", enough=None)


def linear(weight, bias):
    def judge(x, items):
        margin = (x * weight).flatten(1).sum(1) + bias
        return Verdict(margin, margin)

    return SimpleNamespace(judge=judge)


@pytest.mark.parametrize("cell", [1, 2, 3])
def test_differences_are_the_gradient_along_each_block(cell):
    centre = torch.rand(3, 7, 7, generator=stream(0))

    def judge(x, items):
        loss = (x - centre).square().flatten(1).sum(1).double()
        return Verdict(loss, loss)

    x, side = torch.full((2, 3, 7, 7), 0.5), -(-7 // cell)
    at = torch.arange(3 * side * side).expand(2, -1)
    attack = ZOO(queries=1000, cell=cell, levels=1)
    slope = attack._slopes(x, x, torch.arange(2), at, cell, SimpleNamespace(judge=judge))
    true = (2 * (x - centre))[0]
    padded = torch.zeros(3, side * cell, side * cell)
    padded[:, :7, :7] = true
    blocks = padded.reshape(3, side, cell, side, cell).sum((2, 4)).flatten()
    assert torch.allclose(slope.float(), blocks.expand(2, -1), atol=1e-3)


def test_changes_go_down_the_gradient():
    weight, clean = torch.randn(3, 8, 8, generator=stream(1)), torch.full((2, 3, 8, 8), 128 / 255)
    attack = ZOO(queries=5000, cell=1, levels=1)
    x = attack(clean, torch.arange(2), linear(weight, 1e3), Linf(eps=8), Streams(0))
    aligned = ((x - clean).sign() == -weight.sign()).float().mean()
    assert aligned > 0.97


def test_coarse_blocks_need_fewer_questions_where_the_gradient_is_smooth():
    clean, items = torch.full((2, 3, 16, 16), 128 / 255), torch.arange(2)
    weight = torch.ones(3, 16, 16)
    goal, loss = linear(weight, 1e3), {}
    for cell in (8, 1):
        attack = ZOO(queries=400, cell=cell, levels=1)
        loss[cell] = goal.judge(attack(clean, items, goal, Linf(eps=8), Streams(0)), items).loss
    assert (loss[8] < loss[1] - 5).all()


def test_with_c_it_comes_near_the_nearest_point_of_a_linear_goal():
    weight = torch.randn(3, 4, 4, generator=stream(2))
    clean, items = torch.full((3, 3, 4, 4), 0.5), torch.arange(3)
    goal = linear(weight, 1.0 - (clean[0] * weight).sum())
    attack = ZOO(queries=20_000, cell=1, levels=1, coordinates=24, lr=0.002, c=1.0, reach=0.2)
    x = attack(clean, items, goal, L2(eps=float("inf"), store="float"), Streams(0))
    assert (goal.judge(x, items).margin < 0).all()
    nearest = 1.0 / weight.norm()
    distance = (x - clean).flatten(1).norm(dim=1)
    assert (distance >= 0.999 * nearest).all()
    assert (distance <= 1.05 * nearest).all()


def test_a_network_is_led_further_than_by_noise():
    clean = torch.rand(12, 3, 16, 16, generator=stream(4)).mul(255).round().div(255)
    goal, items, budget = classified_as(victim(), 1), torch.arange(12), Linf(eps=16)
    noise = budget.finish(budget.sample(clean, items, Streams(1)), clean)
    attack = ZOO(queries=2000, cell=2, levels=1, enough=None)
    x = attack(clean, items, goal, budget, Streams(0))
    assert (goal.judge(x, items).margin < goal.judge(noise, items).margin - 0.05).all()


def test_importance_draws_where_pictures_changed():
    blocks = _Blocks(torch.zeros(1, 3, 20, 20), 1)
    blocks.z[0, 0, 5, 5] = 1.0
    rng, hits = Streams(0), 0
    for _ in range(50):
        at = blocks.draw(torch.tensor([3]), 10, True, rng)
        assert len(at.unique()) == 10
        near = torch.zeros(3, 20, 20)
        near[0, 4:7, 4:7] = 1
        hits += near.flatten()[at].sum().item()
    # 9 of 1,200 coordinates, each 11 times as likely as another: 9 * 11 / 1290 of 500 draws
    assert 25 < hits < 60


def test_reached_items_stop_asking():
    clean, items = torch.full((3, 3, 8, 8), 0.5), torch.arange(3)

    def judge(x, items):
        value = x.flatten(1).mean(1)
        return Verdict(value, torch.where(items == 1, value - 0.6, value))

    oracle = Oracle(SimpleNamespace(judge=judge))
    ZOO(queries=100, coordinates=4, cell=4, levels=1)(clean, items, oracle, Linf(eps=8), Streams(0))
    assert oracle.asked(items).tolist() == [100, 1, 100]


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="queries >= 2"):
        ZOO(queries=10)
    with pytest.raises(ConfigError, match="can be halved 3 times"):
        ZOO(cell=4, levels=4)
    with pytest.raises(ConfigError, match="c > 0"):
        ZOO(c=0.0)
