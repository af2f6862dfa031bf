"""VMF, against sums made by hand, and what it learns from pictures."""

from functools import partial

import pytest
import torch

from tests.recommenders import on_graphs
from vrbench.core.errors import ConfigError, DataError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.visual.vmf import VMF
from vrbench.testing.recommenders import RecommenderContract
from vrbench.testing.world import BRISK, favourites, taught

FAST = {"factors": 8, "visual_factors": 8, "visual_lr": 0.05, **BRISK}
LOOKS = Table(Signal.VECTOR, torch.rand(9, 6, generator=stream(4)) - 0.2, None)
RATED = Interactions.of(
    torch.tensor([0, 0, 3, 4]), torch.tensor([1, 8, 2, 5]), 5, 9,
    ratings=torch.tensor([1.0, 5.0, 3.0, 2.0]),
)  # fmt: skip


@pytest.mark.slow
class TestVMF(RecommenderContract):
    make = partial(VMF, **FAST)


def small(**settings):
    model = VMF(Sizes(5, 9, (6,)), **{"factors": 3, "visual_factors": 2, "negatives": 0} | settings)
    model.take(RATED)
    model.begin(LOOKS, stream(0))
    for n, parameter in enumerate(model.parameters()):
        parameter.data.copy_(torch.randn(parameter.shape, generator=stream(n)))
    return model


def parts(model):
    """Predictions in units of the range, pair by pair."""
    f = LOOKS.rows.double()
    f = (f - f.mean(0)) / f.std(0, correction=0) / 6**0.5
    w = {name: value.double() for name, value in model.state_dict().items()}
    found = torch.zeros(5, 9, dtype=torch.float64)
    for u in range(5):
        for i in range(9):
            latent = w["user.weight"][u] @ w["item.weight"][i]
            seen = w["taste.weight"][u] @ (w["project.weight"] @ f[i])
            found[u, i] = 1 / (1 + torch.exp(-latent - seen))
    return found


def test_scores_are_stars_in_the_range_of_the_training():
    model = small().eval()
    items = torch.tensor([7, 2])
    found = model.score(torch.arange(5), model.encode(items, LOOKS))
    wanted = (1 + 4 * parts(model))[:, items].float()
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    pair = model(torch.tensor([3]), torch.tensor([2]), LOOKS)
    torch.testing.assert_close(pair, wanted[3:4, 1], rtol=1e-5, atol=1e-5)


def test_the_loss_is_the_squared_error_and_penalties():
    model = small(l2=0.3, l2_visual=0.2)
    users, items, stars = RATED.users, RATED.items, RATED.ratings.double()
    wanted = (parts(model)[users, items] - (stars - 1) / 4).square().mean()
    w = {name: value.double() for name, value in model.state_dict().items()}
    rows = w["user.weight"][users], w["item.weight"][items], w["taste.weight"][users]
    wanted += 0.15 * sum(part.square().sum() for part in rows) / 4
    wanted += 0.1 * w["project.weight"].square().sum()
    loss = model.batch_loss((users, items[:, None], RATED.ratings[:, None]), LOOKS)
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_the_epoch_is_judged_by_the_error_of_ratings():
    model = small()
    wanted = (1 + 4 * parts(model))[RATED.users, RATED.items] - RATED.ratings
    found = model._validate(RATED, RATED, LOOKS)
    assert found == pytest.approx(-wanted.square().mean().sqrt().item(), rel=1e-5)
    assert model.judged_by == "valid_minus_rmse"


def test_the_gradient_of_a_promotion_is_the_finite_difference():
    model = small().eval()
    for slope, difference in on_graphs.slopes(model, LOOKS, 5, [(0, 0), (0, 5), (1, 2)]):
        assert abs(slope) > 1e-6
        assert difference == pytest.approx(slope, rel=1e-3, abs=1e-8)


@pytest.mark.slow
def test_it_learns_from_pictures_and_a_picture_promotes(world, extractor):
    """Items that nobody has are ranked by their own pictures, not by those of others."""
    model = taught(VMF, **FAST)
    assert favourites(model) > 0.8
    assert 0.5 < on_graphs.promoted(model, world, extractor, 0.01) < 2
    share = on_graphs.cold_places(VMF, world, **FAST)
    assert share[0] < 0.7 * share[1], share


def test_what_it_cannot_learn_from_is_said():
    for wrong in ({"visual_factors": 0}, {"visual_lr": 0.0}, {"l2_visual": -1.0}):
        with pytest.raises(ConfigError, match=f"VMF.*{next(iter(wrong))}"):
            small(**wrong)
    alike = Interactions.of(RATED.users, RATED.items, 5, 9)
    with pytest.raises(DataError, match=r"VMF learns from ratings.*negatives=1"):
        VMF(Sizes(5, 9, (6,)), negatives=0).take(alike)
