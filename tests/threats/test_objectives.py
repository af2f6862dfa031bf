from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vrbench.attacks.budget import Linf
from vrbench.attacks.gradient.adam import AdamPGD
from vrbench.attacks.gradient.pgd import PGD
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import Streams, stream
from vrbench.core.visuals import Signal, Table
from vrbench.extractors.base import Extractor, Features
from vrbench.recommenders.base import Recommender, Sizes
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.threats.objectives.feature_matching import MatchFeatures
from vrbench.threats.objectives.misclassification import TargetClass, Untargeted
from vrbench.threats.objectives.promotion import Demote, Promote
from vrbench.threats.scenario.base import Scenario


class Means(Extractor):
    """Its vector and logits are the mean of each channel, times 10."""

    name = "test.Means"
    classes = ("red", "green", "blue")

    def forward(self, pixels):
        mean = 10 * pixels.mean((2, 3))
        return Features(mean, mean[:, None], mean)


class Dot(Recommender):
    """Scores are dot products of users with what the items look like, plus a bias per item."""

    name = "test.Dot"
    signal = Signal.VECTOR

    def __init__(self, users, bias):
        super().__init__()
        self.users, self.bias = nn.Parameter(users), nn.Parameter(bias)

    def fit(self, train, valid, visuals, rng):
        raise AssertionError

    def encode(self, items, visuals):
        return visuals[items], self.bias[items]

    def score(self, users, encoded):
        return self.users[users] @ encoded[0].T + encoded[1]


@pytest.fixture
def case(world):
    return Scenario(source="red", target="blue").choose(
        torch.zeros(3), world.catalogue.categories, world.catalogue.names
    )


def pictures(n=4):
    return torch.rand(n, 3, 8, 8, generator=stream(0, "pictures"))


def test_target_class_is_cross_entropy_and_the_logit_gap(case):
    x, items = pictures(), torch.arange(4)
    verdict = TargetClass(case, Means()).judge(x, items)
    logits = 10 * x.mean((2, 3))
    assert torch.allclose(
        verdict.loss, F.cross_entropy(logits, torch.full((4,), 2), reduction="none")
    )
    assert torch.allclose(verdict.margin, logits[:, :2].amax(1) - logits[:, 2])
    assert ((verdict.margin < 0) == (logits.argmax(1) == 2)).all()


def test_untargeted_is_reached_by_any_other_class(case):
    x = pictures()
    goal = Untargeted(case, Means())
    assert (goal.reached(x, torch.arange(4)) == (x.mean((2, 3)).argmax(1) != 0)).all()


def test_an_extractor_without_the_class_is_incompatible(case):
    other = Means()
    other.classes = ("red", "green", "black")
    with pytest.raises(IncompatibleError, match="no class 'blue'"):
        TargetClass(case, other)


def test_match_features_hooks_on_the_most_popular_item_of_the_target(case, world):
    goal = MatchFeatures(case, Means(), world.catalogue.images, world.train)
    popularity = world.train.popularity.clone()
    popularity[world.catalogue.categories != 2] = -1
    assert goal.hooked == int(popularity.argmax())
    hook = world.catalogue.images[torch.tensor([goal.hooked])]
    verdict = goal.judge(torch.cat([hook, 1 - hook]), torch.arange(2))
    assert verdict.loss[0] == pytest.approx(0, abs=1e-6)
    assert verdict.margin[0] < 0 < verdict.margin[1]


def test_a_hook_can_be_named(case, world):
    """By row, or by the name it has outside; the distance is that to its features."""
    named = replace(case, item_ids=tuple(f"product {n}" for n in range(36)))
    for item in (7, "product 7"):
        goal = MatchFeatures(
            named, Means(), world.catalogue.images, world.train, hook="item", hook_item=item
        )
        hook = world.catalogue.images[torch.tensor([7])]
        assert torch.equal(goal.example(torch.arange(2)), hook.expand(2, -1, -1, -1))
        x = torch.rand(2, 3, 16, 16, generator=stream(0, "pictures"))
        aim = 10 * hook.mean((2, 3))
        away = (10 * x.mean((2, 3)) - aim).square().sum(1) / aim.square().sum()
        assert torch.allclose(goal.judge(x, torch.arange(2)).loss, away, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hook": "item", "hook_item": 36}, r"expected a row in 0\.\.35, got 36"),
        ({"hook": "item", "hook_item": -1}, "got -1"),
        ({"hook": "item", "hook_item": "product 3x"}, "no item 'product 3x'; did you mean"),
        ({"hook": "item", "hook_item": 0}, "item 0 is to be attacked itself"),
        ({"hook": "item"}, "goes with objective.hook=item"),
        ({"hook_item": 3}, "goes with objective.hook=item"),
        ({"hook": "popular"}, "'category', 'shop' or 'item'"),
    ],
)
def test_a_hook_that_cannot_be_is_refused(case, world, settings, message):
    named = replace(case, item_ids=tuple(f"product {n}" for n in range(36)))
    with pytest.raises(ConfigError, match=message):
        MatchFeatures(named, Means(), world.catalogue.images, world.train, **settings)


def test_expa_brings_the_features_to_the_hook(case, world):
    goal = MatchFeatures(case, Means(), world.catalogue.images, world.train)
    clean = world.catalogue.images[case.items]
    x = AdamPGD(steps=100)(clean, case.items, goal, Linf(eps=255), Streams(0))
    assert goal.judge(x, case.items).loss.max() < 0.01 * goal.judge(clean, case.items).loss.max()


def world_of(num_users=5, num_items=6):
    rng = stream(1, "dot")
    model = Dot(torch.randn(num_users, 3, generator=rng), torch.randn(num_items, generator=rng))
    visuals = Table(Signal.VECTOR, 10 * torch.rand(num_items, 3, generator=rng), None)
    return model, visuals, SimpleNamespace(num_users=num_users, num_items=num_items)


def test_promote_is_the_mean_score_against_the_entry_score():
    model, visuals, train = world_of()
    x, items = pictures(2), torch.tensor([4, 1])
    verdict = Promote(train, Means(), model, visuals, k=2).judge(x, items)
    shown = 10 * x.mean((2, 3))
    score = (model.users @ shown.T + model.bias[items]).mean(0)
    entry = (model.users @ visuals.rows.T + model.bias).topk(2).values[:, 1].mean()
    assert torch.allclose(verdict.loss, -score, atol=1e-5)
    assert torch.allclose(verdict.margin, entry - score, atol=1e-5)


def test_demote_is_the_mean_score_that_is_to_fall_below_the_entry():
    model, visuals, train = world_of()
    x, items = pictures(2), torch.tensor([4, 1])
    low = Demote(train, Means(), model, visuals, k=2).judge(x, items)
    high = Promote(train, Means(), model, visuals, k=2).judge(x, items)
    assert torch.equal(low.loss, -high.loss)
    assert torch.equal(low.margin, -high.margin)
    score = model.users @ visuals.rows.T + model.bias
    shown = Table(Signal.VECTOR, torch.arange(6.0)[:, None].expand(6, 3), None)
    (worst,) = Demote(train, Means(), model, visuals, shown).example(torch.tensor([0]))
    assert worst.tolist() == [float(score.sum(0).argmin())] * 3


def test_promote_lets_one_item_be_asked_about_in_many_pictures():
    model, visuals, train = world_of()
    goal = Promote(train, Means(), model, visuals)
    x, items = pictures(5), torch.tensor([3, 1, 3, 3, 1])
    together = goal.judge(x, items).loss
    alone = [goal.judge(x[[n]], items[[n]]).loss[0] for n in range(5)]
    assert torch.allclose(together, torch.stack(alone), atol=1e-6)


def test_promote_has_a_gradient_in_the_pixels():
    model, visuals, train = world_of()
    x = pictures(2).requires_grad_()
    Promote(train, Means(), model, visuals).judge(x, torch.tensor([0, 1])).loss.sum().backward()
    expected = -model.users.mean(0) * 10 / 64
    assert torch.allclose(x.grad[0, :, 0, 0], expected, atol=1e-6)


def test_insa_reaches_the_optimum_of_a_linear_scorer():
    """Every pixel goes where the mean user likes it; no picture of the budget is scored higher."""
    model, visuals, train = world_of()
    items = torch.arange(4)
    clean = (pictures() * 255).round() / 255
    goal, budget = Promote(train, Means(), model, visuals), Linf(eps=8)
    way = model.users.detach().mean(0).sign()[:, None, None]
    best = (clean + 8 / 255 * way).clamp(0, 1)
    for attack in (PGD(steps=20), AdamPGD(steps=40, start="random")):
        x = attack(clean, items, goal, budget, Streams(0))
        assert torch.allclose(x, best, atol=1e-6)


@pytest.mark.parametrize("tied", [False, True])
def test_promotion_by_the_mean_user_is_the_loop_over_users(world, tied):
    """Of VBPR: in value and in gradient."""
    images = world.catalogue.images
    visuals = Table(Signal.VECTOR, 10 * images[torch.arange(36)].mean((2, 3)), None)
    model = VBPR(Sizes(30, 36, (3,)), tied=tied, epochs=5, lr=0.05, visual_lr=0.05)
    model.fit(world.train, world.valid, visuals, stream(0))
    model.eval().requires_grad_(False)
    x, items = pictures().requires_grad_(), torch.arange(4)
    loss = Promote(world.train, Means(), model, visuals).judge(x, items).loss
    shown = visuals.overlay(items, 10 * x.mean((2, 3)))
    encoded = model.encode(items, shown)
    loop = -sum(model.score(torch.tensor([u]), encoded)[0] for u in range(30)) / 30
    assert torch.allclose(loss, loop, atol=1e-5)
    found, wanted = (torch.autograd.grad(v.sum(), x, retain_graph=True)[0] for v in (loss, loop))
    assert torch.allclose(found, wanted, atol=1e-5)
    assert wanted.abs().max() > 1e-3


def test_what_sees_no_picture_cannot_be_promoted():
    model, visuals, train = world_of()
    blind = type("Blind", (Dot,), {"name": "test.Blind", "signal": None})(model.users, model.bias)
    with pytest.raises(IncompatibleError, match="does not look at images"):
        Promote(train, Means(), blind, visuals)
    aloof = type("Aloof", (Dot,), {"name": "test.Aloof", "own_picture": False})(
        model.users, model.bias
    )
    with pytest.raises(IncompatibleError, match="n/a"):
        Promote(train, Means(), aloof, visuals)
