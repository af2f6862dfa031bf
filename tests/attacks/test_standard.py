"""standard-1: no setting, the worst of its members, and signs of masked gradients."""

import logging
from types import SimpleNamespace

import pytest
import torch

from vrbench.attacks import standard
from vrbench.attacks.black_box.square import Square
from vrbench.attacks.budget import Linf
from vrbench.attacks.goal import Verdict
from vrbench.attacks.gradient.apgd import AutoPGD
from vrbench.attacks.standard import StandardAttack, sees
from vrbench.core.seeds import Streams, stream
from vrbench.core.spec import settings
from vrbench.objectives import Promote, PromoteLists
from vrbench.testing.attacks import classified_as, victim
from vrbench.testing.world import knowing, toy_world


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Members that take a tenth of their time."""
    brief = {"AutoPGD": {"steps": 10}, "Square": {"queries": 60}}
    for name, settings_ in brief.items():
        kind = getattr(standard, name)
        made = lambda kind=kind, fixed=settings_, **more: kind(**more | fixed)  # noqa: E731
        monkeypatch.setattr(standard, name, made)


def pictures(count=8):
    return torch.rand(count, 3, 16, 16, generator=stream(4)).mul(255).round().div(255)


def said(caplog):
    return [r.getMessage() for r in caplog.records if "masked" in r.getMessage()]


def test_it_has_no_setting_and_its_version_is_its_name():
    assert not settings(StandardAttack)
    assert StandardAttack.name == "standard-1"


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
        assert len(StandardAttack().taking_part(clean, aim)) == count


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
