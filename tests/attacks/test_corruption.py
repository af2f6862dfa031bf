"""Common corruptions: what each does to pictures whose answer is known."""

import io
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.corruption import PUBLISHED, Corruption, strength
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract
from vrbench.testing.world import Redder

FREE = L2(eps=float("inf"))
KINDS = list(PUBLISHED[64])


class Free(AttackContract):
    budget = FREE
    beats_noise = False

    @pytest.mark.parametrize("budget", [FREE, Linf(eps=float("inf")), Linf(eps=0)], ids=repr)
    def test_result_could_have_been_uploaded(self, clean, budget):
        super().test_result_could_have_been_uploaded(clean, budget)


class TestBrightness(Free):
    make = partial(Corruption, kind="brightness", severity=3)


class TestJPEG(Free):
    make = partial(Corruption, kind="jpeg", severity=3)


class TestBlur(Free):
    make = partial(Corruption, kind="blur", severity=3)


class TestNoise(Free):
    make = partial(Corruption, kind="noise", severity=3)


class TestResize(Free):
    make = partial(Corruption, kind="resize", severity=3)


def photos(count=3, side=64):
    """Smooth pictures with an edge and a little texture."""
    across = torch.linspace(0, 1, side)
    page = 0.2 + 0.5 * across[:, None] * across.flip(0)
    x = torch.stack([page.roll(9 * n, 1) for n in range(3 * count)]).reshape(count, 3, side, side)
    x = x + 0.05 * torch.rand(x.shape, generator=stream(2))
    x[:, :, side // 3 : side // 2, side // 4 :] *= 0.3
    return (x * 255).round() / 255


def corrupted(x, kind, severity, seed=0):
    items = torch.arange(len(x))
    attack = Corruption(kind=kind, severity=severity)
    return attack(x, items, Redder(), FREE, Streams(seed))


@pytest.mark.parametrize("kind", KINDS)
def test_a_higher_severity_distorts_more(kind):
    x = photos()
    far = torch.stack([(corrupted(x, kind, s) - x).flatten(1).norm(dim=1) for s in range(1, 6)])
    assert (far[0] > 0).all()
    assert (far.diff(dim=0) > 0).all(), far


@pytest.mark.parametrize("kind", KINDS)
def test_only_noise_is_drawn(kind):
    x = photos()
    same = torch.equal(corrupted(x, kind, 2), corrupted(x, kind, 2, seed=1))
    assert same == (kind != "noise")


def test_brightness_adds_to_the_highest_channel_and_keeps_proportions():
    x = torch.tensor([[0.2, 0.4, 0.1], [0.0, 0.0, 0.0], [0.6, 0.3, 0.9]]).mul(255).round() / 255
    pixels = x.T.reshape(1, 3, 1, 3).expand(1, 3, 64, 3).repeat(1, 1, 1, 30)
    found = corrupted(pixels, "brightness", 2)[0, :, 0, :3].T * 255
    expected = torch.tensor([[76.5, 153.0, 39.0], [51.0, 51.0, 51.0], [170.0, 85.0, 255.0]])
    assert (found - expected).abs().max() < 1.01


@pytest.mark.parametrize("severity", [1, 5])
def test_jpeg_is_what_pillow_writes_and_reads(severity):
    x, file = photos(1), io.BytesIO()
    levels = (x[0] * 255).round().byte().permute(1, 2, 0).numpy()
    quality = {1: 65, 5: 25}[severity]
    Image.fromarray(levels).save(file, format="JPEG", quality=quality)
    read = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)
    assert torch.equal((corrupted(x, "jpeg", severity)[0] * 255).round().byte(), read)


def test_severities_are_those_published_for_the_nearest_size():
    sides, expected = (16, 45, 46, 119, 120, 500), [58, 58, 50, 50, 15, 15]
    assert [strength("jpeg", 3, side) for side in sides] == expected
    assert [strength("blur", 5, side) for side in (64, 96, 224, 448)] == [1.5, 2.25, 6, 12]


def test_a_blurred_point_is_a_gaussian_as_wide_as_the_picture_is():
    """At 112 pixels severity 2 is .75 pixels of 64."""
    x = torch.zeros(1, 3, 112, 112)
    x[:, :, 56, 56] = 1
    attack, exact = Corruption(kind="blur", severity=2), L2(eps=float("inf"), store="float")
    found = attack(x, torch.arange(1), Redder(), exact, Streams(0))[0, 0]
    at = torch.arange(112) - 56.0
    assert found.sum().item() == pytest.approx(1, abs=1e-4)
    assert (found.sum(0) * at**2).sum().item() == pytest.approx((0.75 * 1.75) ** 2, abs=0.02)
    assert (found.sum(1) * at**2).sum().item() == pytest.approx((0.75 * 1.75) ** 2, abs=0.02)


def test_noise_has_the_deviation_of_its_severity():
    x = torch.full((4, 3, 64, 64), 128 / 255)
    change = corrupted(x, "noise", 3) - x
    assert change.std().item() == pytest.approx(0.12, rel=0.03)
    assert change.mean().abs().item() < 0.003


def test_what_survives_a_smaller_size_is_what_fits_in_it():
    """A board of single pixels is gone at half of the size; a ramp is hardly touched."""
    board = (torch.arange(64) + torch.arange(64)[:, None]).remainder(2).float()
    ramp = (torch.arange(64).expand(64, 64) * 4).float() / 255
    x = torch.stack([board, ramp])[:, None].repeat(1, 3, 1, 1)
    found = corrupted(x, "resize", 5)[:, :, 4:-4, 4:-4]
    assert (found[0] - 0.5).abs().max() < 0.05
    assert (found[1] - x[1, :, 4:-4, 4:-4]).abs().max() < 0.02


def test_a_budget_with_a_limit_and_unknown_severities_are_refused():
    x, items = photos(1), torch.arange(1)
    attack = Corruption(kind="jpeg", severity=3)
    for budget in (Linf(eps=8), L2(eps=500)):
        with pytest.raises(IncompatibleError, match="keeps to no limit: it needs budget=free"):
            attack(x, items, Redder(), budget, Streams(0))
    for severity in (0, 6, 2.5):
        with pytest.raises(ConfigError, match="severity in 1 to 5"):
            Corruption(kind="blur", severity=severity)
    with pytest.raises(ConfigError, match=r"Corruption\.kind"):
        Corruption(kind="fog", severity=1)


def test_nobody_is_asked():
    class Nobody:
        def judge(self, x, items):
            raise AssertionError

    x = photos(1)
    for kind in KINDS:
        Corruption(kind=kind, severity=1)(x, torch.arange(1), Nobody(), FREE, Streams(0))
