from functools import partial

import pytest
import torch

from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.visual.vnpr import VNPR
from vrbench.testing.recommenders import PairwiseContract
from vrbench.testing.world import BRISK_LOOKS

FAST = {"factors": 8, **BRISK_LOOKS, "epochs": 60}


class TestVNPR(PairwiseContract):
    make = partial(VNPR, **FAST)


@pytest.mark.slow
class TestTwoTowers(PairwiseContract):
    """The paper's form; what the second tower makes of liked items nobody teaches it."""

    make = partial(VNPR, **FAST, towers=2)
    ranks_well = False

    def test_another_seed_is_another_model(self):
        pytest.skip("as with one tower")

    def test_pairs_and_comparisons_agree(self, world, visuals):
        """The liked item goes through the first tower, the other through the second."""
        model, (users, liked, other) = self.begun(world, visuals).eval(), self.batch()
        margin, _ = model.compare(users, liked, other, visuals)
        (yes, _), look = model.encode(liked, visuals)
        (_, no), other_look = model.encode(other, visuals)
        expected = model._pair(0, users, yes, look) - model._pair(1, users, no, other_look)
        torch.testing.assert_close(margin, expected)


def test_the_score_is_that_of_the_paper(world, extractor):
    """The fast scoring of all items is the tower, pair by pair."""
    f = torch.randn(36, 5, generator=stream(9))
    visuals = Table(Signal.VECTOR, f, None)
    for towers in (1, 2):
        model = VNPR(Sizes(30, 36, (5,)), **FAST, components=4, towers=towers).eval()
        model.begin(visuals, stream(0))
        found = model.score(torch.arange(30), model.encode(torch.arange(36), visuals))
        look = model.seen(torch.arange(36), visuals) @ model.axes
        for u, i in ((0, 0), (3, 35), (29, 7)):
            expected = 0.0
            for n in range(towers):
                product = torch.cat(
                    [
                        model.user.weight[u] * model.item[n].weight[i],
                        model.eye.weight[u] * look[i],
                    ]
                )
                hidden = torch.relu(model.first[n].weight @ product + model.first[n].bias)
                expected += (model.last[n].weight[0] @ hidden).item() / towers
            assert found[u, i].item() == pytest.approx(expected, abs=1e-4)
        assert (found < 0).any()  # the last unit is linear: no score is stuck at zero


def test_components_are_principal(world):
    """Those of scikit-learn, up to sign and scale."""
    from sklearn.decomposition import PCA

    f = torch.randn(36, 6, generator=stream(1)) * torch.tensor([9.0, 5, 3, 1, 0.5, 0.1])
    visuals = Table(Signal.VECTOR, f, None)
    model = VNPR(Sizes(30, 36, (6,)), **FAST, components=3, scale="none")
    model.begin(visuals, stream(0))
    ours = torch.nn.functional.normalize(model.axes, dim=0)
    theirs = torch.from_numpy(PCA(3).fit(f.double().numpy()).components_).float().T
    assert (ours * theirs).sum(0).abs().min() > 0.95
    made = model.seen(torch.arange(36), visuals) @ model.axes
    assert made.square().mean().item() == pytest.approx(1.0, rel=1e-3)


def test_dropout_draws_from_the_fits_own_generator(world, extractor):
    seen = extractor.see(world.catalogue.images[torch.arange(36)], Signal.VECTOR)
    visuals, weights = Table(Signal.VECTOR, seen, None), []
    for seed in (1, 2):
        torch.random.default_generator.manual_seed(seed)  # a global state that must not matter
        model = VNPR(Sizes(30, 36, (3,)), **FAST | {"epochs": 2}, dropout=0.5)
        model.fit(world.train, world.valid, visuals, stream(0))
        weights.append(model.first[0].weight.clone())
    assert torch.equal(*weights)
