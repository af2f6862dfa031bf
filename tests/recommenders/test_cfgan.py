from functools import partial

import pytest
import torch
import torch.nn.functional as F

from vrbench.core.errors import ConfigError, DivergedError
from vrbench.core.seeds import stream
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.gan.cfgan import CFGAN
from vrbench.testing.recommenders import RecommenderContract

FAST = {"hidden": 24, "critic_hidden": 12, "batch_size": 9, "critic_batch": 9, "eval_every": 2}
FAST |= {"lr": 0.005, "critic_lr": 0.005, "epochs": 60, "alpha": 0.05}
SIZES = Sizes(30, 36, ())


class TestItemRows(RecommenderContract):
    make = partial(CFGAN, **FAST | {"epochs": 24})


@pytest.mark.slow
class TestUserRows(RecommenderContract):
    make = partial(CFGAN, **FAST, rows="user", scheme="ZR")


def begun(**changes):
    model = CFGAN(SIZES, **FAST | changes)
    model.begin(None, stream(0))
    return model


def rows(n=5, width=30):
    rng = stream(1)
    return (torch.rand(n, width, generator=rng) < 0.3).float(), torch.rand(
        2, n, width, generator=rng
    )


def test_the_discriminator_moves_the_generator():
    """In Elliot's CFGAN the sample is made outside the tape, and only the penalty moves it."""
    model = begun(alpha=0.0, l2=0.0)
    model.generator_loss(*rows()).backward()
    for name, parameter in model.generator.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_the_generator_s_loss_moves_the_ranking(world):
    """Against no discriminator to speak of it cannot learn what users want."""
    none = torch.empty(0, dtype=torch.int64)
    empty = type(world.train).of(none, none, 30, 36)

    def scores(**changes):
        model = CFGAN(SIZES, **FAST | {"epochs": 5} | changes)
        model.fit(world.train, empty, world.catalogue.images, stream(0))
        model.eval()
        return model.score(torch.arange(30), model.encode(torch.arange(36), None))

    assert not torch.allclose(scores(), scores(critic_lr=1e-12), atol=1e-3)


def test_the_losses_are_the_papers():
    model = begun(l2=0.3, critic_l2=0.2)
    real, draws = rows()
    made = model.generator(real)
    mask = real + (1 - real) * (draws[0] < 0.7)
    fake = model.critic(torch.cat([real, made * mask], 1))
    zeros = ((1 - real) * (draws[1] < 0.7) * made**2).sum(1).mean()
    weights = [p for p in model.generator.parameters() if p.ndim == 2]
    wanted = F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake)) + 0.05 * zeros
    wanted = wanted + 0.15 * sum((w**2).sum() for w in weights)
    assert torch.allclose(model.generator_loss(real, draws), wanted, atol=1e-5)
    true = model.critic(torch.cat([real, real], 1))
    wanted = F.binary_cross_entropy_with_logits(true, torch.ones_like(true))
    wanted = wanted + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    weights = [p for p in model.critic.parameters() if p.ndim == 2]
    wanted = wanted + 0.1 * sum((w**2).sum() for w in weights)
    assert torch.allclose(model.critic_loss(real, draws), wanted, atol=1e-5)


@pytest.mark.parametrize(("scheme", "masks", "zeros"), [("ZR", 0, 1), ("PM", 1, 0), ("ZP", 1, 1)])
def test_schemes_mask_and_reconstruct_what_they_say(scheme, masks, zeros):
    model = begun(scheme=scheme)
    real, draws = rows()
    _, fake, wanted = model.made(real, draws)
    assert bool((fake[real == 0] != 0).any()) == bool(masks)
    assert bool(wanted.any()) == bool(zeros)
    assert not (wanted * real).any()  # a port marks positives: it would unlearn them


def test_no_batch_is_empty_where_the_size_divides_the_rows(world):
    """Published code makes one, whose mean is no number."""
    model = begun(batch_size=12)  # of 36
    sizes = [len(real) for real, _ in model.batches(world.train, stream(0))]
    assert sizes == [12, 12, 12]


def test_a_training_that_blows_up_says_so(world):
    model = CFGAN(SIZES, **FAST | {"lr": 1e30})
    with pytest.raises(DivergedError, match=r"lower recommender\.lr"):
        model.fit(world.train, world.valid, world.catalogue.images, stream(0))


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="zr and pm in"):
        CFGAN(SIZES, zr=1.5)
    with pytest.raises(ConfigError, match="scheme ZR, PM or ZP"):
        CFGAN(SIZES, scheme="ZZ")
