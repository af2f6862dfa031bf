import math
from functools import partial

import pytest
import torch

from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.cml import CML, off_diagonal
from vrbench.testing.recommenders import NONE, RecommenderContract

FAST = {"factors": 8, "epochs": 60, "batch_size": 64, "lr": 0.02, "candidates": 5}
SIZES = Sizes(30, 36, ())


class TestCML(RecommenderContract):
    make = partial(CML, **FAST, covariance=1.0, eval_every=1)


@pytest.fixture
def begun():
    model = CML(SIZES, **FAST)
    model.begin(None, stream(0))
    for table in (model.user, model.item):  # away from the centre, where all distances are equal
        table.weight.data.copy_(0.35 * torch.randn(table.weight.shape, generator=stream(1)))
    return model


def batch(n=8):
    rng = stream(5)
    users = torch.randint(30, (n,), generator=rng)
    return users, torch.randint(36, (n,), generator=rng), torch.randint(36, (n, 5), generator=rng)


def test_the_loss_is_the_weighted_hinge_pair_by_pair(begun):
    users, liked, others = batch()
    total = 0.0
    for user, yes, nos in zip(users, liked, others, strict=True):
        point = begun.user.weight[user]
        near = (point - begun.item.weight[yes]).square().sum().item()
        far = [(point - begun.item.weight[no]).square().sum().item() for no in nos]
        rank = 36 * sum(f < near + 0.5 for f in far) / 5
        total += math.log(1 + rank) * max(0.0, 0.5 + near - min(far))
    assert total > 1
    assert begun.loss(users, liked, others).item() == pytest.approx(total / 8, rel=1e-5)


def test_a_batch_is_the_mean_of_its_triples(begun):
    """Elliot adds a (B, 1) to a (B,): every user of a batch is compared with all its items."""
    users, liked, others = batch()
    single = [begun.loss(users[[n]], liked[[n]], others[[n]]) for n in range(8)]
    assert torch.allclose(begun.loss(users, liked, others), torch.stack(single).mean())


def test_the_rank_weight_is_a_constant_and_zero_where_all_is_well(begun):
    users, liked, others = batch()
    begun.item.weight.data[:] = 0
    begun.user.weight.data[:] = 0
    begun.item.weight.data[liked, 0] = 0.0
    assert begun.loss(users, liked, others).item() == pytest.approx(math.log(37) * 0.5)
    far = torch.tensor([[35] * 5])
    begun.item.weight.data[35, 0] = 1.0
    assert begun.loss(torch.tensor([0]), torch.tensor([0]), far).item() == 0


def test_points_stay_in_the_unit_ball(world):
    """Elliot defines the censor of norms and never calls it."""
    model = CML(SIZES, **FAST | {"lr": 0.5, "epochs": 3})
    model.fit(world.train, Interactions.of(NONE, NONE, 30, 36), None, stream(0))
    for table in (model.user, model.item):
        length = table.weight.norm(dim=1)
        assert length.max() <= 1 + 1e-6
        assert (length > 1 - 1e-6).sum() > 5  # they would leave it


def test_covariances_are_those_of_different_dimensions():
    points = torch.randn(50, 4, generator=stream(0))
    wanted = torch.cov(points.T, correction=0).square()
    wanted.fill_diagonal_(0)
    assert off_diagonal(points).item() == pytest.approx(wanted.sum().item() / 12, rel=1e-4)
    alone = torch.zeros(50, 4)
    alone[:, 2] = points[:, 2]
    assert off_diagonal(alone) == 0


def test_the_covariance_term_spreads_the_dimensions(world):
    none = Interactions.of(NONE, NONE, 30, 36)
    spread = []
    for weight in (0.0, 1000.0):
        model = CML(SIZES, **FAST | {"epochs": 20}, covariance=weight)
        model.fit(world.train, none, None, stream(0))
        spread.append(off_diagonal(torch.cat([model.user.weight, model.item.weight])))
    assert spread[1] < spread[0] / 2


def test_scores_are_negative_squared_distances(begun):
    scores = begun.score(torch.arange(30), begun.encode(torch.arange(36), None))
    wanted = -torch.cdist(begun.user.weight, begun.item.weight).square()
    assert torch.allclose(scores, wanted, atol=1e-5)


def test_every_parameter_gets_a_gradient(begun):
    begun.batch_loss(batch(), None).backward()
    for name, parameter in begun.named_parameters():
        assert parameter.grad.to_dense().abs().sum() > 0, name


def test_candidates_are_items_that_the_user_has_not(world, begun):
    batches = list(begun.batches(world.train, stream(0)))
    assert sum(len(users) for users, *_ in batches) == len(world.train)
    for users, liked, others in batches:
        assert world.train.contains(users, liked).all()
        assert not world.train.contains(users[:, None].expand(-1, 5), others).any()


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="CML: expected factors"):
        CML(SIZES, margin=0.0)
