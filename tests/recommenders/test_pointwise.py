"""GMF, logistic MF and DMF: each against its formula, and as victims."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from tests.recommenders.without_features import SIZES, assert_all_learn
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.recommenders.baselines import Popular
from vrbench.recommenders.collaborative.dmf import DMF
from vrbench.recommenders.collaborative.gmf import GMF, LogisticMF
from vrbench.recommenders.collaborative.neumf import NeuMF
from vrbench.testing.recommenders import RecommenderContract
from vrbench.threats.embedding_loss import Learnt

FAST = {"epochs": 40, "batch_size": 64, "lr": 0.02}


class TestGMF(RecommenderContract):
    make = partial(GMF, factors=8, **FAST)


class TestLogisticMF(RecommenderContract):
    make = partial(LogisticMF, factors=8, **FAST)


class TestDMF(RecommenderContract):
    make = partial(DMF, hidden=16, factors=8, **FAST | {"lr": 0.01})


def begun(make, world, **settings):
    model = make(SIZES, **settings)
    model.take(world.train)
    model.begin(None, stream(0))
    for parameter in model.parameters():  # away from zeros, which hide gradients
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=stream(1)))
    return model


@pytest.mark.parametrize("make", [GMF, LogisticMF, DMF], ids=lambda m: m.name)
def test_pairs_are_scored_as_lists_are(world, make):
    model = begun(make, world).eval()
    users, items = torch.tensor([2, 7, 2]), torch.tensor([0, 0, 30])
    full = model.score(users, model.encode(items, None))
    assert torch.allclose(full.diagonal(), model(users, items), atol=1e-4)


@pytest.mark.parametrize("make", [GMF, LogisticMF, DMF], ids=lambda m: m.name)
def test_every_parameter_gets_a_gradient(world, make):
    assert_all_learn(begun(make, world))


def test_gmf_is_a_weighed_product_of_the_rows(world):
    model = begun(GMF, world)
    users, items = torch.tensor([1, 5]), torch.tensor([3, 3])
    product = model.user.weight[users] * model.item.weight[items]
    wanted = (product * model.out.weight[0]).sum(1) + model.out.bias
    assert torch.allclose(model(users, items), wanted, atol=1e-6)


def test_likes_pull_and_drawn_items_push_as_in_implicit(world):
    """The slopes in a user's row: alpha (1 - s(x)) times what is liked, -s(x) times the rest."""
    model = begun(LogisticMF, world, alpha=3.0, l2=0.0)
    user, items = torch.tensor([4]), torch.tensor([[7, 1, 2]])
    model.loss(user, items).backward()
    with torch.no_grad():
        likely = model(user.repeat(3), items[0]).sigmoid()
        rows = model.item(items[0])
        climb = 3.0 * (1 - likely[0]) * rows[0] - likely[1] * rows[1] - likely[2] * rows[2]
    found = model.user.weight.grad.to_dense()[4]
    assert torch.allclose(-found * 3, climb, atol=1e-6)  # the loss is a mean over three pairs


def test_dmf_is_the_cosine_of_two_networks_on_the_matrix(world):
    model = begun(DMF, world, hidden=6, factors=4, temperature=0.5)
    x = world.train.matrix().float()
    user = torch.relu(x @ model.of_item.weight + model.user_bias)
    item = torch.relu(x.T @ model.of_user.weight + model.item_bias)
    cosine = F.cosine_similarity(model.user_out(user)[:, None], model.item_out(item), dim=2)
    found = model.score(torch.arange(30), model.encode(torch.arange(36), None))
    assert torch.allclose(found, cosine / 0.5, atol=1e-5)
    pairs = model(torch.tensor([3, 9]), torch.tensor([0, 35]))
    assert torch.allclose(pairs, cosine[[3, 9], [0, 35]] / 0.5, atol=1e-5)


def test_without_a_temperature_the_cosine_is_the_chance(world):
    model = begun(DMF, world, hidden=6, factors=4, temperature=0.0)
    users, items = torch.arange(30), torch.arange(30)
    cosine = model.score(users, model.encode(items, None)).diagonal()
    assert torch.allclose(model(users, items).sigmoid(), cosine.clamp(1e-6, 1 - 1e-6), atol=1e-5)


@pytest.mark.parametrize("make", [GMF, LogisticMF, DMF, NeuMF], ids=lambda m: m.name)
def test_its_embeddings_can_be_attacked(world, make):
    """A small step up the slope of its ranking loss raises that loss; the model is left alone."""
    model = begun(make, world)
    learnt = Learnt(world.train, model, world.catalogue.images, biases=False)
    nothing = {name: torch.zeros_like(table) for name, table in learnt.tables.items()}
    slope = learnt.slope(nothing)
    assert all(rows.abs().sum() > 0 for rows in slope.values())
    up = {name: 0.01 * rows / rows.norm() for name, rows in slope.items()}
    length = sum(float((slope[n] * up[n]).sum()) for n in up)
    rise = learnt.loss(up) - learnt.loss(nothing)
    assert rise == pytest.approx(length, rel=0.3)
    assert rise > 0


def test_what_learns_no_pair_says_so(world):
    with pytest.raises(IncompatibleError, match="Popular is not trained on triples"):
        Learnt(world.train, Popular(SIZES), world.catalogue.images, biases=False)


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="GMF: expected factors >= 1, got factors=0"):
        GMF(SIZES, factors=0)
    with pytest.raises(ConfigError, match="LogisticMF: expected alpha > 0"):
        LogisticMF(SIZES, alpha=0.0)
    with pytest.raises(ConfigError, match="without negatives, everything is liked"):
        DMF(SIZES, negatives=0)
