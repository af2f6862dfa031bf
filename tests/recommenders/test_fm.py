from functools import partial

import pytest
import torch

from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.visual.fm import FM
from vrbench.testing.recommenders import PairwiseContract
from vrbench.testing.world import BRISK_LOOKS

FAST = {"factors": 8, **BRISK_LOOKS, "epochs": 60}


class TestFM(PairwiseContract):
    make = partial(FM, **FAST)


class TestSecondOrder(PairwiseContract):
    make = partial(FM, **FAST, second_order=True)


@pytest.fixture
def small():
    """Random parameters and features: 2 users, 3 items, 4 features."""

    def made(second_order):
        model = FM(Sizes(2, 3, (4,)), factors=2, scale="none", second_order=second_order)
        for n, parameter in enumerate(model.parameters()):
            parameter.data.copy_(torch.randn(parameter.shape, generator=stream(n)))
        return model.requires_grad_(False)

    return made, torch.randn(3, 4, generator=stream(9))


def test_the_score_is_that_of_lightfm(small):
    made, f = small
    model = made(False)
    for (u, i), score in _scores(model, f):
        embedding, bias = model.item.weight[i].clone(), model.bias.weight[i, 0].clone()
        for d in range(4):
            embedding += f[i, d] * model.feature.weight[:, d]
            bias += f[i, d] * model.feature_bias.weight[0, d]
        expected = model.user.weight[u] @ embedding + bias
        assert score == pytest.approx(expected.item(), abs=1e-4)


def test_the_second_order_is_every_pair_of_variables(small):
    """Rendle's sum over pairs, written out; user-only terms are left out of ours."""
    made, f = small
    model = made(True)
    for (u, i), score in _scores(model, f):
        values = [1.0, 1.0, *f[i].tolist()]
        rows = [model.user.weight[u], model.item.weight[i], *model.feature.weight.T]
        expected = model.bias.weight[i, 0] + f[i] @ model.feature_bias.weight[0]
        for a in range(len(rows)):
            for b in range(a + 1, len(rows)):
                expected = expected + values[a] * values[b] * (rows[a] @ rows[b])
        assert score == pytest.approx(expected.item(), abs=1e-3)


def _scores(model, f):
    """Yield each of 2 users with each of 3 items, and its score."""
    found = model.score(torch.arange(2), model.encode(torch.arange(3), _table(f)))
    return (((u, i), found[u, i].item()) for u in range(2) for i in range(3))


def _table(f):
    return Table(Signal.VECTOR, f, None)
