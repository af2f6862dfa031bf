from functools import partial

import pytest
import torch
import torch.nn.functional as F

from tests.recommenders.test_vbpr import FAST
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.visual.amr import AMR
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.testing.recommenders import PairwiseContract


class TestAMR(PairwiseContract):
    make = partial(AMR, **FAST, adversarial_epochs=10, eps=0.1)


@pytest.fixture
def visuals(world, extractor):
    seen = extractor.see(world.catalogue.images[torch.arange(36)], Signal.VECTOR)
    return Table(Signal.VECTOR, seen, None)


def test_without_weight_it_is_vbpr_bit_for_bit(world, visuals):
    plain, amr = VBPR(Sizes(30, 36, (3,)), **FAST), AMR(Sizes(30, 36, (3,)), **FAST, weight=0.0)
    for model in (plain, amr):
        model.fit(world.train, world.valid, visuals, stream(0))
    for name, value in plain.state_dict().items():
        assert torch.equal(value, amr.state_dict()[name]), name


def test_the_second_phase_changes_the_model(world, visuals):
    plain = VBPR(Sizes(30, 36, (3,)), **FAST)
    amr = AMR(Sizes(30, 36, (3,)), **FAST, eps=0.5, adversarial_epochs=5)
    for model in (plain, amr):
        model.fit(world.train, world.valid, visuals, stream(0))
    assert not torch.equal(plain.project.weight, amr.project.weight)


def test_the_change_has_length_eps_and_raises_the_loss(world, visuals):
    model = AMR(Sizes(30, 36, (3,)), **FAST, eps=0.05)
    model.fit(world.train, world.valid, visuals, stream(0))
    users = torch.tensor([0, 1, 2, 3, 0])
    liked, other = torch.tensor([0, 1, 2, 0, 0]), torch.tensor([4, 5, 0, 7, 1])
    items, where = torch.cat([liked, other]).unique(return_inverse=True)
    yes, no = where[:5], where[5:]
    seen = model.seen(items, visuals)
    delta = model.perturbation(users, liked, other, seen, yes, no)
    assert torch.allclose(delta.norm(dim=1), torch.full((len(items),), 0.05), atol=1e-6)

    def loss(features):
        margin, _ = model.compare_seen(users, liked, other, features[yes] - features[no])
        return F.softplus(-margin).sum()

    noise = 0.05 * F.normalize(torch.randn(delta.shape, generator=stream(0)), dim=1)
    assert loss(seen + delta) > loss(seen + noise)
    assert loss(seen + delta) > loss(seen)
