from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.extractors.base import Extractor, Features
from vrbench.recommenders.base import Recommender
from vrbench.threats.objectives import MatchFeatures, Promote, TargetClass, Untargeted
from vrbench.threats.scenario import Scenario


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
    assert goal.hook_item == int(popularity.argmax())
    hook = world.catalogue.images[torch.tensor([goal.hook_item])]
    verdict = goal.judge(torch.cat([hook, 1 - hook]), torch.arange(2))
    assert verdict.loss[0] == pytest.approx(0, abs=1e-6)
    assert verdict.margin[0] < 0 < verdict.margin[1]


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
