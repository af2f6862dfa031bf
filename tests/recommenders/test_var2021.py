"""Each published fault does what it did there, and is off unless asked for."""

from functools import partial

import pytest
import torch

from tests.recommenders.test_acf import maps  # noqa: F401 (a fixture)
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.extractors.small import SmallCNN
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.var2021.acf import ACF2021
from vrbench.recommenders.var2021.amr import AMR2021
from vrbench.recommenders.var2021.dvbpr import DVBPR2021
from vrbench.recommenders.var2021.fm import FM2021
from vrbench.recommenders.var2021.vbpr import VBPR2021
from vrbench.testing.recommenders import RecommenderContract

FAST = {"factors": 8, "epochs": 60, "batch_size": 32}
RATES = {"lr_user": 0.1, "lr_item": 0.1, "lr_visual": 0.3, "l2_user": 0.001}
USERS, LIKED, OTHER = torch.tensor([0, 1, 2]), torch.tensor([0, 1, 2]), torch.tensor([4, 5, 0])


class TestVBPR2021(RecommenderContract):
    make = partial(VBPR2021, **FAST, **RATES)


@pytest.mark.slow
class TestAMR2021(RecommenderContract):
    make = partial(AMR2021, **FAST, **RATES, eps=0.1)


class TestFM2021(RecommenderContract):
    make = partial(FM2021, **FAST | {"epochs": 20}, lr=0.1)


class TestACF2021(RecommenderContract):
    make = partial(ACF2021, **FAST | {"batch_size": 64}, attention=8, lr=0.02)

    def test_ids_are_only_names(self):
        pytest.skip("the liked item in its own history decides too much in a world this small")


@pytest.mark.slow
class TestDVBPR2021(RecommenderContract):
    make = partial(
        DVBPR2021,
        factors=8,
        epochs=10,
        batch_size=32,
        lr=0.1,
        network_lr=0.003,
        l2=0.001,
        l2_network=0.0,
    )

    @classmethod
    def signal(cls):
        return DVBPR2021.signal

    def model(self, world, shape):
        labels = world.catalogue.categories
        return type(self).make(Sizes(30, 36, shape, labels), SmallCNN(width=4))


@pytest.fixture
def vectors(world, extractor):
    items = torch.arange(36)
    return Table(Signal.VECTOR, extractor.see(world.catalogue.images[items], Signal.VECTOR), None)


def test_the_loss_of_a_batch_is_a_sum(vectors):
    model = VBPR2021(Sizes(30, 36, (3,)), **FAST)
    model.begin(vectors, stream(0))
    whole = model.loss(USERS, LIKED, OTHER, vectors)
    parts = [model.loss(USERS[[n]], LIKED[[n]], OTHER[[n]], vectors) for n in range(3)]
    assert whole.item() == pytest.approx(sum(p.item() for p in parts), rel=1e-5)


@pytest.mark.parametrize("linear", [False, True])
def test_a_linear_penalty_pushes_everything_down(vectors, linear):
    """Squares pull towards zero from both sides; values push towards minus infinity."""
    model = VBPR2021(Sizes(30, 36, (3,)), **FAST, l2_user=1e6, linear_reg=linear)
    model.begin(vectors, stream(0))
    model.loss(USERS, LIKED, OTHER, vectors).backward()
    gradient = model.user.weight.grad.to_dense()[USERS]
    value = model.user.weight[USERS]
    same_sign = (gradient * value > 0).float().mean().item()
    assert (same_sign > 0.95) == (not linear)
    assert bool((gradient > 0).all()) == linear


def test_amr_is_vbpr_for_half_of_its_epochs(vectors):
    model = AMR2021(Sizes(30, 36, (3,)), **FAST)
    plain = VBPR2021(Sizes(30, 36, (3,)), **FAST)
    for m in (model, plain):
        m.begin(vectors, stream(0))
    halves, losses = [], []
    for epochs in model.phases():
        halves.append(epochs)
        losses.append(model.loss(USERS, LIKED, OTHER, vectors).item())
    assert halves == [30, 30]
    assert losses[0] == pytest.approx(plain.loss(USERS, LIKED, OTHER, vectors).item(), rel=1e-6)
    assert losses[0] < losses[1]


@pytest.mark.parametrize("fault", ["collide", "misfiled"])
def test_a_faulty_fm_learns_its_training_data_all_the_same(world, vectors, fault):
    model = FM2021(Sizes(30, 36, (3,)), **FAST | {"epochs": 20}, lr=0.1, **{fault: True})
    history = model.fit(world.train, world.valid, vectors, stream(0))
    assert history.epochs[-1]["loss"] < 0.8 * history.epochs[0]["loss"]


def test_features_and_items_collide_when_asked_to(vectors):
    """Feature 2 and item 2 are one row: items 0 and 1 change with it, through their pictures."""
    changed = {}
    for collide in (False, True):
        model = FM2021(Sizes(30, 36, (3,)), **FAST, collide=collide)
        model.begin(vectors, stream(0))
        items, users = torch.arange(36), torch.arange(30)
        before = model.score(users, model.encode(items, vectors))
        with torch.no_grad():
            model.item.weight[2] += 1
        after = model.score(users, model.encode(items, vectors))
        changed[collide] = (before != after).any(0).nonzero().flatten().tolist()
    assert changed[False] == [2]
    assert changed[True] == list(range(36))


def test_scores_are_misfiled_when_asked_to(world, vectors):
    users, items = torch.tensor([0, 0, 1, 2]), torch.tensor([7, 9, 3, 7])
    train = Interactions.of(users, items, 30, 36)
    none = torch.empty(0, dtype=torch.int64)
    models = [FM2021(Sizes(30, 36, (3,)), **FAST, misfiled=m) for m in (False, True)]
    for model in models:
        model.fit(train, Interactions.of(none, none, 30, 36), vectors, stream(0))
    right, wrong = (m.score(users, m.encode(torch.arange(36), vectors)) for m in models)
    # In the order of their first purchase.
    torch.testing.assert_close(wrong[:, :3], right[:, [7, 9, 3]])
    assert not torch.allclose(wrong[:, :3], right[:, :3])


def test_a_cut_gradient_teaches_nothing_but_item_vectors(world, maps):  # noqa: F811
    for cut in (False, True):
        model = ACF2021(Sizes(30, 36, maps.shape), **FAST, cut_gradient=cut)
        model.begin(maps, stream(0))
        model.remember(world.train)
        margin, _ = model.compare(USERS, LIKED, OTHER, maps)
        margin.sum().backward()
        learns = {n for n, p in model.named_parameters() if p.grad is not None}
        assert (learns == {"item.weight"}) == cut
        assert "look.weight" in learns or cut


def test_scrambled_maps_are_runs_of_channels(maps):  # noqa: F811
    model = ACF2021(Sizes(30, 36, maps.shape), **FAST, scrambled=True)
    item = torch.tensor([4])
    channels_first = maps[item][0].T  # (C, L), as a network gives it
    assert torch.equal(model.maps(item, maps)[0].flatten(), channels_first.flatten())


def test_clean_images_hide_the_attack(world):
    images = world.catalogue.images
    item = torch.tensor([5])
    attacked = images.overlay(item, 1 - images[item])
    for blind in (False, True):
        model = DVBPR2021(
            Sizes(30, 36, (3, 16, 16)), SmallCNN(width=4), factors=8, clean_images=blind
        )
        model.begin(images, stream(0))
        model.eval()
        with torch.no_grad():
            same = torch.equal(model.encode(item, images), model.encode(item, attacked))
        assert same == blind
