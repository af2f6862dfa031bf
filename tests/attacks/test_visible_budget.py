"""Budgets of what may be seen: a share of the pixels, likeness by SSIM, distance by LPIPS."""

import pytest
import torch
from skimage.metrics import structural_similarity

from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.perceptual_budget import PerceptualDistance
from vrbench.attacks.visible_budget import Area, Likeness
from vrbench.cli.choices import choose
from vrbench.core import lpips_network
from vrbench.core.errors import ConfigError, IncompatibleError, MissingDataError
from vrbench.core.seeds import Streams, stream
from vrbench.core.weights import fingerprint
from vrbench.metrics.lpips import LPIPS
from vrbench.testing.world import Redder, red_removed

ITEMS = torch.arange(4)


def pictures(seed=0, side=20):
    return torch.randint(0, 256, (4, 3, side, side), generator=stream(seed)).float() / 255


@pytest.mark.parametrize("eps", [1.0, 5.0, 33.3, 100.0])
def test_an_area_is_a_share_of_the_pixels(eps):
    clean, budget = pictures(), Area(eps=eps)
    found = budget.finish(pictures(1), clean)
    changed = ((found * 255).round() != (clean * 255).round()).any(1).flatten(1).sum(1)
    assert (changed <= int(eps / 100 * 400)).all()
    assert (changed >= int(eps / 100 * 400) - 3).all()  # of 400, one or two are drawn alike
    assert (budget.excess(found, clean) <= 0).all()


def test_the_pixels_kept_are_those_that_change_most():
    clean = torch.full((1, 3, 10, 10), 0.5)
    x = clean.clone()
    x[0, 0, 3, 4], x[0, 2, 7, 7], x[0, 1, 1, 1] = 0.9, 0.2, 0.55
    kept = (Area(eps=2).project(x, clean) != clean).any(1)[0].nonzero()
    assert kept.tolist() == [[3, 4], [7, 7]]


def test_one_whole_step_in_an_area_removes_the_reddest_pixels():
    """The optimum on a linear goal is known: the reddest twentieth of the pixels loses all red."""
    clean, step = pictures(), PGD(steps=1, step=1.0, random_start=False)
    x = step(clean, ITEMS, Redder(), Area(eps=5), Streams(0))
    best = clean[:, 0].flatten(1).sort(dim=1, descending=True).values[:, :20].sum(1)
    assert torch.allclose((clean - x)[:, 0].flatten(1).sum(1), best, rtol=1e-4)


@pytest.mark.parametrize("eps", [1.0, 5.0])
def test_likeness_is_scikit_images_ssim_and_is_used_up(eps):
    clean, budget = pictures(), Likeness(eps=eps)
    found = budget.finish(pictures(1), clean)
    for a, b in zip(found.double(), clean.double(), strict=True):
        told = structural_similarity(
            a.numpy(), b.numpy(), channel_axis=0, data_range=1.0, gaussian_weights=True,
            use_sample_covariance=False,
        )  # fmt: skip
        assert 0.8 * eps < 100 * (1 - told) <= eps + 0.3  # its window's edges are padded
    assert (budget.spent(found, clean) <= eps).all()
    assert torch.allclose(found * 255, (found * 255).round(), atol=1e-3)


@pytest.mark.parametrize("budget", [Area(eps=5), Likeness(eps=5)], ids=repr)
def test_what_is_inside_is_left_alone_and_samples_are_inside(budget):
    clean = pictures()
    assert torch.equal(budget.finish(clean, clean), clean)
    assert (budget.spent(budget.sample(clean, ITEMS, Streams(0)), clean) <= budget.eps).all()
    assert (red_removed(PGD(steps=10), budget) > 1).all()


@pytest.mark.parametrize("kind", [Area, Likeness, PerceptualDistance])
@pytest.mark.parametrize("eps", [-1, 101, float("inf")])
def test_a_percentage_is_one(kind, eps):
    with pytest.raises(ConfigError):
        kind(eps=eps)


def test_too_small_a_picture_is_said():
    x = torch.zeros(1, 3, 8, 8)
    with pytest.raises(IncompatibleError, match="11 x 11"):
        Likeness(eps=5).spent(x, x)


def test_any_number_is_a_choice():
    assert choose("budget", "area_3").eps == 3
    assert choose("budget", "ssim_2").eps == 2


@pytest.fixture
def trunk(tmp_path, monkeypatch):
    """A SqueezeNet of random weights that passes for the published one."""
    from safetensors.torch import save_file
    from torchvision.models import squeezenet1_1

    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        network = squeezenet1_1()
    told = fingerprint(network.features.state_dict())
    monkeypatch.setitem(lpips_network.FINGERPRINTS, "squeezenet1_1", told)
    monkeypatch.setenv("VRBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    save_file(network.state_dict(), tmp_path / "squeezenet1_1.safetensors")


def test_a_perceptual_budget_is_lpips_and_is_used_up(trunk):
    clean, measured = pictures(), LPIPS(net="squeeze")
    unlike = measured.compare(clean, pictures(1))
    eps = 50 * float(unlike.min())  # half of what there is
    budget = PerceptualDistance(eps=eps, net="squeeze")
    found = budget.finish(pictures(1), clean)
    told = 100 * measured.compare(clean, found)
    assert (told <= eps * (1 + 1e-4)).all()
    assert (told >= 0.95 * eps).all()
    assert (budget.excess(found, clean) <= 0).all()
    assert (budget.excess(pictures(1), clean) > 0).all()
    assert torch.allclose(found * 255, (found * 255).round(), atol=1e-3)
    alone = torch.cat([budget.finish(pictures(1)[n : n + 1], clean[n : n + 1]) for n in range(4)])
    assert torch.equal(alone, found)


def test_an_attack_goes_to_the_edge_of_a_perceptual_budget_and_a_larger_one_further(trunk):
    attack = PGD(steps=1, step=10.0, random_start=False)
    small, large = (PerceptualDistance(eps=eps, net="squeeze") for eps in (0.05, 0.5))
    assert (red_removed(attack, small) > 0).all()
    assert (red_removed(attack, large) > red_removed(attack, small)).all()


def test_without_its_trunk_a_perceptual_budget_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("VRBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    with pytest.raises(MissingDataError, match="scripts/weights") as told:
        PerceptualDistance(eps=5)
    assert "\n" not in str(told.value)
    with pytest.raises(ConfigError, match="alex, vgg or squeeze"):
        PerceptualDistance(eps=5, net="resnet")
