from functools import partial

import pytest
import torch

from tests.recommenders.without_features import ALL, SIZES, USERS, scores
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative import convncf
from vrbench.recommenders.collaborative.convncf import ConvNCF
from vrbench.testing.recommenders import PairwiseContract
from vrbench.threats.embedding_loss import Learnt

FAST = {"factors": 8, "channels": 8, "pretrain_epochs": 15, "epochs": 10}
FAST |= {"batch_size": 64, "lr": 0.05, "l2": 0.03}


class TestConvNCF(PairwiseContract):
    make = partial(ConvNCF, **FAST)


def begun(**settings):
    model = ConvNCF(SIZES, **FAST | settings)
    model.begin(None, stream(0))
    for parameter in model.parameters():
        parameter.data.add_(0.3 * torch.randn(parameter.shape, generator=stream(1)))
    return model


def test_two_factors_by_hand():
    """One convolution over a map of four numbers, one channel of two left by the relu."""
    model = ConvNCF(Sizes(1, 2, ()), factors=2, channels=2)
    model.user.weight.data = torch.tensor([[1.0, 2.0]])
    model.item.weight.data = torch.tensor([[3.0, -1.0], [0.0, 1.0]])
    (layer,) = model.convolutions
    layer.weight.data = torch.tensor([[[[1.0, 10.0], [0.0, 1.0]]], [[[0.0, 0.0], [1.0, 0.0]]]])
    layer.bias.data = torch.tensor([0.5, 1.0])
    model.out.weight.data = torch.tensor([[2.0, 3.0]])
    # [[3, -1], [6, -2]]: 3 - 10 - 2 + .5 < 0, and 6 + 1; [[0, 1], [0, 2]]: 10 + 2 + .5, and 0 + 1
    found = model.score(torch.tensor([0]), model.encode(torch.arange(2), None))
    assert found[0].tolist() == [21.0, 28.0]


def formula(model, user, item):
    """One number after the other, from the outer product down."""
    p, q = model.user.weight[user].tolist(), model.item.weight[item].tolist()
    maps = [[[a * b for b in q] for a in p]]
    for layer in model.convolutions:
        weight, bias, side = layer.weight.tolist(), layer.bias.tolist(), len(maps[0]) // 2
        maps = [
            [
                [
                    max(
                        0.0,
                        bias[c]
                        + sum(
                            weight[c][m][s][t] * before[2 * a + s][2 * b + t]
                            for m, before in enumerate(maps)
                            for s in range(2)
                            for t in range(2)
                        ),
                    )
                    for b in range(side)
                ]
                for a in range(side)
            ]
            for c in range(model.channels)
        ]
    return sum(w * maps[c][0][0] for c, w in enumerate(model.out.weight[0].tolist()))


def test_scores_are_the_formula_s_in_any_blocks(monkeypatch):
    model = begun()
    assert len(model.convolutions) == 3
    full = scores(model)
    for user, item in ((0, 0), (7, 35), (29, 4)):
        assert full[user, item].item() == pytest.approx(formula(model, user, item), rel=1e-4)
    monkeypatch.setattr(convncf, "MOST", 7 * model.first_layer)
    assert torch.allclose(scores(model), full, atol=1e-5)
    assert torch.allclose(model(USERS, ALL[:30], None), full.diagonal(), atol=1e-5)


def test_a_gradient_of_many_pairs_is_the_same_in_blocks(monkeypatch):
    model, triple = begun(), (USERS, ALL[:30], ALL[6:])
    model.loss(*triple, None).backward()
    whole = {name: p.grad.to_dense() for name, p in model.named_parameters()}
    model.zero_grad()
    monkeypatch.setattr(convncf, "KEPT", 7 * model.first_layer)
    model.loss(*triple, None).backward()
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter.grad.to_dense(), whole[name], atol=1e-5), name


def test_each_part_has_its_own_penalty():
    none = {"l2": 0.0, "l2_convolutions": 0.0, "l2_out": 0.0}
    triple = torch.tensor([0]), torch.tensor([1]), torch.tensor([2])
    model = begun()
    rows = [model.user.weight[0], model.item.weight[1], model.item.weight[2]]
    parts = {
        "l2": rows,
        "l2_convolutions": [layer.weight for layer in model.convolutions],
        "l2_out": [model.out.weight],
    }
    for name, weights in parts.items():
        penalty = begun(**none | {name: 2.0}).compare(*triple, None)[1]
        assert penalty.item() == pytest.approx(sum(w.square().sum().item() for w in weights))


def test_pretraining_is_bpr_mf(world):
    model = begun()
    assert list(model.phases()) == [15, 10]
    assert list(begun(pretrain_epochs=0).phases()) == [10]
    model._convolves = False
    assert torch.allclose(scores(model), model.user.weight @ model.item.weight.T, atol=1e-5)
    model.loss(USERS, ALL[:30], ALL[6:], None).backward()
    touched = {name for name, p in model.named_parameters() if p.grad is not None}
    assert touched == {"user.weight", "item.weight"}
    history = ConvNCF(SIZES, **FAST | {"pretrain_epochs": 3, "epochs": 2}).fit(
        world.train, world.valid, None, stream(0)
    )
    assert len(history.epochs) == 5


def test_its_embeddings_can_be_attacked_and_nobody_is_folded_in(world):
    model = begun()
    learnt = Learnt(world.train, model, world.catalogue.images, biases=False)
    assert set(learnt.tables) == {"user.weight", "item.weight"}
    nothing = {name: torch.zeros_like(table) for name, table in learnt.tables.items()}
    slope = learnt.slope(nothing)
    up = {name: 0.05 * rows / rows.norm() for name, rows in slope.items()}
    assert learnt.loss(up) > learnt.loss(nothing)
    with pytest.raises(IncompatibleError, match="the score of ConvNCF is no product"):
        model.fold_in(world.train, world.catalogue.images, ALL)


@pytest.mark.parametrize("factors", [1, 12, 100])
def test_a_map_that_does_not_halve_to_one_is_refused(factors):
    with pytest.raises(ConfigError, match="ConvNCF: expected factors a power of two"):
        ConvNCF(SIZES, factors=factors)
