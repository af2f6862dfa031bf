from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

from vrbench.core.errors import ConfigError, DataError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.multivae import MultiVAE, divergence
from vrbench.recommenders.sparse_matrix import matrix_of
from vrbench.testing.recommenders import NONE, RecommenderContract

FAST = {"hidden": 24, "latent": 8, "epochs": 80, "batch_size": 10, "lr": 0.01}
SIZES = Sizes(30, 36, ())


class TestMultiVAE(RecommenderContract):
    make = partial(MultiVAE, **FAST, anneal_steps=100)


def begun(world, **changes):
    model = MultiVAE(SIZES, **FAST | changes)
    model.history.hold(matrix_of(world.train))
    model.begin(None, stream(0))
    return model


def test_the_divergence_is_summed_over_dimensions():
    """Elliot averages it, which makes the penalty as many times smaller as there are."""
    mean, log_variance = torch.randn(2, 5, 7, generator=stream(0))
    wanted = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(divergence(mean, log_variance), wanted, atol=1e-5)


def test_the_loss_is_the_multinomial_s_and_the_divergence(world):
    model = begun(world, dropout=0.0, anneal_steps=0, beta=0.3)
    users = torch.tensor([3, 8])
    x = world.train.matrix().float()[users]
    mean, log_variance = model.posterior(x)
    noise = torch.randn(mean.shape, generator=torch.Generator().set_state(model._rng.get_state()))
    logits = model.decode(mean + noise * (0.5 * log_variance).exp())
    total = 0.0
    for row, logit, mu, s in zip(x, logits, mean, log_variance, strict=True):
        total -= logit.softmax(0)[row > 0].log().sum().item()
        total += 0.3 * 0.5 * (mu**2 + s.exp() - s - 1).sum().item()
    assert model.loss(users).item() == pytest.approx(total / 2, rel=1e-5)


def test_the_input_has_length_one(world):
    """So that twice the feedback of one kind is no other user."""
    model = begun(world).eval()
    x = world.train.matrix().float()[:4]
    assert torch.allclose(model.posterior(x)[0], model.posterior(3 * x)[0], atol=1e-6)


def test_dropout_thins_the_input_in_training_only(world):
    model = begun(world, dropout=0.9)
    x = world.train.matrix().float()
    model.train()
    assert not torch.equal(model.posterior(x)[0], model.posterior(x)[0])
    model.eval()
    assert torch.equal(model.posterior(x)[0], model.posterior(x)[0])


def test_beta_rises_step_by_step_and_anew_for_each_fit(world):
    model = MultiVAE(SIZES, **FAST | {"epochs": 2}, beta=0.4, anneal_steps=12)
    none = Interactions.of(NONE, NONE, 30, 36)
    for _ in range(2):
        model.fit(world.train, none, None, stream(0))
        assert model._steps == 6  # three batches of ten users in each of two epochs
        assert model.annealed() == pytest.approx(0.2)
    model._steps = 50
    assert model.annealed() == 0.4
    assert MultiVAE(SIZES, **FAST, anneal_steps=0).annealed() == 0.2


def test_scores_are_the_decoder_s_at_the_mean(world):
    model = begun(world).eval()
    users = torch.tensor([5, 1])
    mean, _ = model.posterior(world.train.matrix().float()[users])
    wanted = model.decode(mean)
    found = model.score(users, model.encode(torch.arange(36), None))
    assert torch.allclose(found, wanted, atol=1e-6)
    assert not torch.allclose(F.softmax(wanted, 1), torch.full((2, 36), 1 / 36), atol=1e-4)


def test_every_parameter_gets_a_gradient(world):
    model = begun(world, anneal_steps=0)
    model.loss(torch.arange(5)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_users_without_feedback_are_not_taught_and_are_scored():
    train = Interactions.of(torch.tensor([4, 4, 9]), torch.tensor([0, 1, 1]), 30, 36)
    none = Interactions.of(NONE, NONE, 30, 36)
    model = MultiVAE(SIZES, **FAST | {"epochs": 1})
    (batch,) = model.batches(train, stream(0))
    assert sorted(batch[0].tolist()) == [4, 9]
    model.fit(train, none, None, stream(0))
    assert torch.isfinite(model.eval().score(torch.arange(30), model.encode(NONE, None))).all()
    assert torch.isfinite(model.score(torch.arange(30), model.encode(torch.arange(36), None))).all()
    with pytest.raises(DataError, match="nothing to learn"):
        model.fit(none, none, None, stream(0))


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="MultiVAE: expected hidden"):
        MultiVAE(SIZES, beta=-1.0)
    with pytest.raises(ConfigError, match="dropout"):
        MultiVAE(SIZES, dropout=1.0)
