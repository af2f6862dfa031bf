"""CausalRec, against numpy and sums made by hand, and what it takes away."""

from functools import partial

import numpy as np
import pytest
import torch

from tests.recommenders import on_graphs
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.visual.causalrec import CausalRec
from vrbench.testing.recommenders import PairwiseContract
from vrbench.testing.world import BRISK_LOOKS, favourites, taught

FAST = {"factors": 8, "visual_factors": 8, **BRISK_LOOKS}


class TestCausalRec(PairwiseContract):
    make = partial(CausalRec, **FAST)


def small(**settings):
    """Five users, nine items, six numbers a picture; no weight is zero."""
    looks = Table(Signal.VECTOR, torch.rand(9, 6, generator=stream(4)) - 0.2, None)
    model = CausalRec(
        Sizes(5, 9, (6,)), **{"factors": 3, "visual_factors": 2, "scale": "max"} | settings
    )
    model.begin(looks, stream(0))
    for n, parameter in enumerate(model.parameters()):
        parameter.data.copy_(0.7 * torch.randn(parameter.shape, generator=stream(n)))
    return model.eval().requires_grad_(False), looks


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(model, looks):
    """Return ``m``, ``n`` of all pairs and ``m*`` of all users, in numpy and float64."""
    w = {name: value.detach().double().numpy() for name, value in model.state_dict().items()}
    f = looks.rows.double().numpy() / np.abs(looks.rows.numpy()).max()
    m, n = np.zeros((5, 9)), np.zeros((5, 9))
    nothing = np.zeros(5)
    typical = f.mean(0)
    for u in range(5):
        gamma, theta = w["user.weight"][u], w["taste.weight"][u]
        for i in range(9):
            mediated = w["item.weight"][i] * (w["mediate.weight"] @ f[i])
            m[u, i] = w["bias.weight"][i, 0] + gamma @ w["item.weight"][i] + gamma @ mediated
            n[u, i] = theta @ (w["project.weight"] @ f[i]) + w["appeal.weight"][0] @ f[i]
        row = w["item.weight"].mean(0)
        nothing[u] = w["bias.weight"].mean() + gamma @ row
        nothing[u] += gamma @ (row * (w["mediate.weight"] @ typical))
    return m, n, nothing


def y(m, n):
    return sigmoid(m + n) * sigmoid(m) * sigmoid(n)


@pytest.mark.parametrize("debias", [0.0, 0.8])
def test_what_is_served_is_the_total_indirect_effect(debias):
    model, looks = small(debias=debias)
    m, n, nothing = by_hand(model, looks)
    wanted = torch.from_numpy(y(m, n) - debias * y(nothing[:, None], n)).float()
    items = torch.tensor([7, 2, 0])
    found = model.score(torch.arange(5), model.encode(items, looks))
    assert torch.allclose(found, wanted[:, items], atol=1e-6)


def test_the_loss_is_that_of_three_rankings():
    model, looks = small(l2=0.3, l2_visual=0.2)
    m, n, _ = by_hand(model, looks)
    users, liked, other = np.array([0, 3, 4]), np.array([2, 8, 2]), np.array([5, 5, 1])
    wanted = 0.0
    for score in (y(m, n), m, n):
        wanted += np.log1p(np.exp(-(score[users, liked] - score[users, other]))).mean()
    w = {name: value.detach().double().numpy() for name, value in model.state_dict().items()}
    touched = [w["user.weight"][users], w["taste.weight"][users]]
    touched += [w[f"{t}.weight"][i] for t in ("item", "bias") for i in (liked, other)]
    wanted += 0.3 / 2 * sum((rows**2).sum() for rows in touched) / 3
    shared = ("mediate", "project", "appeal")
    wanted += 0.2 / 2 * sum((w[f"{name}.weight"] ** 2).sum() for name in shared)
    batch = tuple(map(torch.from_numpy, (users, liked, other)))
    assert model.batch_loss(batch, looks).item() == pytest.approx(wanted, rel=1e-5)


def test_the_mean_picture_is_that_of_the_training():
    model, looks = small()
    before = model.nothing(torch.arange(5))
    changed = looks.overlay(torch.tensor([3]), torch.full((1, 6), 9.0))
    after = model.score(torch.arange(5), model.encode(torch.arange(9), changed))
    clean = model.score(torch.arange(5), model.encode(torch.arange(9), looks))
    assert torch.equal(model.nothing(torch.arange(5)), before)
    others = torch.arange(9) != 3
    assert torch.equal(after[:, others], clean[:, others])
    assert not torch.allclose(after[:, 3], clean[:, 3])


def test_a_look_that_everybody_likes_gains_less_than_it_would_undebiased():
    """Up to the whole of it, where the item is nothing in particular."""
    model, looks = small()
    for table in (model.user, model.item, model.bias):
        table.weight.data.zero_()
    plain, _ = small(debias=0.0)
    plain.load_state_dict(model.state_dict())
    whole, _ = small(debias=1.0)
    whole.load_state_dict(model.state_dict())
    users, items = torch.arange(5), torch.arange(9)
    spread = [float(one.score(users, one.encode(items, looks)).std()) for one in (plain, model)]
    assert spread[1] == pytest.approx(0.2 * spread[0], rel=1e-4)
    assert whole.score(users, whole.encode(items, looks)).abs().max() < 1e-7


def test_the_gradient_of_a_promotion_is_the_finite_difference():
    model, looks = small()
    for slope, difference in on_graphs.slopes(model, looks, 5, [(0, 0), (0, 5), (1, 2)]):
        assert abs(slope) > 1e-6
        assert difference == pytest.approx(slope, rel=1e-3, abs=1e-8)


@pytest.mark.slow
def test_it_learns_from_pictures_and_a_picture_promotes(world, extractor):
    """Held-out items rank higher by their own pictures than by those of others."""
    model = taught(CausalRec, **FAST)
    assert favourites(model) > 0.8
    assert 0.5 < on_graphs.promoted(model, world, extractor, 0.01) < 2
    share = on_graphs.cold_places(CausalRec, world, **FAST)
    assert share[0] < 0.7 * share[1], share


def test_settings_out_of_range_are_named():
    for wrong in ({"debias": 1.1}, {"visual_factors": 0}):
        with pytest.raises(ConfigError, match=f"CausalRec.*{next(iter(wrong))}"):
            small(**wrong)
