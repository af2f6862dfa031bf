from functools import partial

import pytest
import torch

from vrbench.attacks.black_box.gradient_estimation import NES
from vrbench.attacks.budget import Linf
from vrbench.attacks.goal import TwoSpeed, Verdict
from vrbench.attacks.gradient.eot import Expected
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.minimum_norm.cw import CW
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream
from vrbench.extractors.defences.random_resize import RandomResize
from vrbench.extractors.inference_copy import swift
from vrbench.extractors.small import SmallCNN
from vrbench.testing.attacks import AttackContract, Redder
from vrbench.threats.case import Case
from vrbench.threats.objectives.misclassification import TargetClass


class TestExpected(AttackContract):
    make = partial(Expected, PGD(), samples=3)


class TestExpectedCW(AttackContract):
    make = partial(Expected, CW(steps=40), samples=3)


class Loaded:
    """A linear goal whose slope is drawn: what is true of all draws is up to their mean."""

    slopes = (-5.0, 2.0, -1.0, 1.0)  # of the shop's draw, then of the adversary's

    def __init__(self, salt=0):
        self.salt = salt

    def judge(self, x, items):
        loss = self.slopes[self.salt] * x.flatten(1).mean(1)
        return Verdict(loss, loss)

    def redrawn(self, salt):
        return Loaded(salt)


def test_it_descends_the_mean_over_its_own_draws():
    """Of slopes 2, -1 and 1 the mean is 2/3: down; the shop's own draw, -5, says up."""
    clean, items = torch.full((2, 3, 4, 4), 128 / 255), torch.arange(2)
    step = PGD(steps=4, random_start=False)

    def found(attack):
        return attack(clean, items, Loaded(), Linf(eps=8), Streams(0))

    assert torch.allclose(found(Expected(step, samples=3)), clean - 8 / 255)
    assert torch.allclose(found(step), clean + 8 / 255)
    mean = Expected(step, samples=3)._averaged(Loaded()).judge(clean, items)
    assert torch.allclose(mean.loss, torch.full((2,), 2 / 3 * 128 / 255))


@pytest.mark.parametrize("inner", [PGD(), CW(steps=30)])
def test_where_nothing_is_drawn_it_is_the_inner_attack(inner, world, extractor):
    items = torch.arange(6)
    clean, c = world.catalogue.images[items], world.catalogue
    case = Case(source="red", target="blue", names=c.names, labels=c.categories, items=items)
    for goal in (Redder(), TargetClass(case, extractor)):
        ours = Expected(inner, samples=3)(clean, items, goal, Linf(eps=8), Streams(0))
        assert torch.equal(ours, inner(clean, items, goal, Linf(eps=8), Streams(0)))


@pytest.fixture(scope="module")
def shop(world):
    network = SmallCNN(width=4)
    network.build(world.catalogue.names)
    network.redraw(stream(1))
    made = RandomResize(network, reach=0.5)
    return made.eval().requires_grad_(False)


@pytest.fixture
def case(world):
    c = world.catalogue
    red = torch.nonzero(c.categories == 0).squeeze(1)
    return Case(source="red", target="blue", names=c.names, labels=c.categories, items=red)


def test_averaging_beats_one_draw_where_the_draw_is_not_known(shop, case, world):
    """On the shop's own draw, which neither attack is told for the finished picture."""
    clean = world.catalogue.images[case.items]
    goal = TargetClass(case, swift(shop))
    loss = {}
    for attack in (PGD(), Expected(PGD(), samples=8)):
        x = attack(clean, case.items, goal, Linf(eps=16), Streams(0))
        loss[attack.name] = goal.judge(x, case.items).loss.mean()
    assert loss["Expected"] < loss["PGD"] < goal.judge(clean, case.items).loss.mean()


def test_company_and_order_change_nothing_where_lots_are_drawn(shop, case, world):
    goal, items = TargetClass(case, swift(shop)), case.items[:6]
    clean, attack = world.catalogue.images[items], Expected(PGD(steps=4), samples=2)

    def run(rows):
        return attack(clean[rows], items[rows], goal, Linf(eps=16), Streams(0))

    together = run(torch.arange(6))
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    assert torch.equal(run(order), together[order])
    parts = [run(rows) for rows in (torch.arange(2), torch.arange(2, 6))]
    assert torch.equal(torch.cat(parts), together)


def test_two_speeds_are_both_averaged(shop, case, world):
    quick = TargetClass(case, swift(shop, dtype=torch.bfloat16))
    exact = TargetClass(case, swift(shop))
    averaged = Expected(CW(), samples=2)._averaged(TwoSpeed(quick, exact))
    assert isinstance(averaged, TwoSpeed)
    x = world.catalogue.images[case.items]
    theirs = [exact.redrawn(n).judge(x, case.items).margin for n in (1, 2)]
    ours = averaged.confirm(x, case.items).margin
    assert torch.allclose(ours, torch.stack(theirs).mean(0), atol=1e-5)
    assert averaged.judge(x, case.items).margin.ne(ours).any()


def test_redrawn_aims_differ_and_say_all_the_rest(shop, case, world):
    goal = TargetClass(case, shop, world.catalogue.images)
    mean = Expected(PGD(), samples=2)._averaged(goal)
    x = world.catalogue.images[case.items]
    first, second = (goal.redrawn(n) for n in (1, 2))
    logits = (first.classes(x, case.items).logits + second.classes(x, case.items).logits) / 2
    assert torch.allclose(mean.classes(x, case.items).logits, logits)
    assert mean.classes(x, case.items).towards == goal.target
    assert torch.allclose(mean.see(x), (first.see(x) + second.see(x)) / 2)
    assert torch.equal(mean.example(case.items), goal.example(case.items))
    assert not torch.equal(first.see(x), goal.see(x))
    assert goal.extractor is shop


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match=r"Expected\.samples: expected 1 or more, got 0"):
        Expected(PGD(), samples=0)
    with pytest.raises(ConfigError, match="averages gradients, and NES sees none"):
        Expected(NES())
