"""The smallest change of a row that takes a first place, against distances that are known."""

import pytest
import torch

from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.collaborative.distilled import DistilledNeuMF
from vrbench.recommenders.collaborative.neumf import NeuMF
from vrbench.threats.first_place import FirstPlace, smallest_changes

SIZES = Sizes(30, 36, ())
USERS = torch.arange(12)
NCF = {
    "user": ["user.weight", "user_deep.weight"],
    "item": ["item.weight", "item_deep.weight"],
}


def drawn(make, **settings):
    """Return a model with parameters by chance."""
    model = make(SIZES, **settings)
    model.begin(None, stream(0))
    for weight in model.parameters():
        weight.data.copy_(0.3 * torch.randn(weight.shape, generator=stream(1)))
    return model.eval().requires_grad_(False)


def found(model, world, side, tables):
    return smallest_changes(FirstPlace(model, world.train, None, USERS, side=side, tables=tables))


@pytest.fixture
def factors():
    model = drawn(BPRMF, factors=6)
    model.bias.weight.data.zero_()
    return model


def left(model, world, users):
    scores = model.score(users, model.encode(torch.arange(36), None))
    return scores.masked_fill(world.train.matrix()[users], -torch.inf)


def test_a_user_s_row_goes_to_the_nearest_plane_between_two_items(factors, world):
    seen = found(factors, world, "user", ["user.weight"])
    scores, rows = left(factors, world, seen.user), factors.item.weight
    assert torch.equal(seen.item, scores.argmax(1))
    lead = scores.gather(1, seen.item[:, None]) - scores
    apart = (rows[seen.item][:, None] - rows).norm(dim=2)
    nearest = (lead / apart).nan_to_num(nan=torch.inf).amin(1)
    assert (seen.length >= nearest * 0.999).all()
    assert (seen.length <= nearest * 1.1).all()
    typical = factors.user.weight.norm(dim=1).mean()
    torch.testing.assert_close(seen.share, seen.length / typical)


def test_an_item_s_row_goes_along_the_user_s(factors, world):
    seen = found(factors, world, "item", ["item.weight"])
    assert len(seen.item.unique()) == len(seen.item) > 3
    best = left(factors, world, seen.user).topk(2, 1).values
    nearest = (best[:, 0] - best[:, 1]) / factors.user.weight[seen.user].norm(dim=1)
    assert (seen.length >= nearest * 0.999).all()
    assert (seen.length <= nearest * 1.1).all()


@pytest.mark.parametrize("side", ["user", "item"])
def test_neumf_s_rows_of_both_towers_move_and_the_model_is_left_as_it_was(side, world):
    model = drawn(NeuMF, factors=4, hidden=16, depth=2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    seen = found(model, world, side, NCF[side])
    assert seen.length.isfinite().all()
    assert (seen.length > 0).all()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_scale_of_scores_does_not_matter(world):
    """What defensive distillation changes, a temperature of the scores, hides nothing here."""
    settings = {"factors": 4, "hidden": 16, "depth": 2}
    model = drawn(NeuMF, **settings)
    hot = drawn(DistilledNeuMF, **settings, temperature=50.0)
    assert left(hot, world, USERS).amax() > 10 * left(model, world, USERS).amax()
    for side in NCF:
        plain, distilled = (found(m, world, side, NCF[side]) for m in (model, hot))
        torch.testing.assert_close(plain.length, distilled.length, rtol=0.02, atol=1e-4)


def test_a_user_with_one_item_left_has_no_first_place_to_lose(factors, world):
    users = torch.cat([torch.zeros(35), torch.ones(1)]).long()
    train = Interactions.of(users, torch.cat([torch.arange(35), torch.zeros(1).long()]), 30, 36)
    goal = FirstPlace(factors, train, None, USERS[:3], side="user", tables=["user.weight"])
    assert goal.users.tolist() == [1, 2]


def test_a_table_of_the_other_side_is_refused(factors, world):
    with pytest.raises(ConfigError, match=r"expected some of .*user\.weight.*, got item\.weight"):
        found(factors, world, "user", ["item.weight"])
    with pytest.raises(ConfigError, match="side: expected user or item"):
        found(factors, world, "shop", ["item.weight"])
