"""The standard attacks: no setting, the worst of their members, signs of masked gradients."""

import logging
from types import SimpleNamespace

import pytest
import torch

from vrbench.attacks import standard
from vrbench.attacks.black_box.regression import FeatureRegression
from vrbench.attacks.black_box.square import Square
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.goal import TwoSpeed, Verdict
from vrbench.attacks.gradient.apgd import AutoPGD
from vrbench.attacks.masking import SIGNS, counts, noticed
from vrbench.attacks.standard import (
    StandardAttack,
    StandardAttack2,
    StandardAttack3,
    lists,
    sees,
    without_limit,
)
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.core.masking_counts import added, suspected
from vrbench.core.seeds import Streams, stream
from vrbench.core.spec import settings
from vrbench.objectives import Demote, Promote, PromoteLists
from vrbench.testing.attacks import classified_as, victim
from vrbench.testing.world import knowing, parts, toy_world


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Members that take a tenth of their time."""
    brief = {"AutoPGD": {"steps": 10}, "AdamPGD": {"steps": 40}, "Square": {"queries": 60}}
    for name, settings_ in brief.items():
        kind = getattr(standard, name)
        made = lambda kind=kind, fixed=settings_, **more: kind(**more | fixed)  # noqa: E731
        monkeypatch.setattr(standard, name, made)


def pictures(count=8):
    return torch.rand(count, 3, 16, 16, generator=stream(4)).mul(255).round().div(255)


def said(caplog):
    return [r.getMessage() for r in caplog.records if "masked" in r.getMessage()]


def test_it_has_no_setting_and_its_version_is_its_name():
    for number, kind in enumerate((StandardAttack, StandardAttack2, StandardAttack3), start=1):
        assert not settings(kind)
        assert kind.name == f"standard-{number}"


def test_no_member_alone_reaches_more(caplog):
    clean, items, goal = pictures(), torch.arange(8), classified_as(victim(), 0)
    budget = Linf(eps=24)
    with caplog.at_level(logging.WARNING):
        x = StandardAttack()(clean, items, goal, budget, Streams(0))
    reached = goal.judge(x, items).margin < 0
    assert 0 < reached.sum() < 8, "a case where it matters"
    for member in (AutoPGD(steps=10), AutoPGD(steps=10, descend="margin"), Square(queries=60)):
        alone = goal.judge(member(clean, items, goal, budget, Streams(0)), items).margin < 0
        assert not (alone & ~reached).any()
    assert said(caplog) == []


def test_questions_that_reach_what_gradients_do_not_are_named(caplog):
    """Answers in whole steps: no gradient anywhere, and yet darker is better."""

    def judge(x, items):
        level = x.flatten(1).mean(1) * 255
        stairs = (level - level.remainder(0.05)).detach() + 0 * x.flatten(1).sum(1)
        return Verdict(stairs, stairs - 127 + 2)

    clean = torch.full((8, 3, 16, 16), 127 / 255)
    goal, items = SimpleNamespace(judge=judge), torch.arange(8)
    with caplog.at_level(logging.WARNING):
        StandardAttack()(clean, items, goal, Linf(eps=16), Streams(0))
    flat, asked = said(caplog)
    assert flat == (
        "standard-1: gradients may be masked: the loss is flat at 8 of 8 clean pictures"
    )
    assert "Square reaches the aim for" in asked


def test_feature_regression_takes_part_where_the_extractor_is_public():
    clean, goal = pictures(2), classified_as(victim(), 0)
    assert not sees(goal, clean)
    public = SimpleNamespace(judge=goal.judge, see=lambda x: x.flatten(1))
    assert sees(public, clean)
    for aim, count in ((goal, 4), (public, 5)):
        assert len(StandardAttack().taking_part(clean, torch.arange(2), aim)) == count


@pytest.mark.parametrize("aim", [Promote, PromoteLists])
def test_for_promotion_auto_pgd_on_the_margin_repeats_that_on_the_loss(aim):
    items = torch.arange(4)
    images, goal = toy_world().catalogue.images[items], knowing(aim, k=5)
    loss, margin = (
        AutoPGD(steps=8, descend=what)(images, items, goal, Linf(eps=8), Streams(0))
        for what in ("loss", "margin")
    )
    assert (loss != images).any()
    assert torch.allclose(loss, margin, atol=1.5 / 255)  # a level where rounding decides
    assert (loss == margin).float().mean() > 0.99


def gained(goal, x, items):
    clean = toy_world().catalogue.images[items]
    return goal.judge(clean, items).loss - goal.judge(x, items).loss


@pytest.mark.parametrize("aim", [Promote, PromoteLists, Demote])
def test_for_promotion_loss_and_hinge_are_two(aim):
    """Each finds what is best by itself, and neither is a function of the other."""
    items = torch.arange(8)
    images, goal = toy_world().catalogue.images[items], knowing(aim, k=5)
    loss, hinge = (
        AutoPGD(steps=20, descend=what)(images, items, goal, Linf(eps=16), Streams(0))
        for what in ("loss", "hinge")
    )
    assert (loss != hinge).float().mean() > 0.1
    fell = goal.hinge(images, items) - goal.hinge(hinge, items)
    assert (fell > 0).all()
    assert fell.sum() >= (goal.hinge(images, items) - goal.hinge(loss, items)).sum()


def test_the_hinge_leads_out_of_where_the_loss_is_stuck():
    items = torch.arange(12)
    images, goal = toy_world().catalogue.images[items], knowing(PromoteLists, k=5)
    loss, again, hinge = (
        gained(goal, AutoPGD(steps=20, descend=what)(images, items, goal, Linf(eps=64), rng), items)
        for what, rng in (("loss", Streams(0)), ("margin", Streams(0)), ("hinge", Streams(0)))
    )
    assert torch.maximum(loss, again).sum() < 1.001 * loss.sum()
    assert torch.maximum(loss, hinge).sum() > 1.03 * loss.sum()


@pytest.mark.parametrize("aim", [Promote, PromoteLists])
def test_each_standard_gains_at_least_what_the_one_before_does(aim):
    items = torch.arange(5)
    images, goal = toy_world().catalogue.images[items], knowing(aim, k=5)
    attacks = (StandardAttack(), StandardAttack2(), StandardAttack3())
    for attack in attacks:
        attack.attacks["regression"] = FeatureRegression(queries=64)
    first, second, third = (
        gained(goal, attack(images, items, goal, Linf(eps=64), Streams(0)), items)
        for attack in attacks
    )
    assert (second >= first - 1e-4 * first.abs()).all()
    assert (third >= second - 1e-4 * second.abs()).all()
    assert (second > 1.01 * first).any() or aim is Promote


def test_the_second_loss_is_the_hinge_of_lists_and_else_the_margin():
    items = torch.arange(2)
    of_classes, ranks = classified_as(victim(), 0), knowing(Promote, k=5)
    for goal, clean, what in (
        (of_classes, pictures(2), "margin"),
        (ranks, toy_world().catalogue.images[items], "hinge"),
    ):
        assert lists(goal, clean, items) is (what == "hinge")
        members = StandardAttack2().taking_part(clean, items, goal)
        found = [m.descend for m in members if isinstance(m, AutoPGD)]
        assert sorted(found) == sorted(["loss", "loss", what])


class Lots:
    """A linear goal whose slope is drawn: 5 by the shop's own draw, and else -1 or -3."""

    def __init__(self, salt=0):
        self.salt = salt

    def judge(self, x, items):
        slope = (-1.0 if self.salt % 2 else -3.0) if self.salt else 5.0
        loss = slope * x.flatten(1).mean(1)
        return Verdict(loss, loss + 9)

    def redrawn(self, salt):
        return Lots(salt)


@pytest.mark.parametrize("goal", [Lots(), TwoSpeed(Lots(), Lots())], ids=["one", "two speeds"])
def test_a_defence_that_draws_lots_is_judged_over_draws_by_standard_2_alone(goal, caplog):
    """What its own draw says is not what most draws say."""
    clean, items = torch.full((2, 3, 8, 8), 128 / 255), torch.arange(2)
    with caplog.at_level(logging.WARNING), noticed() as signs:
        first = StandardAttack()(clean, items, goal, Linf(eps=8), Streams(0))
    assert torch.allclose(first, clean - 8 / 255)
    assert "standard-1: a random defence was judged at one draw" in caplog.text
    assert counts(signs.table(items))["one draw"] == [2, 2]
    caplog.clear()
    with caplog.at_level(logging.WARNING), noticed() as signs:
        second = StandardAttack2()(clean, items, goal, Linf(eps=8), Streams(0))
    assert torch.allclose(second, clean + 8 / 255)
    assert "one draw" not in caplog.text
    assert "one draw" not in counts(signs.table(items))


def shattered(network):
    """A network of pictures in four levels a channel; its gradient is of a ripple upon it."""

    def answer(x):
        steps = network((x * 3).round() / 3).detach()
        return steps + 1e-4 * torch.sin(2e4 * x).flatten(1).sum(1, keepdim=True) * steps.sign()

    return answer


def test_gradients_that_lead_nowhere_are_named_and_those_that_do_are_not(caplog):
    clean, items = pictures(), torch.arange(8)
    told = {}
    for name, network in (("plain", victim()), ("shattered", shattered(victim()))):
        goal = classified_as(network, 1)
        with noticed() as signs, caplog.at_level(logging.WARNING):
            StandardAttack2()(clean, items, goal, Linf(eps=2), Streams(0))
        told[name] = counts(signs.table(items))
    assert told["plain"]["no limit fails"][1] > 2, "a case in which it is looked for"
    assert suspected(told["plain"]) == []
    assert "no limit fails" in suspected(told["shattered"])
    assert told["shattered"]["flat loss"][0] == 0
    (line,) = [t for t in said(caplog) if "without a limit" in t]
    assert line.startswith("standard-2: gradients may be masked: without a limit ")


def test_a_picture_of_another_item_tells_how_far_one_can_get(caplog):
    """An aim that nobody can reach is no sign, where all other items are as far from it."""

    def judge(x, items):
        loss = x.flatten(1).mean(1).clamp(min=0.4)
        return Verdict(loss, loss)

    clean, items = torch.full((4, 3, 8, 8), 0.45), torch.arange(4)
    clean = (clean * 255).round() / 255
    for example, named in ((0.9, 0), (0.1, 0), (None, 1)):
        goal = SimpleNamespace(judge=judge)
        if example is not None:
            shown = torch.full_like(clean, example)
            goal.example = lambda items, shown=shown: shown[: len(items)]
        with noticed() as signs:
            StandardAttack2()(clean, items, goal, Linf(eps=24), Streams(0))
        assert counts(signs.table(items))["no limit fails"] == [4 * named, 4]


def test_without_a_limit_a_picture_may_become_any_other():
    black, white = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    for budget in (Linf(eps=8), Linf(eps=8, space="normalised"), L2(eps=64)):
        wide = without_limit(budget, black)
        assert wide.store == budget.store
        assert torch.allclose(wide.project(white, black), white)
    assert without_limit(Linf(eps=128), black) is None


def test_signs_are_counted_by_item_and_added_over_blocks():
    with noticed() as outer:
        standard.notice("flat loss", torch.tensor([4, 9]), torch.tensor([True, False]))
        standard.notice("flat loss", torch.tensor([9]), torch.tensor([True]))
        standard.notice("no limit fails", torch.tensor([4]), torch.tensor([False]))
    table = outer.table(torch.tensor([9, 4, 7]))
    assert table.shape == (3, len(SIGNS))
    told = counts(table)
    assert told == {"flat loss": [2, 2], "no limit fails": [0, 1]}
    assert added([told, {"flat loss": [0, 50]}]) == {"flat loss": [2, 52], "no limit fails": [0, 1]}
    assert suspected(told) == ["flat loss"]
    assert not suspected(added([told, {"flat loss": [0, 50]}]))


def test_a_run_keeps_its_signs(tmp_path):
    attack = StandardAttack()
    attack.attacks = {"apgd loss": AutoPGD(steps=2), "square": Square(queries=5)}
    results = [run(**parts(attack=attack), store=Store(tmp_path)) for _ in range(2)]
    first, again = (result.crafted for result in results)
    assert first.masking == again.masking
    assert first.masking == {"flat loss": [0, len(first.clean)]}  # all are led to the aim at once
    plain = run(**parts(), store=Store(tmp_path)).crafted
    assert plain.masking == {}
