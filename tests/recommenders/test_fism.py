from functools import partial

import pytest
import torch

from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.fism import FISM
from vrbench.recommenders.sparse_matrix import matrix_of
from vrbench.testing.recommenders import PairwiseContract

FAST = {"factors": 8, "epochs": 60, "batch_size": 64, "lr": 0.05, "l2": 1e-3}
# User 0 has five items, user 1 one, user 2 none.
FEW = Interactions.of(torch.tensor([0] * 5 + [1]), torch.tensor([0, 1, 2, 3, 4, 2]), 3, 6)


class TestFISM(PairwiseContract):
    make = partial(FISM, **FAST)

    def begun(self, world, visuals):
        model = super().begun(world, visuals)
        model.history.hold(matrix_of(world.train))
        return model

    def test_pairs_and_comparisons_agree(self, world, visuals):
        """They do where the liked item is not in the history, or is left there."""
        users, liked, other = self.batch(60)
        owned = world.train.contains(users, liked)
        for excluded, agrees in ((True, ~owned), (False, torch.ones_like(owned))):
            model = FISM(Sizes(30, 36, ()), **FAST, exclude_target=excluded)
            model.begin(visuals, stream(0))
            model.history.hold(matrix_of(world.train))
            margin, penalty = model.compare(users, liked, other, visuals)
            pairs = model(users, liked, visuals) - model(users, other, visuals)
            assert margin.shape == penalty.shape == users.shape
            assert torch.isclose(margin, pairs, atol=1e-6).tolist() == agrees.tolist()
        full = model.score(users, model.encode(liked, visuals))
        assert torch.allclose(full.diagonal(), model(users, liked, visuals), atol=1e-6)


def begun(**changes):
    model = FISM(Sizes(3, 6, ()), **FAST | changes)
    model.history.hold(matrix_of(FEW))
    model.begin(None, stream(0))
    model.bias.weight.data.normal_(generator=stream(1))
    return model


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_scores_are_the_formula_s(alpha):
    model = begun(alpha=alpha)
    p, q, b = model.taste.weight, model.item.weight, model.bias.weight[:, 0]
    wanted = torch.stack(
        [q @ p[:5].sum(0) * 5**-alpha + b, q @ p[2] + b, b]  # nobody's sum is nothing
    )
    found = model.score(torch.arange(3), model.encode(torch.arange(6), None))
    assert torch.allclose(found, wanted, atol=1e-6)


def test_the_liked_item_does_not_speak_for_itself():
    model = begun(alpha=0.5)
    p, q, b = model.taste.weight, model.item.weight, model.bias.weight[:, 0]
    users, liked, other = torch.tensor([0, 1]), torch.tensor([3, 2]), torch.tensor([5, 5])
    margin, _ = model.compare(users, liked, other, None)
    rest = p[[0, 1, 2, 4]].sum(0) * 4**-0.5
    assert margin[0].item() == pytest.approx((rest @ (q[3] - q[5]) + b[3] - b[5]).item(), abs=1e-6)
    assert margin[1].item() == pytest.approx((b[2] - b[5]).item())  # it was all there was
    margin.sum().backward()
    assert model.taste.weight.grad[3].abs().max() < 1e-9
    assert model.taste.weight.grad[2].abs().max() > 1e-3


def test_a_user_s_sum_does_not_depend_on_the_company(world):
    """In a padded batch a short history would also sum what stands for nothing."""
    model = begun()
    together = model.history_of(torch.tensor([1, 0, 2, 1]))
    for row, user in zip(together, (1, 0, 2, 1), strict=True):
        torch.testing.assert_close(row, model.history_of(torch.tensor([user]))[0])


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="FISM: expected alpha"):
        FISM(Sizes(1, 1, ()), alpha=1.5)
