import pytest
import torch
from torch import nn

from vrbench.core.errors import ConfigError, DataError, DivergedError, StorageError
from vrbench.core.seeds import stream
from vrbench.data.sources.colours import COLOURS
from vrbench.generators import checkpoint
from vrbench.generators.lsgan import LSGAN
from vrbench.generators.networks import Discriminator, Generator
from vrbench.generators.training import Training, discriminator_loss, generator_loss

TINY = {"size": 16, "width": 4, "latent": 8, "batch_size": 12, "average": 0.9}


def fitted(world, epochs, seed=0, path=None, images=None, **changes):
    gan = LSGAN(**TINY | {"epochs": epochs} | changes)
    gan.build(world.catalogue.categories, 3)
    images = world.catalogue.images if images is None else images
    curve = gan.fit(images, torch.arange(36), stream(seed), path)
    return gan, curve


def same(one, other):
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(n == m and torch.equal(a, b) for (n, a), (m, b) in pairs)


class Spoilt:
    """Pictures that go wrong after so many batches."""

    def __init__(self, images, batches, how):
        self.images, self.left, self.how = images, batches, how

    def __getitem__(self, items):
        self.left -= 1
        return self.images[items] if self.left >= 0 else self.how(self.images[items])


def interrupt(x):
    raise KeyboardInterrupt


def test_losses_are_those_of_the_paper():
    real, made = torch.tensor([0.5, 2.0]), torch.tensor([0.25, -1.0])
    judged = ((0.5**2 + 0.25**2) / 2 + (1.0**2 + 1.0**2) / 2) / 2
    assert discriminator_loss(real, made) == pytest.approx(judged)
    assert generator_loss(made) == pytest.approx((0.75**2 + 2.0**2) / 2)


@pytest.mark.parametrize("kernel", [3, 4])
@pytest.mark.parametrize("size", [16, 32, 64])
def test_shapes(size, kernel):
    g = Generator(size=size, width=4, kernel=kernel, latent=5, classes=3)
    d = Discriminator(size=size, width=4, classes=3, normalised=True)
    y = torch.tensor([0, 2])
    made = g(torch.randn(2, 5, generator=stream(0)), y)
    assert made.shape == (2, 3, size, size)
    assert made.abs().max() <= 1
    assert d(made, y).shape == (2,)


def test_the_published_networks():
    g = Generator(size=64, width=64, kernel=3, latent=256, classes=6)
    found = [
        (m.in_channels, m.out_channels, m.stride[0], m.kernel_size[0])
        for m in g.modules()
        if isinstance(m, nn.ConvTranspose2d)
    ]
    assert (g.root.in_features, g.root.out_features) == (262, 256 * 16)
    assert found == [
        (256, 256, 2, 3),
        (256, 256, 1, 3),
        (256, 256, 2, 3),
        (256, 256, 1, 3),
        (256, 128, 2, 3),
        (128, 64, 2, 3),
        (64, 3, 1, 3),
    ]
    d = Discriminator(size=64, width=64, classes=6, normalised=True)
    found = [(m.in_channels, m.out_channels) for m in d.modules() if isinstance(m, nn.Conv2d)]
    assert found == [(9, 64), (70, 128), (134, 256), (262, 512)]
    assert d.head.in_features == 512 * 16
    assert sum(isinstance(m, nn.BatchNorm2d) for m in d.modules()) == 3


def test_both_networks_read_the_category():
    g = Generator(size=16, width=4, kernel=4, latent=5, classes=3).eval()
    d = Discriminator(size=16, width=4, classes=3, normalised=False).eval()
    z, y = torch.randn(1, 5, generator=stream(0)).expand(3, -1), torch.arange(3)
    made = g(z, y)
    assert (made[0] - made[1]).abs().max() > 0
    assert len(d(made[:1].expand(3, -1, -1, -1), y).unique()) == 3


def test_it_draws_each_category_in_its_colour(world):
    gan, curve = fitted(world, 60, lr=0.003, discriminator_lr=0.003)
    assert len(curve) == 60
    for category, colour in enumerate(COLOURS.values()):
        z = torch.randn(24, 8, generator=stream(category))
        made = gan.paint(z, torch.full((24,), category))
        assert torch.allclose(made.mean((0, 2, 3)), torch.tensor(colour), atol=0.2)


def test_same_seed_same_pictures(world):
    one, _ = fitted(world, 2)
    assert same(one, fitted(world, 2)[0])
    assert not same(one, fitted(world, 2, seed=1)[0])
    again = one.fit(world.catalogue.images, torch.arange(36), stream(0))
    assert len(again) == 2
    assert same(one, fitted(world, 2)[0])


def test_an_interrupted_training_ends_as_an_uninterrupted_one(world, tmp_path, monkeypatch):
    monkeypatch.setattr("vrbench.generators.training.EVERY", 0.0)
    whole, curve = fitted(world, 5)
    path = tmp_path / "kept"
    with pytest.raises(KeyboardInterrupt):  # in the middle of the third epoch
        fitted(world, 5, path=path, images=Spoilt(world.catalogue.images, 7, interrupt))
    assert len(checkpoint.load(path)[1]["curve"]) == 2
    rest = Spoilt(world.catalogue.images, 9, interrupt)  # three epochs of three batches
    gan, joined = fitted(world, 5, path=path, images=rest)
    assert joined == curve
    assert same(gan, whole)


def test_a_longer_training_goes_on_where_a_shorter_one_ended(world, tmp_path):
    fitted(world, 2, path=tmp_path / "kept")
    rest = Spoilt(world.catalogue.images, 6, interrupt)
    longer, _ = fitted(world, 4, path=tmp_path / "kept", images=rest)
    assert same(longer, fitted(world, 4)[0])
    shorter, curve = fitted(world, 1, path=tmp_path / "kept")
    assert len(curve) == 1
    assert same(shorter, fitted(world, 1)[0])


def test_a_diverged_training_stops_and_keeps_its_last_good_state(world, tmp_path):
    path, images = tmp_path / "kept", world.catalogue.images
    broken = Spoilt(images, 7, lambda x: x * torch.nan)
    message = r"the loss of the discriminator is nan in epoch 3.*after 2 epochs is kept: epochs=2"
    with pytest.raises(DivergedError, match=message):
        fitted(world, 5, path=path, images=broken)
    tensors, notes = checkpoint.load(path)
    assert len(notes["curve"]) == 2
    assert all(t.isfinite().all() for t in tensors.values() if t.is_floating_point())
    kept, _ = fitted(world, 2, path=path, images=None)
    assert same(kept, fitted(world, 2)[0])


def test_a_loss_or_gradient_out_of_hand_is_noticed(world):
    with pytest.raises(DivergedError, match=r"the loss of the \w+ is .* lower the rates$"):
        fitted(world, 20, discriminator_lr=100.0)
    gan = LSGAN(**TINY)
    gan.build(world.catalogue.categories, 3)
    training = Training(gan, stream(0))
    before = gan.discriminator.head.bias.clone()
    weight = gan.discriminator.head.bias
    loss = (weight - weight.detach()).sqrt().sum()  # finite, and infinitely steep
    with pytest.raises(DivergedError, match="a gradient of the discriminator is not finite"):
        training._descend("discriminator", loss + 0 * sum(p.sum() for p in gan.parameters()))
    assert torch.equal(gan.discriminator.head.bias, before)


def test_what_paints_is_the_running_mean(world):
    gan = LSGAN(**TINY | {"average": 0.75})
    gan.build(world.catalogue.categories, 3)
    training = Training(gan, stream(0))
    first = training.learner.root.weight.clone()
    training.step(2 * world.catalogue.images[torch.arange(12)] - 1, torch.arange(12) % 3)
    now = training.learner.root.weight
    assert not torch.equal(first, now)
    assert torch.allclose(gan.generator.root.weight, 0.75 * first + 0.25 * now)


def test_mistakes_are_named(world, tmp_path):
    with pytest.raises(ConfigError, match="power of two from 16, got 48"):
        LSGAN(size=48)
    with pytest.raises(ConfigError, match="expected 3 or 4, got 5"):
        LSGAN(kernel=5)
    with pytest.raises(ConfigError, match="rates > 0"):
        LSGAN(lr=0)
    with pytest.raises(DataError, match="36 pictures are less than a batch"):
        fitted(world, 1, batch_size=64)
    (tmp_path / "kept").write_bytes(b"no tensors")
    with pytest.raises(StorageError, match="delete it to begin anew"):
        fitted(world, 1, path=tmp_path / "kept")
