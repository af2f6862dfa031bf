"""MultiDAE, CDAE and AutoRec: each against its formula, and as victims."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from tests.recommenders.without_features import ALL, SIZES, USERS, fitted, scores
from vrbench.core.errors import ConfigError, DataError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.collaborative.autoencoders import CDAE, MultiDAE
from vrbench.recommenders.collaborative.rated.autorec import AutoRec
from vrbench.recommenders.collaborative.rated.base import rmse
from vrbench.testing.recommenders import RecommenderContract
from vrbench.threats.embedding_loss import Learnt

FAST = {"epochs": 60, "batch_size": 10, "lr": 0.02}


class TestMultiDAE(RecommenderContract):
    make = partial(MultiDAE, hidden=24, latent=8, **FAST, l2=0.001)


class TestCDAE(RecommenderContract):
    make = partial(CDAE, factors=8, **FAST | {"lr": 0.05})


class TestAutoRec(RecommenderContract):
    make = partial(AutoRec, hidden=8, unknown=0.2, **FAST | {"lr": 0.05})


class TestUserAutoRec(RecommenderContract):
    make = partial(AutoRec, rows="user", hidden=8, unknown=0.2, **FAST | {"lr": 0.05})


def begun(make, feedback, **settings):
    model = make(SIZES, **settings)
    model.take(feedback)
    model.begin(None, stream(0))
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=stream(1)))
    return model


def test_multidae_is_a_tanh_network_with_a_multinomial_loss(world):
    model = begun(MultiDAE, world.train, hidden=6, latent=3, dropout=0.0, l2=0.2)
    x = world.train.matrix().float()[[3, 8]]
    hidden = torch.tanh(model.enter(x / x.norm(dim=1, keepdim=True)))
    last = torch.tanh(model.rise(torch.tanh(model.code(hidden))))
    logits = model.leave(last)
    wanted = -sum(logits[n].softmax(0)[x[n] > 0].log().sum() for n in range(2)) / 2
    weights = [model.enter, model.code, model.rise, model.leave]
    wanted += 0.1 * sum((w.weight**2).sum() for w in weights)
    users = torch.tensor([3, 8])
    assert model.loss(users).item() == pytest.approx(wanted.item(), rel=1e-5)
    assert torch.allclose(model.score(users, model.encode(ALL, None)), logits, atol=1e-5)


def test_cdae_scores_what_a_user_has_and_who_they_are(world):
    model = begun(CDAE, world.train, factors=4).eval()
    x = world.train.matrix().float()
    wanted = []
    for user in range(30):
        total = model.owned.weight[x[user] > 0].sum(0) + model.user.weight[user]
        row = torch.sigmoid(total + model.hidden_bias)
        wanted.append(model.item.weight @ row + model.item_bias.weight[:, 0])
    assert torch.allclose(scores(model), torch.stack(wanted), atol=1e-5)


def test_cdae_s_loss_where_every_other_item_is_drawn(world):
    """With so many negatives that each is sure: the whole row's cross entropy."""
    model = begun(CDAE, world.train, factors=4, negatives=1000, dropout=0.0, l2=0.0)
    users = torch.tensor([2, 5])
    x = world.train.matrix().float()[users]
    logits = model.score(users, model.encode(ALL, None))
    whole = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1).mean()
    assert model.loss(users).item() == pytest.approx(whole.item(), rel=1e-5)
    few = begun(CDAE, world.train, factors=4, negatives=1, dropout=0.0, l2=0.0)
    assert few.loss(users) < whole


@pytest.fixture
def stars():
    users, items = torch.meshgrid(USERS, ALL, indexing="ij")
    rating = torch.where(users % 3 == items % 3, 5.0, 1.0)
    seen = torch.rand(30, 36, generator=stream(2)) < 0.5
    made = (Interactions.of(users[m], items[m], 30, 36, None, rating[m]) for m in (seen, ~seen))
    return tuple(made)


@pytest.mark.parametrize("rows", ["item", "user"])
def test_autorec_predicts_stars_that_it_has_not_seen(stars, rows):
    train, test = stars
    settings = {"hidden": 12, "epochs": 100, "patience": 100, "lr": 0.03, "l2": 0.01}
    model = fitted(partial(AutoRec, rows=rows, batch_size=10, **settings), train).eval()
    assert model.predicts_ratings
    found = scores(model)[test.users, test.items]
    away = float((found - test.ratings).square().mean().sqrt().detach())
    assert away < 1.0  # the mean's is 1.9
    assert rmse(model, test) == pytest.approx(away, abs=1e-4)


@pytest.mark.parametrize("rows", ["item", "user"])
def test_autorec_counts_what_was_rated_only(feedback, rows):
    model = begun(AutoRec, feedback, rows=rows, hidden=5, l2=0.0)
    r = torch.zeros(30, 36)
    r[feedback.users, feedback.items] = feedback.ratings
    r = r if rows == "user" else r.T
    some = torch.tensor([1, 4, 7])
    hidden = torch.sigmoid(r[some] @ model.enter.weight + model.hidden_bias)
    error = hidden @ model.leave.weight.T + model.bias - r[some]
    wanted = error[r[some] > 0].square().mean()
    assert model.loss(some).item() == pytest.approx(wanted.item(), rel=1e-5)
    whole = begun(AutoRec, feedback, rows=rows, hidden=5, l2=0.0, unknown=1.0)
    whole.load_state_dict(model.state_dict())
    assert whole.loss(some).item() == pytest.approx(error.square().mean().item(), rel=1e-5)


@pytest.mark.parametrize(
    "make",
    [CDAE, partial(AutoRec, unknown=0.1), partial(AutoRec, rows="user", unknown=0.1)],
    ids=["CDAE", "items", "users"],
)
def test_its_embeddings_can_be_attacked(world, make):
    model = begun(make, world.train).eval()
    users, liked, other = torch.tensor([1, 2, 1]), torch.tensor([0, 5, 8]), torch.tensor([3, 3, 9])
    full = scores(model)
    wanted = full[users, liked] - full[users, other]
    assert torch.allclose(model.lead(users, liked, other, None), wanted, atol=1e-4)
    learnt = Learnt(world.train, model, world.catalogue.images, biases=False)
    nothing = {name: torch.zeros_like(table) for name, table in learnt.tables.items()}
    slope = learnt.slope(nothing)
    up = {name: 0.05 * rows / rows.norm() for name, rows in slope.items()}
    assert learnt.loss(up) > learnt.loss(nothing)


def test_mistakes_are_one_line(world):
    with pytest.raises(DataError, match="AutoRec learns from ratings"):
        fitted(AutoRec, world.train)
    with pytest.raises(ConfigError, match=r"AutoRec\.rows"):
        AutoRec(SIZES, rows="items")
    with pytest.raises(ConfigError, match="CDAE: expected factors"):
        CDAE(SIZES, negatives=0)
    with pytest.raises(ConfigError, match="MultiDAE: expected hidden"):
        MultiDAE(SIZES, l2=-1.0)
