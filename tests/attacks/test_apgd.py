"""Auto-PGD: a known optimum, its checkpoints, its own step, and what other codes find."""

from functools import partial
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import torch

from tests.attacks.test_wrapped import check_as_many_away
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.goal import Classes, Verdict
from vrbench.attacks.gradient.apgd import (
    AutoPGD,
    Ratio,
    Span,
    TargetedAutoPGD,
    ToClass,
    checkpoints,
)
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.wrapped import Wrapped
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract, Classified, classified_as, victim
from vrbench.testing.world import Redder


class TestAutoPGD(AttackContract):
    make = partial(AutoPGD, steps=20)


class TestAutoPGDOnTheMargin(AttackContract):
    make = partial(AutoPGD, steps=20, restarts=2, descend="margin")


def pictures(count=12):
    return torch.rand(count, 3, 16, 16, generator=stream(4)).mul(255).round().div(255)


def test_checkpoints_are_the_paper_s():
    """Shares of .22, .19, .16, .13, .10, .07 and then .06 of all steps."""
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(1) == [1]


def test_who_is_stuck():
    """Item 0 got on in 3 of 4 steps, 1 in 2, 2 in all but its best did not fall, 3 was halved."""
    span = Span(torch.zeros(4), halved=torch.tensor([False, False, False, True]))
    fell = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 1], [1, 0, 1, 1], [0, 0, 1, 1]]).bool()
    for step in fell:
        span.count(step)
    best = torch.tensor([-1.0, -1.0, 0.0, 0.0])
    assert span.ends(best).tolist() == [False, True, True, False]


def test_steps_are_halved_where_the_first_is_too_long():
    """A narrow valley: two radii jump over it for ever, halves of them fall into it."""

    def judge(x, items):
        away = (x - 0.51).flatten(1).square().sum(1)
        return Verdict(away, away + 1)

    clean = torch.full((2, 3, 8, 8), 0.5).mul(255).round().div(255)
    budget = Linf(eps=50, store="float")
    goal, items = SimpleNamespace(judge=judge), torch.arange(2)
    x = AutoPGD(steps=100)(clean, items, goal, budget, Streams(0))
    fixed = PGD(steps=100, step=2.0)(clean, items, goal, budget, Streams(0))
    assert (x - 0.51).abs().mean() < 0.02
    assert (fixed - 0.51).abs().mean() > 0.1


@pytest.mark.parametrize("budget", [Linf(eps=6), L2(eps=120)])
def test_it_gets_at_least_as_far_as_pgd_with_as_many_gradients(budget):
    clean, items = pictures(), torch.arange(12)
    goal = classified_as(victim(), 1)
    found = AutoPGD(steps=40)(clean, items, goal, budget, Streams(1))
    other = PGD(steps=40)(clean, items, goal, budget, Streams(1))
    ours, theirs = (goal.judge(x, items).loss.mean() for x in (found, other))
    assert ours <= theirs + 0.01 * theirs.abs()


def test_the_ratio_is_that_of_the_paper_and_no_scale_changes_it():
    logits = torch.tensor([[1.0, 5.0, 4.0, 2.0, 0.0]])
    away = Ratio(Classified(lambda x: logits, away=1)).judge(pictures(1), torch.arange(1))
    assert away.loss.item() == pytest.approx((5 - 4) / (5 - 2))  # first less third
    to = Ratio(Classified(lambda x: logits, towards=2)).judge(pictures(1), torch.arange(1))
    assert to.loss.item() == pytest.approx((5 - 4) / (5 - (2 + 1) / 2))
    large = Ratio(Classified(lambda x: 1e4 * logits, towards=2)).judge(pictures(1), torch.arange(1))
    assert large.loss.item() == pytest.approx(to.loss.item())


def test_the_ratio_finds_what_a_vanishing_loss_hides():
    """Logits of huge scale: the cross-entropy of a pictured class has no gradient left."""
    clean, items = pictures(), torch.arange(12)
    network = victim()
    goal = Classified(lambda x: 1e4 * network(x), towards=1)

    class Entropy(Classified):
        def judge(self, x, items):
            logits = self.classes(x, items).logits
            chance = torch.softmax(-logits, 1)[:, 1]  # all ones or zeros: flat
            return Verdict(chance, self.classes(x, items).ahead()[1])

    flat = Entropy(goal.network, towards=1)
    blind = AutoPGD(steps=20)(clean, items, flat, Linf(eps=12), Streams(0))
    seeing = AutoPGD(steps=20, descend="dlr")(clean, items, flat, Linf(eps=12), Streams(0))
    lost, won = ((goal.judge(x, items).margin < 0).sum() for x in (blind, seeing))
    assert won > lost


def test_settings_and_goals_that_do_not_fit_are_named():
    with pytest.raises(ConfigError, match="expected loss, margin, dlr or hinge, got 'ce'"):
        AutoPGD(descend="ce")
    clean, items = pictures(2), torch.arange(2)
    few = Classified(lambda x: victim()(x)[:, :3], away=0)
    with pytest.raises(IncompatibleError, match="at least 4 classes, here are 3"):
        AutoPGD(descend="dlr")(clean, items, few, Linf(eps=4), Streams(0))
    with pytest.raises(IncompatibleError, match="offers no classes"):
        AutoPGD(descend="dlr")(clean, items, Redder(), Linf(eps=4), Streams(0))


class TestAPGDT(AttackContract):
    make = partial(TargetedAutoPGD, steps=10, targets=3)


def test_the_targeted_ratio_is_the_lead_over_one_class():
    logits = torch.tensor([[1.0, 5.0, 4.0, 2.0, 0.0]])
    goal = ToClass(Classified(lambda x: logits, away=1), torch.tensor([3]))
    found = goal.judge(pictures(1), torch.arange(1))
    assert found.loss.item() == pytest.approx((5 - 2) / (5 - (2 + 1) / 2))
    assert found.margin.item() == pytest.approx(1.0)


def test_other_classes_come_by_their_logits():
    logits = torch.tensor([[1.0, 5.0, 4.0, 2.0, 0.0], [9.0, 5.0, 4.0, 2.0, 6.0]])
    assert Classes(logits, None, 1).others(3).tolist() == [[2, 3, 0], [0, 4, 2]]
    assert Classes(logits, None, 1).others(9).shape == (2, 4)


def test_it_gets_away_to_a_class_that_the_highest_logit_hides():
    """Class 1 is the likeliest other one and out of reach; class 3 is not."""
    w = torch.zeros(5, 3 * 16 * 16)
    w[3] = torch.randn(768, generator=stream(2)).sign() / 20

    def network(x):
        return (x - 0.5).flatten(1) @ w.T + torch.tensor([2.0, 1.9, 1.5, 1.0, 0.0])

    clean, items = torch.full((2, 3, 16, 16), 128 / 255), torch.arange(2)
    goal, budget = Classified(network, away=0), Linf(eps=8)
    one = TargetedAutoPGD(steps=5, targets=1)(clean, items, goal, budget, Streams(0))
    all_of = TargetedAutoPGD(steps=5, targets=4)(clean, items, goal, budget, Streams(0))
    assert (goal.judge(one, items).margin > 0).all()
    assert (goal.judge(all_of, items).margin < 0).all()


def test_without_a_class_to_get_away_from_it_is_auto_pgd():
    clean, items = pictures(4), torch.arange(4)
    goal = Classified(victim(), towards=1)
    ours = TargetedAutoPGD(steps=8)(clean, items, goal, Linf(eps=6), Streams(1))
    plain = AutoPGD(steps=8, descend="dlr")(clean, items, goal, Linf(eps=6), Streams(1))
    assert torch.equal(ours, plain)
    ours = TargetedAutoPGD(steps=8)(clean, items, Redder(), Linf(eps=6), Streams(1))
    plain = AutoPGD(steps=8, descend="margin")(clean, items, Redder(), Linf(eps=6), Streams(1))
    assert torch.equal(ours, plain)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torchattacks") is None, reason="no torchattacks")
def test_it_gets_as_many_away_as_torchattacks():
    other = Wrapped(
        library="torchattacks",
        attack="APGDT",
        settings={"steps": 20, "n_classes": 4},
        radii={"eps": 1.0},
    )
    check_as_many_away(TargetedAutoPGD(steps=20), other)
