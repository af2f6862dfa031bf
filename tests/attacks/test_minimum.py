"""Attacks that look for the smallest change, on goals whose smallest change is known."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.goal import TwoSpeed, Verdict
from vrbench.attacks.minimum_norm.cw import CW
from vrbench.attacks.minimum_norm.ddn import DDN
from vrbench.attacks.minimum_norm.deepfool import DeepFool
from vrbench.attacks.minimum_norm.fmn import FMN
from vrbench.attacks.minimum_norm.lbfgs import LBFGS
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream
from vrbench.data.sources.colours import colours
from vrbench.testing.attacks import AttackContract, Classified, Redder, victim

INF = float("inf")
FREE, FREE_LINF = L2(eps=INF, store="float"), Linf(eps=INF, store="float")
EXACT = partial(DeepFool, overshoot=0.0)
# What finds how near a nearest point, and in which norm.
FINDS = [(EXACT, FREE), (EXACT, FREE_LINF), (FMN, FREE), (FMN, FREE_LINF), (DDN, FREE)]
FINDS += [(partial(LBFGS, tolerance=0.005), FREE)]
KINDS = [DeepFool, FMN, DDN, LBFGS]


class TestDeepFool(AttackContract):
    make = DeepFool
    beats_noise = False  # these stop at the nearest success, not at the end of the ball


class TestFMN(AttackContract):
    make = partial(FMN, steps=20)
    beats_noise = False


class TestDDN(AttackContract):
    make = partial(DDN, steps=20)
    beats_noise = False


class TestLBFGS(AttackContract):
    make = partial(LBFGS, search_steps=4, steps=8)
    beats_noise = False


def goal_of(margin):
    return SimpleNamespace(judge=lambda x, items: Verdict(margin(x), margin(x)))


def pictures(n=5, size=8):
    return 0.4 + 0.2 * torch.rand(n, 3, size, size, generator=stream(0))


def distance(x, clean, budget):
    return budget.spent(x, clean) / 255


@pytest.mark.parametrize(("make", "budget"), FINDS)
def test_the_nearest_point_of_a_plane(make, budget):
    clean, weight = pictures(), torch.randn(192, generator=stream(1))
    bias = 0.5 - (clean.flatten(1) @ weight).amin()
    goal = goal_of(lambda x: x.flatten(1) @ weight + bias)
    dual = weight.norm() if isinstance(budget, L2) else weight.abs().sum()
    expected = goal.judge(clean, None).margin / dual
    x = make()(clean, torch.arange(5), goal, budget, Streams(0))
    assert (goal.judge(x, None).margin < 0).all()
    found = distance(x, clean, budget)
    assert (found >= 0.9999 * expected).all()
    assert (found <= (1.005 if make is EXACT else 1.02) * expected).all()


@pytest.mark.parametrize("budget", [FREE, FREE_LINF])
def test_deepfool_needs_one_step_for_a_plane(budget):
    clean, weight = pictures(), torch.randn(192, generator=stream(1))
    asked = []

    def margin(x):
        asked.append(len(x))
        return x.flatten(1) @ weight + 30

    goal = SimpleNamespace(judge=lambda x, items: Verdict(*[margin(x)] * 2))
    x = DeepFool()(clean, torch.arange(5), goal, budget, Streams(0))
    assert asked == [5, 5]  # the clean pictures, and those after one step
    dual = weight.norm() if isinstance(budget, L2) else weight.abs().sum()
    expected = 1.02 * (clean.flatten(1) @ weight + 30) / dual
    assert torch.allclose(distance(x, clean, budget), expected, rtol=2e-3)


@pytest.mark.parametrize(("make", "budget"), [f for f in FINDS if f[1] is FREE])
@pytest.mark.parametrize("inwards", [True, False])
def test_the_nearest_point_of_a_sphere(make, budget, inwards):
    """From outside of a ball to it (convex), and from inside to its outside."""
    clean = pictures()
    away = (clean - 0.5).flatten(1)
    if inwards:
        goal = goal_of(lambda x: (x - 0.5).flatten(1).square().sum(1) - 0.3**2)
        expected = away.norm(dim=1) - 0.3
    else:
        goal = goal_of(lambda x: 1.2**2 - (x - 0.5).flatten(1).square().sum(1))
        expected = 1.2 - away.norm(dim=1)
    x = make()(clean, torch.arange(5), goal, budget, Streams(0))
    assert (goal.judge(x, None).margin < 0).all()
    found = distance(x, clean, budget)
    assert (found >= 0.9999 * expected).all()
    # Each of DeepFool's steps trusts the slope, and this surface bends away from it.
    assert (found <= (1.35 if make is EXACT and not inwards else 1.02) * expected).all()


@pytest.mark.parametrize(("make", "budget"), FINDS)
def test_a_plane_that_the_box_is_in_the_way_of(make, budget):
    """A page white on one half: what is needed is found among the values that can move."""
    clean = torch.full((2, 3, 8, 8), 0.5)
    clean[:, :, :4] = 1.0
    clean[1] = 1 - clean[1]
    weight = torch.cat([torch.full((96,), -3.0), torch.full((96,), 0.5)]).reshape(2, 3, 4, 8)
    weight = torch.cat([weight[0], weight[1]], 1).flatten()  # pushes white above white
    sign = torch.tensor([1.0, -1.0])
    bias = -sign * (clean.flatten(1) @ weight) + 1.0
    goal = SimpleNamespace(
        judge=lambda x, i: Verdict(*[sign[i] * (x.flatten(1) @ weight) + bias[i]] * 2)
    )
    free = weight[weight > 0]
    expected = 1.0 / (free.norm() if isinstance(budget, L2) else free.sum())
    items = torch.arange(2)
    x = make()(clean, items, goal, budget, Streams(0))
    assert (goal.judge(x, items).margin < 0).all()
    assert torch.allclose(distance(x, clean, budget), expected.expand(2), rtol=0.02)


@pytest.mark.parametrize("budget", [FREE, FREE_LINF])
@pytest.mark.parametrize("num_classes", [3, 30])
def test_deepfool_goes_to_the_nearest_of_all_boundaries(budget, num_classes):
    clean = pictures(12)
    weight = torch.randn(num_classes, 192, generator=stream(2))
    weight *= torch.linspace(0.5, 3, num_classes)[:, None]  # the largest logit is not the nearest
    logits = clean.flatten(1) @ weight.T
    bias = torch.zeros(num_classes)
    bias[0] = (logits.amax(1) - logits[:, 0]).amax() + 1
    goal = Classified(lambda x: x.flatten(1) @ weight.T + bias, away=0)
    logits = logits + bias
    gap = logits[:, :1] - logits[:, 1:]
    normal = weight[:1] - weight[1:]
    dual = normal.norm(dim=1) if isinstance(budget, L2) else normal.abs().sum(1)
    nearest, which = (gap / dual).min(1)
    assert (which != gap.argmin(1)).any()
    attack = DeepFool(overshoot=0.0, candidates=num_classes)
    x = attack(clean, torch.arange(12), goal, budget, Streams(0))
    assert torch.equal((x.flatten(1) @ weight.T + bias).argmax(1), which + 1)
    assert torch.allclose(distance(x, clean, budget), nearest, rtol=0.005)
    assert goal.forwards == 2  # and one of them told the slopes of all classes
    few = DeepFool(overshoot=0.0, candidates=1)(clean, torch.arange(12), goal, budget, Streams(0))
    assert (distance(few, clean, budget) > 1.01 * nearest).any()


@pytest.mark.parametrize("budget", [FREE, FREE_LINF])
def test_the_overshoot_lengthens_the_sum_of_all_steps(budget):
    """Not each step from where the last one overshot to (as torchattacks does)."""
    clean = pictures(1)
    goal = goal_of(lambda x: (x - 0.5).flatten(1).square().sum(1) - 0.2**2)
    total, x, steps = torch.zeros_like(clean), clean, 0
    while goal.judge(x, None).margin >= 0:
        slope = 2 * (x - 0.5)
        unit = slope / slope.norm() if isinstance(budget, L2) else slope.sign()
        total = total - goal.judge(x, None).margin / (slope * unit).sum() * unit
        x, steps = clean + 1.1 * total, steps + 1
    assert steps > 1
    found = DeepFool(overshoot=0.1)(clean, torch.arange(1), goal, budget, Streams(0))
    assert torch.allclose(found, x, atol=1e-4)


@pytest.fixture(scope="module")
def taught():
    """A network that tells three colours apart, and pictures that it gets right."""
    world = colours(num_items=96)
    x, y = world.catalogue.images[torch.arange(96)], world.catalogue.categories
    x = (x - 0.55) * 0.4 + 0.5 + 0.1 * torch.randn(x.shape, generator=stream(4))
    x = x.clamp(0, 1).mul(255).round() / 255
    network = nn.Sequential(
        *[nn.Conv2d(3, 8, 5, 2), nn.Softplus(), nn.Conv2d(8, 16, 3, 2), nn.Softplus()],
        *[nn.Flatten(), nn.Linear(64, 3)],
    )
    for n, parameter in enumerate(network.parameters()):
        scale = 0.1 if parameter.ndim > 1 else 0.0
        parameter.data = scale * torch.randn(parameter.shape, generator=stream(5, n))
    descent = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(60):
        descent.zero_grad()
        nn.functional.cross_entropy(network(x[:72]), y[:72]).backward()
        descent.step()
    network.requires_grad_(False).eval()
    x, y = x[72:], y[72:]
    right = network(x).argmax(1) == y
    assert right.float().mean() > 0.9
    return network, x[right & (y == 0)], torch.arange(int((right & (y == 0)).sum()))


@pytest.mark.parametrize("aim", [{"away": 0}, {"towards": 2}])
@pytest.mark.parametrize("make", [FMN, DDN])
def test_no_longer_a_change_than_carlini_and_wagner_need(taught, aim, make):
    network, clean, items = taught
    goal = Classified(network, **aim)
    slow = CW(search_steps=9, steps=200)(clean, items, goal, FREE, Streams(0))
    x = make()(clean, items, goal, FREE, Streams(0))
    for found in (slow, x):
        assert (goal.judge(found, items).margin < 0).all()
    assert distance(x, clean, FREE).mean() <= 1.05 * distance(slow, clean, FREE).mean()


def rounded_success(make, clean, items, goal, budget):
    """Return the pictures found, which are of 8 bits and all reach the goal."""
    x = make()(clean, items, goal, budget, Streams(0))
    assert torch.equal(x, (x * 255).round() / 255)
    assert (goal.judge(x, items).margin < 0).all()
    return x


@pytest.mark.parametrize("aim", [{"away": 0}, {"towards": 2}])
@pytest.mark.parametrize("make", [DeepFool, FMN])
def test_success_survives_rounding_in_linf_too(taught, aim, make):
    (_, clean, items), goal, budget = taught, Classified(taught[0], **aim), Linf(eps=INF)
    x = rounded_success(make, clean, items, goal, budget)
    found = budget.spent(x, clean)
    assert torch.allclose(found, found.round(), atol=1e-3)
    free = make()(clean, items, goal, FREE_LINF, Streams(0))
    assert (found < budget.spent(free, clean) + 2).all()


@pytest.mark.parametrize("aim", [{"away": 0}, {"towards": 2}])
@pytest.mark.parametrize("make", KINDS)
def test_success_survives_rounding(taught, aim, make):
    (_, clean, items), goal, budget = taught, Classified(taught[0], **aim), L2(eps=INF)
    x = rounded_success(make, clean, items, goal, budget)
    free = make()(clean, items, goal, FREE, Streams(0))
    rounded = budget.finish(free, clean)
    if make is not DeepFool:  # or it would be nothing to survive; DeepFool goes far enough
        assert not (goal.judge(rounded, items).margin < 0).all()
    assert (distance(x, clean, budget) < 1.3 * distance(free, clean, FREE) + 0.05).all()


@pytest.mark.parametrize("make", KINDS)
def test_confidence_is_passed_by(make):
    clean, weight = pictures(), torch.randn(192, generator=stream(1))
    goal = goal_of(lambda x: (x - clean).flatten(1) @ weight + 1.0)
    x = make(confidence=0.5)(clean, torch.arange(5), goal, FREE, Streams(0))
    margin = goal.judge(x, None).margin
    assert (margin < -0.5).all()
    assert (margin > -0.6).all()


@pytest.mark.parametrize("make", KINDS)
def test_success_is_decided_by_the_exact_judge(make):
    """The quick one is off by 0.2 either way, item by item; no success is taken from it."""
    clean, weight = pictures(), torch.randn(192, generator=stream(1))
    off = torch.tensor([-0.2, 0.2, -0.2, 0.0, 0.2])

    def judge(x, items, off=off * 0):
        margin = (x - clean[items]).flatten(1) @ weight + 1.0
        return Verdict(*[margin + off[items]] * 2)

    goal = TwoSpeed(SimpleNamespace(judge=partial(judge, off=off)), SimpleNamespace(judge=judge))
    items = torch.arange(5)
    x = make()(clean, items, goal, FREE, Streams(0))
    assert (judge(x, items).margin < 0).all()
    far = 1.25 if make is DeepFool else 1.1  # it never turns back from where the quick one led
    assert (distance(x, clean, FREE) < far / weight.norm()).all()


@pytest.mark.parametrize("make", KINDS)
def test_what_cannot_succeed_returns_its_best_try(world, make):
    items = torch.arange(3)
    clean = world.catalogue.images[items]
    goal = goal_of(lambda x: Redder().judge(x, None).loss + 1)
    x = make()(clean, items, goal, FREE, Streams(0))
    assert (x[:, 0].mean((1, 2)) < clean[:, 0].mean((1, 2)) - 0.01).all()


@pytest.mark.parametrize("make", KINDS)
def test_white_and_black_pages_move(make):
    clean = torch.stack([torch.ones(3, 16, 16), torch.zeros(3, 16, 16)])
    network = victim()
    for target in range(4):
        goal, items = Classified(network, towards=target), torch.arange(2)
        there = goal.judge(clean, items).margin < 0
        x = make()(clean, items, goal, L2(eps=INF), Streams(0))
        assert (goal.judge(x, items).margin < 0).all()
        assert torch.equal((x == clean).flatten(1).all(1), there)


@pytest.mark.parametrize("aim", [{"away": 0}, {"towards": 2}])
@pytest.mark.parametrize("make", KINDS)
def test_company_changes_nothing_for_classes_either(taught, aim, make):
    network, clean, items = taught
    goal = Classified(network, **aim)
    together = make()(clean, items, goal, L2(eps=INF), Streams(0))
    alone = [make()(clean[[i]], items[[i]], goal, L2(eps=INF), Streams(0)) for i in range(4)]
    assert torch.equal(torch.cat(alone), together[:4])


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (DeepFool, {"candidates": 0}),
        (FMN, {"gamma": 1}),
        (DDN, {"initial": 0.0}),
        (LBFGS, {"history": 0}),
    ],
)
def test_settings_out_of_range_are_named(make, wrong):
    with pytest.raises(ConfigError, match=f"{make.name}: expected"):
        make(**wrong)
