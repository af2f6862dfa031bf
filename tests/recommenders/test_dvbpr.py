from functools import partial

import pytest
import torch
import torch.nn.functional as F

from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.extractors.base import Lesson
from vrbench.extractors.cnnf import CNNF
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.toy import Colour
from vrbench.extractors.training.standard import Standard
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.visual.dvbpr import DVBPR
from vrbench.testing.recommenders import PairwiseContract
from vrbench.testing.world import toy_world

FAST = {
    "factors": 8,
    "epochs": 12,
    "batch_size": 64,
    "lr": 0.1,
    "network_lr": 0.003,
    "l2": 0.001,
    "l2_network": 0.00001,
}


@pytest.fixture(scope="module")
def taught():
    """A small network that knows the colours, frozen as the bench leaves it."""
    world, network = toy_world(), Standard(SmallCNN(width=4), epochs=3, batch_size=8)
    network.build(world.catalogue.names)
    items, labels = torch.arange(36), world.catalogue.categories
    lesson = Lesson(world.catalogue.images, labels, world.catalogue.names, items[:30], items[30:])
    network.fit(lesson, stream(0))
    return network.eval().requires_grad_(False)


class Contract(PairwiseContract):
    trains = "all"

    @pytest.fixture(autouse=True)
    def made(self, taught):
        type(self).make = partial(self.build, taught)

    @classmethod
    def signal(cls):
        return DVBPR.signal

    def build(self, taught, sizes):
        return DVBPR(sizes, taught, **FAST, trains=self.trains)


class TestHead(Contract):
    trains = "head"


class TestLast(Contract):
    trains = "last"


class TestEndToEnd(Contract):
    def build(self, taught, sizes):
        return DVBPR(sizes, SmallCNN(width=4), **FAST, trains="all")


def model(taught, trains="last", **changes):
    return DVBPR(Sizes(30, 36, (3, 16, 16)), taught, **FAST | changes, trains=trains)


def test_a_batch_passes_every_distinct_picture_once(world, taught, monkeypatch):
    made, passed = model(taught, "all"), []
    see = type(taught).see
    monkeypatch.setattr(
        type(taught), "see", lambda self, x, s: (passed.append(len(x)), see(self, x, s))[1]
    )
    made.begin(world.catalogue.images, stream(0))
    liked, other = torch.tensor([0, 0, 1, 2]), torch.tensor([3, 1, 0, 3])
    made.loss(torch.arange(4), liked, other, world.catalogue.images)
    assert passed == [4]


def test_what_is_frozen_stays_and_what_learns_moves(world, taught):
    before = {k: v.clone() for k, v in taught.state_dict().items()}
    for trains, moves in (("head", []), ("last", ["stages.2"]), ("all", ["stem", "stages"])):
        made = model(taught, trains)
        made.fit(world.train, world.valid, world.catalogue.images, stream(0))
        for name, value in made.network.state_dict().items():
            learns = any(part in name for part in moves)
            if value.is_floating_point() and ("running" not in name or trains == "all"):
                assert torch.equal(value, before[name]) != learns, (trains, name)
        for name, value in taught.state_dict().items():  # it fine-tunes a copy
            assert torch.equal(value, before[name])


def test_training_through_the_trunk_is_training_through_the_network(world, taught):
    """The frozen part is seen once per fit; a batch by way of pixels costs the same loss."""
    made, images = model(taught, "last"), world.catalogue.images
    made.fit(world.train, world.valid, images, stream(0))
    with torch.no_grad():
        hidden = made._through_trunk(images)
        whole = made.look(torch.arange(36), images)
        assert torch.allclose(whole, made.project(made._net.halves()[1](hidden)), atol=1e-5)


def test_each_penalty_is_on_its_own_part(world, taught):
    """Elliot and VAR swap the two: a decay of 1 then lies on the network."""
    users, liked, other = torch.arange(3), torch.arange(3), torch.arange(3, 6)
    for setting, grows in (("l2", "user.weight"), ("l2_network", "project.weight")):
        made = model(taught, **{"l2": 0.0, "l2_network": 0.0} | {setting: 1.0})
        made.begin(world.catalogue.images, stream(0))
        _, penalty = made.compare(users, liked, other, world.catalogue.images)
        penalty.sum().backward()
        for name, parameter in made.named_parameters():
            if parameter.grad is not None and "network" not in name:
                reached = bool(parameter.grad.to_dense().abs().sum() > 0)
                assert reached == (name == grows), (setting, name)


def test_users_start_as_in_the_paper(world, taught):
    made = model(taught)
    made.begin(world.catalogue.images, stream(0))
    assert 0 <= made.user.weight.min() < 0.001
    assert 0.009 < made.user.weight.max() <= 0.01


def test_what_was_never_taught_cannot_be_frozen():
    with pytest.raises(ConfigError, match="freezes a network that was never taught"):
        model(SmallCNN(), "head")


def test_a_network_without_blocks_says_so():
    with pytest.raises(IncompatibleError, match="cannot be cut"):
        model(Colour(), "last")


def test_cnnf_is_the_network_of_the_paper():
    network = CNNF()
    shapes = [tuple(p.shape) for p in network.parameters() if p.ndim > 1]
    assert shapes[:5] == [
        (64, 3, 11, 11),
        (256, 64, 5, 5),
        (256, 256, 3, 3),
        (256, 256, 3, 3),
        (256, 256, 3, 3),
    ]
    assert shapes[5:7] == [(4096, 256 * 7 * 7), (4096, 4096)]
    with torch.no_grad():
        found = network.eval()(torch.rand(1, 3, 64, 64, generator=stream(0)))
    assert found.vector.shape == (1, 4096)
    assert found.maps.shape == (1, 49, 256)


@pytest.mark.slow
def test_cnnf_learns_end_to_end(world):
    made = DVBPR(
        Sizes(30, 36, (3, 16, 16)),
        CNNF(size=32, width=32),
        **FAST | {"epochs": 30, "network_lr": 0.001, "l2_network": 0.0},
        trains="all",
    )
    made.fit(world.train, world.valid, world.catalogue.images, stream(0))
    made.eval()
    with torch.no_grad():
        scores = made.score(torch.arange(30), made.encode(torch.arange(36), world.catalogue.images))
    likes = torch.arange(30)[:, None] % 3 == world.catalogue.categories
    centred = F.normalize(scores - scores.mean(1, keepdim=True))
    assert centred[likes].mean() > 0.1 > -0.04 > centred[~likes].mean()
