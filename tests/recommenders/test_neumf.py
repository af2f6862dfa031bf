from functools import partial

import pytest
import torch
import torch.nn.functional as F

from tests.recommenders.without_features import assert_all_learn
from vrbench.core.errors import ConfigError, DataError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative import neumf
from vrbench.recommenders.collaborative.neumf import NeuMF
from vrbench.testing.recommenders import NONE, RecommenderContract

FAST = {"factors": 8, "hidden": 16, "depth": 2, "epochs": 60, "batch_size": 64, "lr": 0.01}
SIZES = Sizes(30, 36, ())


class TestNeuMF(RecommenderContract):
    make = partial(NeuMF, **FAST)


@pytest.fixture
def begun():
    model = NeuMF(SIZES, **FAST | {"dropout": 0.0})
    model.begin(None, stream(0))
    return model


def test_without_negatives_it_refuses():
    """Elliot's default of none teaches that everything is liked."""
    with pytest.raises(ConfigError, match="without negatives, everything is liked"):
        NeuMF(SIZES, negatives=0)


def test_every_interaction_comes_with_items_that_its_user_has_not(world, begun):
    batches = list(begun.batches(world.train, stream(0)))
    assert sum(len(users) for users, _ in batches) == len(world.train)
    liked = set()
    for users, items in batches:
        assert items.shape == (len(users), 5)
        assert world.train.contains(users, items[:, 0]).all()
        assert not world.train.contains(users[:, None].expand(-1, 4), items[:, 1:]).any()
        liked |= set(zip(users.tolist(), items[:, 0].tolist(), strict=True))
    assert len(liked) == len(world.train)


def test_negatives_are_drawn_anew_each_epoch(world, begun):
    rng = stream(0)
    first, second = ([items for _, items in begun.batches(world.train, rng)] for _ in range(2))
    assert not torch.equal(first[0], second[0])


def test_the_loss_is_the_cross_entropy_of_likes(world, begun):
    users = torch.tensor([0, 1])
    items = torch.tensor([[3, 1, 2], [4, 0, 5]])
    logit = torch.stack([begun(users, column) for column in items.T], 1)
    likely = logit.sigmoid()
    wanted = -(likely[:, 0].log().sum() + (1 - likely[:, 1:]).log().sum()) / 6
    plain = NeuMF(SIZES, **FAST | {"dropout": 0.0, "l2": 0.0})
    plain.load_state_dict(begun.state_dict())
    assert plain.loss(users, items).item() == pytest.approx(wanted.item())
    one = torch.stack([begun.loss(users[[n]], items[[n]]) for n in range(2)])
    assert begun.loss(users, items).item() == pytest.approx(one.mean().item())
    assert begun.loss(users, items) > plain.loss(users, items)


def test_it_is_the_product_beside_the_network(begun):
    """Against a first layer on the concatenation of both rows, as the paper draws it."""
    users, items = torch.tensor([2, 7, 2]), torch.tensor([0, 0, 30])
    product = begun.user(users) * begun.item(items)
    joined = torch.cat([begun.user_deep(users), begun.item_deep(items)], 1)
    weight = torch.cat([begun.first_user.weight, begun.first_item.weight], 1)
    hidden = F.relu(F.linear(joined, weight, begun.first_user.bias))
    hidden = F.relu(begun.deep[0](hidden))
    wanted = begun.out(torch.cat([product, hidden], 1)).squeeze(1)
    assert torch.allclose(begun(users, items), wanted, atol=1e-6)
    full = begun.score(users, begun.encode(items, None))
    assert torch.allclose(full.diagonal(), wanted, atol=1e-6)


def test_every_parameter_gets_a_gradient(begun):
    assert_all_learn(begun)


def test_blocks_of_users_change_no_score(begun, monkeypatch):
    users, encoded = torch.arange(30), begun.encode(torch.arange(36), None)
    whole = begun.score(users, encoded)
    monkeypatch.setattr(neumf, "MOST", 16 * 36 * 7)
    assert torch.allclose(begun.score(users, encoded), whole, atol=1e-6)


def test_users_with_every_item_or_one_do_not_hang():
    users = torch.cat([torch.zeros(36), torch.ones(1), torch.full((35,), 2.0)]).long()
    items = torch.cat([torch.arange(36), torch.tensor([4]), torch.arange(35)])
    none = Interactions.of(NONE, NONE, 30, 36)
    model = NeuMF(SIZES, **FAST | {"epochs": 2})
    train = Interactions.of(users, items, 30, 36)
    assert model.fit(train, none, None, stream(0)).best_epoch == 2
    with pytest.raises(DataError, match="nothing to learn"):
        model.fit(none, none, None, stream(0))
