from functools import partial
from itertools import product

import pytest
import torch

from vrbench.core.errors import ConfigError, DivergedError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.gan.irgan import IRGAN
from vrbench.recommenders.gan.policy_gradient import drawn, policy_loss
from vrbench.testing.recommenders import NONE, RecommenderContract

FAST = {"factors": 8, "pretrain_epochs": 40, "pretrain_lr": 0.05, "pretrain_batch": 64}
FAST |= {"critic_batch": 512, "batch_size": 30, "samples": 16, "l2": 0.05, "dns": 2}
FAST |= {"lr": 0.005, "critic_lr": 0.005, "epochs": 4}
SIZES = Sizes(30, 36, ())


class TestGenerator(RecommenderContract):
    make = partial(IRGAN, **FAST)


class TestDiscriminator(RecommenderContract):
    make = partial(IRGAN, **FAST, predictor="discriminator")


def test_the_expected_gradient_is_the_expected_reward_s():
    """Over all possible picks of three, by their probabilities, against the closed form."""
    rng = stream(0)
    logits = torch.randn(1, 4, generator=rng, dtype=torch.float64).requires_grad_()
    worth = torch.randn(4, generator=rng, dtype=torch.float64)
    chance = 0.8 * logits.detach().softmax(1) + 0.2 * torch.tensor([[0.5, 0, 0.5, 0]])
    expected = torch.zeros_like(logits)
    for picks in product(range(4), repeat=3):
        picked = torch.tensor([picks])
        log_p = logits.log_softmax(1).gather(1, picked)
        weight = log_p.detach().exp() / chance.gather(1, picked)
        loss = policy_loss(log_p, weight, worth[picked])
        expected += chance[0, list(picks)].prod() * torch.autograd.grad(loss, logits)[0]
    reward = (logits.softmax(1) * worth).sum()
    (wanted,) = torch.autograd.grad(-reward, logits)
    assert wanted.abs().max() > 0.05
    assert torch.allclose(expected, wanted, atol=1e-12)


def test_a_huge_score_does_not_overflow(world):
    """Published code exponentiates scores as they are."""
    model = begun()
    model.generator.bias.weight.data[:3] = torch.tensor([[1000.0], [0.0], [-1000.0]])
    draws = torch.rand(30, 64, generator=stream(1))
    loss = model.generator_loss(torch.arange(30), world.train.matrix().float(), draws)
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in model.generator.parameters())
    assert not world.train.contains(*model.picks(world.train, stream(0))[::2]).any()


def test_items_are_drawn_by_their_chances():
    chance = torch.tensor([[0.0, 0.2, 0.0, 0.8, 0.0], [1.0, 1.0, 0.0, 0.0, 2.0]])
    found = drawn(chance, torch.rand(2, 20000, generator=stream(0)))
    share = torch.stack([row.bincount(minlength=5) for row in found]) / 20000
    assert torch.allclose(share, chance / chance.sum(1, keepdim=True), atol=0.02)
    assert not share[chance == 0].any()
    assert drawn(chance, torch.tensor([[0.0], [0.0]])).tolist() == [[1], [0]]


def begun(**changes):
    model = IRGAN(SIZES, **FAST | changes)
    model.begin(None, stream(0))
    return model


def test_the_discriminator_s_negatives_are_the_generator_s_picks(world):
    """What the generator scores high it picks often; the more so, the colder it is."""
    liked = 3
    users = torch.nonzero(~world.train.matrix()[:, liked]).squeeze(1)
    others = int((world.train.popularity > 0).sum()) - world.train.counts - 1

    def share(temperature):
        model = begun(temperature=temperature)
        model.generator.bias.weight.data[liked] = 1.0
        many = [model.picks(world.train, stream(n)) for n in range(40)]
        who, _, picked = (torch.cat(parts) for parts in zip(*many, strict=True))
        return (picked == liked)[torch.isin(who, users)].double().mean().item()

    for temperature in (0.5, 1.0):
        odds = torch.tensor(1 / temperature).exp()
        weight = world.train.counts[users].double()
        wanted = (weight * odds / (odds + others[users])).sum() / weight.sum()
        assert share(temperature) == pytest.approx(wanted.item(), abs=0.03)


def test_a_like_is_never_a_negative(world):
    """Published code picks likes too, which are then real and made at once."""
    model = begun()
    model.generator.item.weight.data.add_(1)
    users, liked, picked = model.picks(world.train, stream(0))
    assert world.train.contains(users, liked).all()
    assert not world.train.contains(users, picked).any()
    assert torch.equal(users.bincount(minlength=30), world.train.counts)
    nobody = torch.nonzero(world.train.popularity == 0)
    assert not torch.isin(picked, nobody).any()


def test_pre_training_takes_the_hardest_of_the_others(world):
    model = begun(dns=3, l2=0.0)
    model.generator.bias.weight.data.copy_(torch.arange(36.0)[:, None] / 36)
    users, liked, others = torch.tensor([0, 1]), torch.tensor([2, 3]), torch.tensor([[4, 9, 7]] * 2)
    loss = model.batch_loss((users, liked, others), None)
    margin = model.generator(users, liked) - model.generator(users, torch.tensor([9, 9]))
    assert torch.allclose(loss, torch.nn.functional.softplus(-margin).mean())


def test_the_reward_moves_the_generator_towards_what_the_discriminator_likes(world):
    model = begun()
    model.critic.load_state_dict(model.generator.state_dict())
    model.critic.bias.weight.data[5] = 9.0
    users, items, own = torch.arange(30), torch.arange(36), world.train.matrix().float()
    before = model.generator.table(users, items).softmax(1)
    optimiser = torch.optim.Adam(model.generator.parameters(), lr=0.05)
    for n in range(20):
        draws = torch.rand(30, 64, generator=stream(n))
        optimiser.zero_grad()
        model.generator_loss(users, own, draws).backward()
        optimiser.step()
    gain = (model.generator.table(users, items).softmax(1) - before).mean(0)
    assert gain.argmax() == 5
    assert gain[5] > 0.2


def scores(world, **changes):
    model = IRGAN(SIZES, **FAST | {"pretrain_epochs": 2, "epochs": 3} | changes)
    empty = Interactions.of(NONE, NONE, 30, 36)
    model.fit(world.train, empty, world.catalogue.images, stream(0))
    return model.eval().score(torch.arange(30), torch.arange(36)).detach()


def test_the_generator_s_loss_moves_the_ranking(world):
    still = scores(world, lr=1e-12)
    moved = scores(world)
    assert (still.argsort(1) != moved.argsort(1)).float().mean() > 0.2
    assert not torch.allclose(moved, scores(world, critic_lr=1e-12), atol=1e-3)  # D's part in it


def test_without_pretraining_both_players_start_alike(world):
    model = IRGAN(SIZES, **FAST | {"pretrain_epochs": 0, "epochs": 1})
    empty = Interactions.of(NONE, NONE, 30, 36)
    history = model.fit(world.train, empty, world.catalogue.images, stream(0))
    assert len(history.epochs) == 1


def test_the_predictor_says_who_ranks(world):
    assert not torch.allclose(scores(world), scores(world, predictor="discriminator"), atol=1e-3)


def test_a_training_that_blows_up_says_what_to_lower(world):
    model = IRGAN(SIZES, **FAST | {"critic_lr": 1e30})
    with pytest.raises(DivergedError, match=r"recommender\.critic_lr"):
        model.fit(world.train, world.valid, world.catalogue.images, stream(0))
    assert all(p.isfinite().all() for p in model.parameters())


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="predictor: expected generator or discriminator"):
        IRGAN(SIZES, predictor="both")
    with pytest.raises(ConfigError, match="temperature"):
        IRGAN(SIZES, temperature=0)
    with pytest.raises(ConfigError, match="samples >= 2"):
        IRGAN(SIZES, samples=1)
