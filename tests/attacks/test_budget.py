import pytest
import torch

from vrbench.attacks.budget import IMAGENET_STD, L2, Linf
from vrbench.attacks.feature_budget import Rows
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream

ITEMS = torch.arange(4)


def pictures(seed=0, n=4):
    return torch.randint(0, 256, (n, 3, 6, 6), generator=stream(seed)).float() / 255


@pytest.mark.parametrize("budget", [Linf(eps=8), L2(eps=50)], ids=repr)
def test_projection_is_idempotent_and_stays_in_the_ball(budget):
    clean, x = pictures(), torch.randn(4, 3, 6, 6, generator=stream(1))
    once = budget.project(x, clean)
    assert (budget.spent(once, clean) <= budget.eps * (1 + 1e-5)).all()
    assert torch.allclose(budget.project(once, clean), once, atol=1e-6)


@pytest.mark.parametrize("budget", [Linf(eps=8), L2(eps=50), Linf(eps=0)], ids=repr)
def test_what_is_inside_is_left_alone(budget):
    clean = pictures()
    assert torch.equal(budget.project(clean, clean), clean)
    assert torch.equal(budget.finish(clean, clean), clean)


@pytest.mark.parametrize("budget", [Linf(eps=8), L2(eps=50)], ids=repr)
def test_samples_fill_the_ball(budget):
    clean = torch.full((4, 3, 6, 6), 128 / 255)
    spent = budget.spent(budget.sample(clean, ITEMS, Streams(0)), clean)
    assert (spent <= budget.eps * (1 + 1e-5)).all()
    assert (spent > 0.8 * budget.eps).all()


def test_noise_is_uniform_in_the_box():
    clean = torch.full((1, 3, 60, 60), 128 / 255)
    away = (Linf(eps=10).sample(clean, torch.tensor([0]), Streams(0)) - clean) * 255
    assert abs(away.mean()) < 0.2
    assert away.std().item() == pytest.approx(10 / 3**0.5, rel=0.02)


@pytest.mark.parametrize("eps", [0.0, 1.0, 1.5, 2.5, 8.0])
def test_rounding_to_nearest_stays_in_the_ball(eps):
    clean, x = pictures(), pictures(1)
    for budget in (Linf(eps=eps), L2(eps=10 * eps)):
        finished = budget.finish(x, clean)
        assert (budget.spent(finished, clean) <= budget.eps + 1e-3).all()
        assert torch.allclose(finished * 255, (finished * 255).round(), atol=1e-4)


def test_rounding_is_to_the_nearest_level():
    clean = torch.full((1, 3, 1, 3), 100 / 255)
    x = clean + torch.tensor([0.4, 0.6, -0.6]) / 255
    finished = Linf(eps=2).finish(x, clean) * 255
    assert finished[0, 0, 0].tolist() == pytest.approx([100, 101, 99])


def test_truncation_in_normalised_space_erases_upward_steps():
    """Protocol 1.4: at eps 4, +eps changes no level and -eps lowers every one."""
    levels = torch.arange(3, 253).float()[None, None, None].expand(1, 3, 1, -1) / 255
    budget = Linf(eps=4, space="normalised", store="truncate")
    reach = 4 / 255 * torch.tensor(IMAGENET_STD)[:, None, None]
    up, down = budget.finish(levels + reach, levels), budget.finish(levels - reach, levels)
    assert ((up - levels) * 255).round().abs().max() == 0
    assert ((down - levels) * 255).round().unique().tolist() == [-1]
    budget = Linf(eps=8, space="normalised", store="truncate")
    up, down = budget.finish(levels + 2 * reach, levels), budget.finish(levels - 2 * reach, levels)
    assert ((up - levels) * 255).round().unique().tolist() == [1]
    assert ((down - levels) * 255).round().unique().tolist() == [-2]


def test_the_steepest_step_gains_most():
    slope = torch.randn(4, 3, 6, 6, generator=stream(3))
    for budget in (Linf(eps=1), L2(eps=1)):
        best = (budget.steepest(slope) * slope).flatten(1).sum(1)
        assert torch.allclose(
            budget.spent(budget.steepest(slope), torch.zeros_like(slope)), torch.ones(4)
        )
        for seed in range(5):
            other = budget.steepest(torch.randn(slope.shape, generator=stream(seed, "other")))
            assert ((other * slope).flatten(1).sum(1) < best).all()


@pytest.mark.parametrize("eps", [-1, float("nan"), "8/255", True, None])
@pytest.mark.parametrize("norm", [Linf, L2, Rows])
def test_a_radius_is_a_number_and_not_negative(norm, eps):
    with pytest.raises(ConfigError, match="expected eps >= 0, got"):
        norm(eps=eps)


def test_a_huge_radius_is_infinite_or_a_mistake():
    with pytest.raises(ConfigError, match=r"or \.inf for no limit"):
        L2(eps=1e12)


@pytest.mark.parametrize("norm", [Linf, L2])
@pytest.mark.parametrize(("eps", "meant"), [(8 / 255, "8"), (0.0314, "8"), (0.25, "64")])
def test_a_radius_in_which_no_picture_can_change_is_refused_with_the_right_number(norm, eps, meant):
    with pytest.raises(ConfigError, match=f"eps is in grey levels.* write {meant}$"):
        norm(eps=eps)


@pytest.mark.parametrize("store", ["float", "truncate"])
def test_a_fraction_is_refused_in_every_store_and_less_than_a_level_is_not(store):
    with pytest.raises(ConfigError, match=r"write 4$"):
        Linf(eps=4 / 255, store=store)
    assert Linf(eps=0.5, store=store).eps == 0.5
    assert L2(eps=0.5, store=store).eps == 0.5


def test_what_changes_nothing_depends_on_the_unit():
    with pytest.raises(ConfigError, match="no picture can change by 4"):
        Linf(eps=4, space="normalised")
    assert Linf(eps=4.4, space="normalised").eps == 4.4
    assert Rows(eps=0.01).eps == 0.01
    assert Linf(eps=0).eps == L2(eps=0).eps == 0
