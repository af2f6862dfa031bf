"""Auto-PGD: a known optimum, its checkpoints, its own step, and what other codes find."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch

from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.goal import Verdict
from vrbench.attacks.gradient.apgd import AutoPGD, Ratio, Span, checkpoints
from vrbench.attacks.gradient.pgd import PGD
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
    with pytest.raises(ConfigError, match="expected loss, margin or dlr, got 'ce'"):
        AutoPGD(descend="ce")
    clean, items = pictures(2), torch.arange(2)
    few = Classified(lambda x: victim()(x)[:, :3], away=0)
    with pytest.raises(IncompatibleError, match="at least 4 classes, here are 3"):
        AutoPGD(descend="dlr")(clean, items, few, Linf(eps=4), Streams(0))
    with pytest.raises(IncompatibleError, match="offers no classes"):
        AutoPGD(descend="dlr")(clean, items, Redder(), Linf(eps=4), Streams(0))
