"""Patches: where, how large, the best one of a linear loss, and what re-encoding leaves of them."""

import io
from functools import partial
from statistics import fmean

import numpy as np
import pytest
import torch
from PIL import Image

from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.goal import Verdict
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.gradient.reencoded import Reencoded
from vrbench.attacks.jpeg_surrogate import jpeg
from vrbench.attacks.semantic.patch import Patch
from vrbench.attacks.visible_budget import Area
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract, classified_as
from vrbench.testing.world import Redder

pytestmark = pytest.mark.slow  # a minute and more together

FREE = L2(eps=float("inf"))
ITEMS = torch.arange(6)


class TestPatch(AttackContract):
    make = partial(Patch, area=20.0, steps=10)
    budget = Area(eps=20)

    def test_beats_noise(self, clean):
        """Noise of an area is pixels anywhere; a square is compared with doing nothing."""
        x = self.run(clean[2:], torch.arange(2, 6), Redder())
        assert (Redder().judge(x, ITEMS[:4]).loss < Redder().judge(clean[2:], ITEMS[:4]).loss).all()


class TestReencoded(AttackContract):
    make = partial(Reencoded, PGD(steps=4), samples=2)


class TestPatchEOT(TestPatch):
    make = partial(Reencoded, Patch(area=20.0, steps=6), samples=2)


def photos(count=6, side=32):
    """Smooth pictures on the 8-bit grid."""
    small = torch.rand(count, 3, 6, 6, generator=stream(8))
    large = torch.nn.functional.interpolate(small, [side, side], mode="bicubic").clamp(0, 1)
    return (large * 255).round() / 255


class Linear:
    def __init__(self, side=32):
        self.weight = torch.randn(6, 3, side, side, generator=stream(5))

    def judge(self, x, items):
        loss = (self.weight[items] * x).flatten(1).sum(1)
        return Verdict(loss, loss)


@pytest.mark.parametrize("area", [1, 5, 10])
def test_a_square_of_the_budgets_area_changes_and_nothing_else(area):
    clean = photos()
    x = Patch(steps=20)(clean, ITEMS, Linear(), Area(eps=area), Streams(0))
    side = int((area / 100 * 32 * 32) ** 0.5)
    for changed in (x != clean).any(1):
        rows, columns = changed.any(1).nonzero(), changed.any(0).nonzero()
        assert rows.max() - rows.min() + 1 == side
        assert columns.max() - columns.min() + 1 == side
        assert changed.sum() > 0.9 * side**2
    assert (Area(eps=area).spent(x, clean) <= area).all()


def test_the_best_patch_of_a_linear_loss_is_found():
    """By trying every place, with black or white values by the sign of the weights."""
    clean, goal, side = photos(), Linear(), 7
    x = Patch(steps=40)(clean, ITEMS, goal, Area(eps=5), Streams(0))
    gain = goal.weight * clean - goal.weight.clamp(max=0)
    best = gain.sum(1).unfold(1, side, 1).unfold(2, side, 1).sum((3, 4)).flatten(1).amax(1)
    found = goal.judge(clean, ITEMS).loss - goal.judge(x, ITEMS).loss
    assert torch.allclose(found, best, rtol=0.01)


@pytest.mark.parametrize(
    ("place", "corner"), [("top_left", (0, 0)), ("bottom_right", (25, 25)), ("right", (12, 25))]
)
def test_a_place_can_be_fixed(place, corner):
    clean = photos()
    x = Patch(place=place, steps=5)(clean, ITEMS, Linear(), Area(eps=5), Streams(0))
    changed = (x != clean).any(1).any(0).nonzero()
    assert tuple(changed.amin(0).tolist()) == corner


def test_its_size_must_be_told_and_other_budgets_cut_it_down():
    clean = photos()
    with pytest.raises(IncompatibleError, match="area_N"):
        Patch()(clean, ITEMS, Linear(), FREE, Streams(0))
    x = Patch(area=25.0)(clean, ITEMS, Linear(), Linf(eps=8), Streams(0))
    assert (x - clean).abs().amax() * 255 <= 8.001
    with pytest.raises(ConfigError):
        Patch(area=0.0)


def saved(x, quality):
    """As Pillow writes and reads a picture."""
    rows = []
    for picture in (x * 255).round().byte().permute(0, 2, 3, 1).numpy():
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        rows.append(np.asarray(Image.open(file)))
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).float() / 255


@pytest.mark.parametrize("quality", [30, 50, 75, 95])
@pytest.mark.parametrize("side", [32, 40, 33])
def test_the_surrogate_is_near_what_pillow_makes(quality, side):
    x = photos(side=side)
    ours, theirs = jpeg(x, quality), saved(x, quality)
    assert ours.shape == x.shape
    assert (ours - theirs).abs().mean() * 255 < 2.5
    noise = (torch.rand(x.shape, generator=stream(2)) * 255).round() / 255
    lost, really = (jpeg(noise, quality) - noise), (saved(noise, quality) - noise)
    assert lost.norm().item() == pytest.approx(really.norm().item(), rel=0.15)


def test_its_gradient_says_what_is_discarded():
    """Nothing of a fine pattern comes through at quality 30; of a coarse one the rounding's share.

    That is the mean of ``3 (v - round(v)) ** 2``, a quarter.
    """
    board = (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 2.0 - 1
    x = torch.linspace(0.2, 0.8, 97)[:, None, None, None].expand(-1, 3, 16, 16).requires_grad_()
    for pattern, low, high in ((board, 0, 0.001), (torch.ones(16, 16), 0.2, 0.3)):
        (slope,) = torch.autograd.grad((jpeg(x, 30) * pattern).sum(), x)
        came = (slope * pattern).sum() / x.numel()
        assert low <= abs(came) <= high


def network():
    """One that looks at fine detail: what re-encoding changes most."""
    rng = torch.Generator().manual_seed(6)
    weight = torch.randn(16, 3, 3, 3, generator=rng)
    head = torch.randn(3, 16 * 16, generator=rng)

    def logits(x):
        seen = torch.nn.functional.conv2d(x, weight, padding=1).relu()
        pooled = torch.nn.functional.avg_pool2d(seen, 8).flatten(1)
        return 0.1 * pooled @ head.T

    return logits


def uploaded(x, quality, cut, size):
    """As another shop might keep it, by Pillow alone: cropped, made smaller, saved, enlarged."""
    rows = []
    for picture in (x * 255).round().byte().permute(0, 2, 3, 1).numpy():
        whole = Image.fromarray(picture)
        side = whole.width
        file = io.BytesIO()
        part = whole.crop((cut, cut, side - cut, side - cut)).resize((size, size), Image.BILINEAR)
        part.save(file, "JPEG", quality=quality)
        rows.append(np.asarray(Image.open(file).resize((side, side), Image.BILINEAR)))
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).float() / 255


def test_a_patch_with_eot_survives_re_encoding_better_than_one_without():
    clean, goal = photos(), classified_as(network(), 1)
    plain = Patch(steps=60)
    budget = Area(eps=10)

    def lost(x, *ways):
        with torch.no_grad():
            before = fmean(goal.judge(clean, ITEMS).loss.tolist())
            return fmean(
                before - goal.judge(uploaded(x, *way), ITEMS).loss.mean().item() for way in ways
            )

    bare = plain(clean, ITEMS, goal, budget, Streams(0))
    robust = Reencoded(plain)(clean, ITEMS, goal, budget, Streams(0))
    ways = [(60, 1, 24), (80, 0, 20), (50, 1, 30), (75, 0, 28)]
    assert lost(robust, *ways) > 1.2 * lost(bare, *ways) > 0
    with torch.no_grad():
        assert goal.judge(bare, ITEMS).loss.mean() < goal.judge(robust, ITEMS).loss.mean()


def test_re_encoding_asks_for_gradients_and_for_settings_in_range():
    with pytest.raises(ConfigError):
        Reencoded(PGD(), quality=0)
    with pytest.raises(ConfigError):
        Reencoded(PGD(), crop=0.6)
