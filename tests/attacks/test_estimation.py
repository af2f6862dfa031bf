from functools import partial
from types import SimpleNamespace

import pytest
import torch

from vrbench.attacks.black_box.gradient_estimation import NES, SPSA
from vrbench.attacks.budget import Linf
from vrbench.attacks.goal import Verdict
from vrbench.attacks.oracle import Oracle, QueryLimitError
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract, Redder


class TestSPSA(AttackContract):
    make = partial(SPSA, queries=400, directions=10, enough=None)


class TestNES(AttackContract):
    make = partial(NES, queries=400, directions=10, enough=None)


@pytest.mark.parametrize("make", [SPSA, NES])
def test_the_estimate_points_along_the_gradient(make):
    centre = torch.rand(3, 6, 6, generator=stream(0))

    def judge(x, items):
        loss = (x - centre).square().flatten(1).sum(1)
        return Verdict(loss, loss)

    x = torch.full((2, 3, 6, 6), 0.5)
    attack = make(directions=400, queries=800)
    slope, _ = attack._estimate(x, torch.arange(2), SimpleNamespace(judge=judge), Streams(0))
    true = 2 * (x - centre)
    cosine = torch.cosine_similarity(slope.flatten(1), true.flatten(1))
    assert (cosine > 0.85).all()
    scale = (slope * true).flatten(1).sum(1) / true.square().flatten(1).sum(1)
    assert torch.allclose(scale, torch.ones(2), atol=0.15)


def test_an_item_that_has_enough_stops_asking(world):
    items = torch.arange(6)
    clean = world.catalogue.images[items]

    def judge(x, items):
        loss = x[:, 0].flatten(1).mean(1)
        return Verdict(loss, loss - 0.5)

    oracle = Oracle(SimpleNamespace(judge=judge))
    SPSA(queries=200, directions=5, enough=0.0)(clean, items, oracle, Linf(eps=8), Streams(0))
    red = world.catalogue.categories[items] == 0
    assert (oracle.asked(items[~red]) == 10).all()
    assert (oracle.asked(items[red]) == 200).all()


def test_the_oracle_refuses_what_was_not_agreed(world):
    oracle = Oracle(Redder(), limit=3)
    x, items = world.catalogue.images[torch.arange(2)], torch.arange(2)
    oracle.judge(x, items)
    oracle.judge(x[[0, 0]], items[[0, 0]])
    with pytest.raises(QueryLimitError, match="item 0 has used its 3 queries"):
        oracle.judge(x, items)
    assert oracle.asked(torch.tensor([0, 1, 5])).tolist() == [3, 1, 0]


def test_the_oracle_lets_no_gradient_through(world):
    x = world.catalogue.images[torch.arange(2)].requires_grad_()
    assert not Oracle(Redder()).judge(x, torch.arange(2)).loss.requires_grad


def test_queries_must_pay_for_a_step():
    with pytest.raises(ConfigError, match="queries >= 2"):
        SPSA(queries=10, directions=6)
