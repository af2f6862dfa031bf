from functools import partial

import pytest
import torch

from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.lightgcn import LightGCN, normalised
from vrbench.testing.recommenders import NONE, PairwiseContract

FAST = {"factors": 8, "epochs": 60, "batch_size": 64, "lr": 0.05, "l2": 1e-3}


class TestLightGCN(PairwiseContract):
    make = partial(LightGCN, **FAST)

    def begun(self, world, visuals):
        model = super().begun(world, visuals)
        model.graph.hold(normalised(world.train))
        return model


def begun(train, **changes):
    model = LightGCN(Sizes(train.num_users, train.num_items, ()), **FAST | changes)
    model.graph.hold(normalised(train))
    model.begin(None, stream(0))
    return model


def test_final_rows_are_the_mean_of_all_layers(world):
    """Against dense products; Elliot weighs layer k by 1 / (1 + k) first."""
    model = begun(world.train, layers=2)
    x = world.train.matrix().double()
    graph = torch.zeros(66, 66, dtype=torch.float64)
    graph[:30, 30:], graph[30:, :30] = x, x.T
    scale = torch.diag(graph.sum(1).clamp(min=1).rsqrt())
    step = scale @ graph @ scale
    first = torch.cat([model.user.weight, model.item.weight]).double()
    wanted = (first + step @ first + step @ step @ first) / 3
    found = torch.cat(model.propagate()).double()
    assert torch.allclose(found, wanted, atol=1e-6)


def test_gradients_reach_rows_that_no_triple_names(world):
    """Elliot assigns the propagated rows: nothing flows back, and zeros stay zeros."""
    model = begun(world.train)
    assert model.user.weight.abs().min() > 0
    triple = torch.tensor([0]), torch.tensor([3]), torch.tensor([1])
    model.loss(*triple, None).backward()
    friends = world.train.users[world.train.items == 3]
    assert len(friends) > 1
    assert (model.user.weight.grad[friends].abs().sum(1) > 0).all()
    owned = world.train.items[world.train.users == 0]
    assert (model.item.weight.grad[owned].abs().sum(1) > 0).all()


def test_the_gradient_is_that_of_dense_propagation(world):
    model = begun(world.train, layers=2, l2=0.0)
    step = model.graph.dense(torch.arange(66))
    triple = torch.tensor([0, 5, 5]), torch.tensor([3, 2, 8]), torch.tensor([1, 1, 0])
    model.loss(*triple, None).backward()
    first = torch.cat([model.user.weight, model.item.weight]).detach().requires_grad_()
    final = (first + step @ first + step @ step @ first) / 3
    users, liked, other = triple[0], 30 + triple[1], 30 + triple[2]
    margin = (final[users] * (final[liked] - final[other])).sum(1)
    torch.nn.functional.softplus(-margin).mean().backward()
    found = torch.cat([model.user.weight.grad, model.item.weight.grad])
    assert torch.allclose(found, first.grad, atol=1e-7)


def test_the_penalty_is_on_the_first_rows_of_the_triple(world):
    model = begun(world.train, l2=0.5)
    user, yes, no = model.user.weight[4], model.item.weight[1], model.item.weight[2]
    _, penalty = model.compare(torch.tensor([4]), torch.tensor([1]), torch.tensor([2]), None)
    squares = sum(row.square().sum() for row in (user, yes, no))
    assert penalty.item() == pytest.approx(0.25 * squares.item())


def test_without_layers_it_is_a_factorisation(world):
    model = begun(world.train, layers=0)
    assert torch.equal(model.propagate().user, model.user.weight)


def test_a_node_without_neighbours_keeps_a_share_of_its_own_row():
    model = begun(Interactions.of(torch.tensor([0]), torch.tensor([1]), 3, 4), layers=3)
    assert torch.allclose(model.propagate().user[2], model.user.weight[2] / 4)
    empty = begun(Interactions.of(NONE, NONE, 3, 4), layers=3)
    assert torch.allclose(empty.propagate().item, empty.item.weight / 4)


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="LightGCN: expected layers"):
        LightGCN(Sizes(1, 1, ()), layers=-1)
