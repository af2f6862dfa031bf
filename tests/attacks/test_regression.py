from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vrbench.attacks.black_box.gradient_estimation import NES, SPSA
from vrbench.attacks.black_box.regression import FeatureRegression, _pulled_back, shortest_fit
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.goal import Verdict
from vrbench.attacks.oracle import Oracle
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract, Redder, victim


def seen_by(network, goal):
    """The goal, and the network's last hidden layer as the public extractor."""
    return SimpleNamespace(judge=goal.judge, see=network[:-1])


class RegressionContract(AttackContract):
    @pytest.fixture(autouse=True)
    def _public(self, monkeypatch):
        monkeypatch.setattr(Redder, "see", lambda self, x: x.mean((2, 3)), raising=False)

    def run(self, clean, items, goal, budget=None, seed=0):
        if not hasattr(goal, "see"):
            goal = seen_by(victim(), goal)
        return super().run(clean, items, goal, budget, seed)


class TestFeatureRegression(RegressionContract):
    make = partial(FeatureRegression, queries=80, directions=7, enough=None)


class TestAntithetic(RegressionContract):
    make = partial(FeatureRegression, queries=90, directions=8, antithetic=True, enough=None)


class Linear:
    """The answer is linear in the features of a small network; the last layer is known to us."""

    def __init__(self, size=16, out=32, seed=0):
        rng = stream(seed, "linear")
        self.kernel = 0.3 * torch.randn(out, 3, 3, 3, generator=rng)
        self.weight = torch.randn(out, generator=rng)

    def see(self, x):
        maps = torch.nn.functional.conv2d(x, self.kernel, stride=2)
        return torch.nn.functional.leaky_relu(maps, 0.1).mean((2, 3))

    def judge(self, x, items):
        loss = self.see(x) @ self.weight + 3.0
        return Verdict(loss, torch.ones_like(loss))


def pictures(n=3, size=16):
    return (torch.rand(n, 3, size, size, generator=stream(0, "x")) * 255).round() / 255


@pytest.mark.parametrize(("n", "dim"), [(8, 40), (33, 200), (60, 12)])
def test_the_fit_is_that_of_lapack(n, dim):
    """The shortest of many slopes where answers are few, least squares where they are many."""
    rng = stream(n, "fit")
    features = 0.01 * torch.randn(4, n, dim, generator=rng) + 5
    answers = torch.randn(4, n, generator=rng) + 100
    found = shortest_fit(features, answers)
    for b in range(4):
        W, y = features[b].double().numpy(), answers[b].double().numpy()
        shortest = np.linalg.lstsq(W - W.mean(0), y - y.mean(), rcond=1e-9)[0]
        np.testing.assert_allclose(found[b], shortest, rtol=1e-4)
        centred, rest = W - W.mean(0), y - y.mean()
        np.testing.assert_allclose(
            found[b], np.linalg.lstsq(centred, rest, rcond=1e-9)[0], rtol=1e-4
        )
        both = shortest_fit(features[b : b + 1], answers[b : b + 1])[0]
        assert torch.allclose(found[b], both, rtol=1e-5)


def test_a_ridge_is_a_ridge():
    rng = stream(0, "ridge")
    W, y = torch.randn(1, 9, 30, generator=rng), torch.randn(1, 9, generator=rng)
    centred = (W - W.mean(1, keepdim=True))[0].double()
    weight = 0.1 * centred.square().sum(1).mean()
    direct = torch.linalg.solve(
        centred.T @ centred + weight * torch.eye(30), centred.T @ (y - y.mean())[0].double()
    )
    assert torch.allclose(shortest_fit(W, y, ridge=0.1)[0].double(), direct, atol=1e-6)


@pytest.mark.parametrize("antithetic", [False, True])
def test_with_enough_answers_the_true_direction_is_found(antithetic):
    """As many questions as features: the goal's own weights come out."""
    goal, x = Linear(out=16), pictures()
    attack = FeatureRegression(queries=65, directions=64, antithetic=antithetic)
    slope, _ = attack._estimate(x, torch.arange(3), Oracle(goal), goal.see, Streams(0))
    assert torch.allclose(slope, goal.weight.expand(3, -1), atol=2e-3)


def test_one_pull_back_is_the_gradient_of_the_linear_functional():
    goal, x = Linear(), pictures()
    slope = torch.randn(3, 32, generator=stream(5))
    found = _pulled_back(goal.see, x, slope)
    for b in range(3):
        leaf = x[b : b + 1].clone().requires_grad_()
        (goal.see(leaf)[0] @ slope[b]).backward()
        assert torch.allclose(found[b], leaf.grad[0], atol=1e-7)


def test_everything_asked_could_have_been_uploaded_and_lies_near():
    goal, x = Linear(), pictures()
    asked = []

    def judge(shown, items):
        asked.append(shown)
        return goal.judge(shown, items)

    attack = FeatureRegression(queries=16, directions=7, reach=7, enough=None)
    attack(x, torch.arange(3), SimpleNamespace(judge=judge, see=goal.see), L2(eps=30), Streams(0))
    first, second = torch.cat(asked).reshape(2, 3, 8, 3, 16, 16)
    for shown in (first, second):
        assert torch.allclose(shown * 255, (shown * 255).round(), atol=1e-4)
        away = (shown - shown[:, :1]).abs() * 255
        assert 6.99 < away.max() < 7.01
        assert shown.min() >= 0
        assert shown.max() <= 1
    assert torch.equal(first[:, 0], x)


def test_a_larger_budget_of_queries_goes_on_where_a_smaller_one_stopped():
    goal, x, items = Linear(), pictures(), torch.arange(3)
    centres = []

    def judge(shown, who):
        centres.append(shown.reshape(-1, 32, 3, 16, 16)[:, 0])
        return goal.judge(shown, who)

    seen = SimpleNamespace(judge=judge, see=goal.see)
    found = {}
    for queries in (640, 64, 160, 320):
        attack = FeatureRegression(queries=queries, enough=None)
        budget, oracle = Linf(eps=6), Oracle(seen if queries == 640 else goal, limit=queries)
        found[queries] = attack(x, items, oracle, budget, Streams(3))
        assert (oracle.asked(items) == queries).all()
    steps = torch.cat(centres).reshape(20, 3, 3, 16, 16)
    for queries in (64, 160, 320):
        assert torch.equal(steps[queries // 32], found[queries])
    assert not torch.equal(found[64], found[640])


def test_an_item_in_reach_stops_and_the_others_go_on():
    goal, x, items = Linear(), pictures(), torch.arange(3)
    bar = goal.judge(x, items).loss + torch.tensor([0.1, -0.02, -1000.0])

    def judge(shown, who):
        loss = goal.judge(shown, who).loss
        return Verdict(loss, loss - bar[who])

    oracle = Oracle(SimpleNamespace(judge=judge, see=goal.see), limit=640)
    found = FeatureRegression()(x, items, oracle, Linf(eps=8), Streams(0))
    used = oracle.asked(items).tolist()
    assert used[0] == 32
    assert torch.equal(found[0], x[0])
    assert 32 < used[1] < 640
    assert used[2] == 640
    assert (judge(found, items).margin < 0).tolist() == [True, True, False]


def test_it_needs_fewer_queries_than_those_that_know_no_extractor():
    goal, x, items = Linear(out=64), pictures(8), torch.arange(8)
    budget, spent = Linf(eps=8), 320
    before = goal.judge(x, items).loss
    gains = {}
    for attack in (
        FeatureRegression(queries=spent, enough=None),
        SPSA(queries=spent, directions=16, step=1 / 8, enough=None),
        NES(queries=spent, directions=16, step=1 / 8, enough=None),
    ):
        oracle = Oracle(goal, limit=spent)
        found = attack(x, items, oracle, budget, Streams(0))
        assert (oracle.asked(items) == spent).all()
        gains[attack.name] = before - goal.judge(found, items).loss
    assert (gains["FeatureRegression"] > 1.5 * gains["SPSA"]).all(), gains
    assert (gains["FeatureRegression"] > 1.5 * gains["NES"]).all(), gains


def test_the_step_is_in_grey_levels_and_needs_no_ball():
    goal, x = Linear(), pictures()
    attack = FeatureRegression(queries=32 * 5, enough=None)
    found = attack(x, torch.arange(3), goal, Linf(eps=float("inf")), Streams(0))
    change = ((found - x) * 255).abs()
    assert 4.9 < change.max() < 5.1


def test_a_goal_without_a_public_extractor_is_refused():
    goal = SimpleNamespace(judge=Linear().judge)
    with pytest.raises(IncompatibleError, match="offers no see"):
        FeatureRegression()(pictures(), torch.arange(3), goal, Linf(eps=8), Streams(0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"queries": 31}, "queries > directions"),
        ({"reach": 0}, "reach >= 1"),
        ({"antithetic": True}, "antithetic needs even directions"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ConfigError, match=message):
        FeatureRegression(**settings)


def test_the_authors_step_without_its_scale_only_darkens():
    world, x = Linear(), pictures()
    for darkens in (False, True):
        attack = FeatureRegression(queries=64, directions=31, enough=None, darkens=darkens)
        found = attack(x, torch.arange(3), world, Linf(eps=20), Streams(0))
        levels = ((found - x) * 255).round()
        assert levels.min() == -2  # two steps of a level each
        assert levels.max() == (0 if darkens else 2)
