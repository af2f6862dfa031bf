"""One adversarial phase for seven models: what it changes, by how much, and what it costs them."""

import copy
from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from tests.recommenders.test_graph_and_fields import OfFields
from tests.recommenders.test_sequential import InOrder, timed
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.adversarial import (
    AdversarialCDAE,
    AdversarialFISM,
    AdversarialFM,
    AdversarialMultiVAE,
    AdversarialNeuMF,
)
from vrbench.recommenders.collaborative.autoencoders import CDAE
from vrbench.recommenders.collaborative.factorisation_machines import AttributeFM
from vrbench.recommenders.collaborative.fism import FISM
from vrbench.recommenders.collaborative.multivae import MultiVAE
from vrbench.recommenders.collaborative.neumf import NeuMF
from vrbench.recommenders.sequential.adversarial import AdversarialGRU4Rec, AdversarialSASRec
from vrbench.recommenders.sequential.gru4rec import GRU4Rec
from vrbench.recommenders.sequential.sasrec import SASRec
from vrbench.testing.recommenders import RecommenderContract
from vrbench.threats.embedding_loss import Learnt

PAIRS = {"epochs": 20, "batch_size": 64, "lr": 0.05}
USERS = {"epochs": 40, "batch_size": 10, "lr": 0.02}
WINDOWS = {"epochs": 20, "batch_size": 16, "lr": 0.03, "length": 8, "eval_every": 5}
SMALL = {
    FISM: {**PAIRS, "factors": 8, "l2": 0.001},
    NeuMF: {**PAIRS, "factors": 8, "hidden": 16, "lr": 0.02, "l2": 0.001},
    AttributeFM: {**PAIRS, "factors": 8, "lr": 0.02},
    CDAE: {**USERS, "factors": 8},
    MultiVAE: {**USERS, "hidden": 24, "latent": 8, "anneal_steps": 100},
    SASRec: {**WINDOWS, "factors": 16, "blocks": 1},
    GRU4Rec: {**WINDOWS, "factors": 32, "epochs": 30, "dropout": 0.5},
}
TRAINED = {
    FISM: AdversarialFISM,
    NeuMF: AdversarialNeuMF,
    AttributeFM: AdversarialFM,
    CDAE: AdversarialCDAE,
    MultiVAE: AdversarialMultiVAE,
    SASRec: AdversarialSASRec,
    GRU4Rec: AdversarialGRU4Rec,
}
MODELS = pytest.mark.parametrize("plain", SMALL, ids=lambda made: made.__name__)
SIZES = Sizes(30, 36, (), torch.arange(36) % 3)


def small(plain, **changes):
    return partial(TRAINED[plain], **SMALL[plain], adversarial_epochs=4, eps=0.1, **changes)


class TestFISM(RecommenderContract):
    make = small(FISM)


@pytest.mark.slow
class TestNeuMF(RecommenderContract):
    make = small(NeuMF)


@pytest.mark.slow
class TestFM(OfFields):
    make = small(AttributeFM)


@pytest.mark.slow
class TestCDAE(RecommenderContract):
    make = small(CDAE)


@pytest.mark.slow
class TestMultiVAE(RecommenderContract):
    make = small(MultiVAE)


@pytest.mark.slow
class TestSASRec(InOrder):
    make = small(SASRec)


class TestGRU4Rec(InOrder):
    make = small(GRU4Rec)


@pytest.fixture
def shop(world):
    return replace(world, train=world.train.dated_like(timed(len(world.train))))


def of_phase(plain, shop, **changes):
    """Return a model in its second phase, its parameters away from zeros, and a batch."""
    model = TRAINED[plain](SIZES, **SMALL[plain] | changes)
    model.take(shop.train)
    model.begin(None, stream(0))
    for weight in model.parameters():
        weight.data.add_(0.1 * torch.randn(weight.shape, generator=stream(1)))
    model._adversarial = True
    return model.train(), next(iter(model.batches(shop.train, stream(2))))


def without_penalty(plain, model, moved=()):
    """Return the plain model with the same parameters, but those ``moved``, and no penalty."""
    settings = SMALL[plain] | ({"l2": 0.0} if "l2" in model.spec else {})
    made = plain(SIZES, **settings)
    made.begin(None, stream(0))
    made.load_state_dict(model.state_dict())
    made._rng = copy_of(model._rng) if hasattr(model, "_rng") else None
    drops = [m for m in made.modules() if hasattr(m, "p") and hasattr(m, "rng")]
    (rng,) = {m.rng for m in model.modules() if hasattr(m, "p") and hasattr(m, "rng")} or {None}
    own = None if rng is None else copy_of(rng)
    for drop in drops:
        drop.rng = own
    for name, delta in dict(moved).items():
        made.get_parameter(name).data.add_(delta)
    return made.train()


def copy_of(rng):
    return torch.Generator().set_state(rng.get_state())


def slopes(model, batch):
    model.zero_grad()
    loss = model.batch_loss(batch, None)
    loss.backward()
    found = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return loss.detach(), {n: g.to_dense().clone() for n, g in found.items()}


@MODELS
@pytest.mark.parametrize("off", ["eps", "weight"])
def test_without_a_change_it_is_the_plain_model_bit_for_bit(plain, off, shop):
    brief = SMALL[plain] | {"epochs": 2}
    none = {off: 0.0}
    if off == "eps" and "decoder_eps" in TRAINED[plain].defaults:
        none["decoder_eps"] = 0.0
    made = [plain(SIZES, **brief), TRAINED[plain](SIZES, **brief, **none)]
    for model in made:
        model.fit(shop.train, shop.valid, shop.catalogue.images, stream(0))
    for name, value in made[0].state_dict().items():
        assert torch.equal(value, made[1].state_dict()[name]), name


@MODELS
def test_the_change_is_the_normalised_gradient_of_the_fit(plain, shop):
    model, batch = of_phase(plain, shop, eps=0.07)
    _, wanted = slopes(without_penalty(plain, model), batch)
    change = model.change(batch, None)
    assert change.keys() == model.perturbed.keys()
    for name, delta in change.items():
        axis = 1 if model.perturbed[name] == "rows" else 0
        length = model.radius(name) * F.normalize(wanted[name], dim=axis)
        torch.testing.assert_close(delta, length, atol=1e-5, rtol=1e-3)
        sizes = delta.norm(dim=axis)
        assert (sizes > 0).any()
        reached = sizes[sizes > 0]
        torch.testing.assert_close(reached, torch.full_like(reached, model.radius(name)))


@MODELS
def test_the_loss_is_the_clean_one_and_that_of_changed_tables(plain, shop):
    """In value and in gradient, with the same dropout, noise and drawn items in both."""
    model, batch = of_phase(plain, shop, eps=0.05, weight=0.3)
    held = dict(model.named_parameters())
    change = copy.deepcopy(model).change(batch, None)
    same = without_penalty(plain, model)
    _, unmoved = slopes(same, batch)
    moved, by_moved = slopes(without_penalty(plain, model, change), batch)
    free, _ = slopes(without_penalty(plain, model), batch)
    model._adversarial = False
    twin = copy.deepcopy(model)
    clean, by_clean = slopes(twin, batch)
    model._adversarial = True
    loss, by_loss = slopes(model, batch)
    torch.testing.assert_close(loss, clean + 0.3 * moved)
    assert moved > free
    assert by_moved.keys() == unmoved.keys()
    for name, slope in by_loss.items():
        wanted = by_clean[name] + 0.3 * by_moved[name]
        torch.testing.assert_close(slope, wanted, atol=1e-5, rtol=1e-3)
    assert all(model.get_parameter(name) is weight for name, weight in held.items())


@MODELS
def test_no_noise_of_that_length_raises_the_fit_more(plain, shop):
    model, batch = of_phase(plain, shop, eps=0.05)
    change = copy.deepcopy(model).change(batch, None)
    worst, _ = slopes(without_penalty(plain, model, change), batch)
    for seed in range(5):
        noise = {}
        for name, delta in change.items():
            axis = 1 if model.perturbed[name] == "rows" else 0
            drawn = F.normalize(torch.randn(delta.shape, generator=stream(seed)), dim=axis)
            noise[name] = drawn * delta.norm(dim=axis, keepdim=True)
        found, _ = slopes(without_penalty(plain, model, noise), batch)
        assert worst > found


def test_a_decoder_has_a_length_of_its_own(shop):
    model, batch = of_phase(CDAE, shop, eps=0.0, decoder_eps=0.2)
    change = model.change(batch, None)
    assert not change["owned.weight"].any()
    assert not change["user.weight"].any()
    assert change["item.weight"].norm(dim=1).max().item() == pytest.approx(0.2, abs=1e-5)
    assert sum(1 for _ in model.phases()) == 2


def test_multivae_s_lead_is_a_difference_of_scores(world):
    model = MultiVAE(SIZES, **SMALL[MultiVAE])
    model.fit(world.train, world.valid, world.catalogue.images, stream(0))
    model.eval().requires_grad_(False)
    users, liked, other = torch.tensor([3, 0, 3]), torch.tensor([1, 2, 5]), torch.tensor([7, 8, 9])
    scores = model.score(users, model.encode(torch.arange(36), None))
    row = torch.arange(3)
    lead = model.lead(users, liked, other, None)
    torch.testing.assert_close(lead, scores[row, liked] - scores[row, other])


def test_attacks_on_parameters_reach_an_autoencoder_s_last_layer(world):
    model = MultiVAE(SIZES, **SMALL[MultiVAE])
    model.fit(world.train, world.valid, world.catalogue.images, stream(0))
    learnt = Learnt(world.train, model, world.catalogue.images, biases=False)
    assert {name: table.shape for name, table in learnt.tables.items()} == {
        "leave.weight": (36, 24)
    }
    zero = {name: torch.zeros_like(table) for name, table in learnt.tables.items()}
    up = learnt.slope(zero)
    step = {name: 0.01 * F.normalize(slope, dim=1) for name, slope in up.items()}
    assert learnt.loss(step) > learnt.loss(zero)


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="AdversarialFISM: expected eps"):
        AdversarialFISM(SIZES, eps=-1.0)
    with pytest.raises(ConfigError, match="AdversarialCDAE: expected decoder_eps"):
        AdversarialCDAE(SIZES, decoder_eps=-1.0)
