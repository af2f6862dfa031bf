"""Changes in whole grey levels: in the ball, as long as can be, and along the change."""

from itertools import product

import pytest
import torch

from vrbench.attacks.budget import L2
from vrbench.attacks.levels import whole_levels
from vrbench.core.seeds import stream
from vrbench.core.spec import describe, digest

INF = float("inf")


def pictures(n=4, size=64):
    return torch.randint(0, 256, (n, 3, size, size), generator=stream(0, size)).float() / 255


def changed(clean, eps, share=1.0, seed=1):
    """Pictures at the end of the ball, or at a share of it, in a random direction."""
    away = torch.randn(clean.shape, generator=stream(seed))
    ball = L2(eps=share * eps, store="float")
    return ball.finish(clean + eps * ball.steepest(away), clean)


def gain(x, x_float, clean):
    """How far ``x`` goes along the change of ``x_float``, in its own length."""
    along = (x_float - clean).flatten(1)
    return ((x - clean).flatten(1) * along).sum(1) / along.square().sum(1)


@pytest.mark.parametrize("eps", [2, 16, 32, 64.5, 128, 256, 512, 4000])
def test_rounding_uses_the_ball_up(eps):
    clean = pictures()
    wanted = changed(clean, eps)
    x, full = L2(eps=eps).finish(wanted, clean), L2(eps=eps).spent(wanted, clean)
    levels = (x * 255).round() - (clean * 255).round()
    assert torch.equal(x, ((clean * 255).round() + levels) / 255)
    assert (levels.double().square().flatten(1).sum(1) <= eps**2).all()
    assert (L2(eps=eps).spent(x, clean) >= 0.97 * full).all()
    assert x.min() >= 0
    assert x.max() <= 1
    if eps >= 128:
        assert (gain(x, wanted, clean) >= 0.97).all()


@pytest.mark.parametrize("eps", [16, 32, 64, 128, 256, 512])
def test_it_goes_as_far_along_a_change_as_its_largest_values_alone(eps):
    """The reference: each value to the nearest level but 1 at least, the largest first."""
    clean = pictures()
    wanted = changed(clean, eps)
    x = L2(eps=eps).finish(wanted, clean)
    for n in range(len(clean)):
        change = ((wanted - clean)[n] * 255).flatten()
        order = change.abs().argsort(descending=True)
        step = change.abs().clamp(min=1).round()[order]
        most = change.square().sum().round().clamp(max=eps**2)
        kept = torch.where(step.square().cumsum(0) <= most, step, 0)
        reference = (kept * change.abs()[order]).sum() / change.square().sum()
        assert gain(x, wanted, clean)[n] >= 0.999 * reference


def best(size, room, squared):
    """How far the best whole levels go, of all there are."""
    choices = product(*[range(int(r) + 1) for r in room])
    inside = [c for c in choices if sum(v * v for v in c) <= squared + 1e-6]
    return max(sum(s * v for s, v in zip(size, c, strict=True)) for c in inside)


def test_hardly_anything_goes_farther():
    """All that there are, in four values: the best gains less than one more level."""
    rng = stream(3)
    for _ in range(60):
        size = 3 * torch.rand(1, 4, generator=rng)
        room = torch.randint(0, 6, (1, 4), generator=rng).float().maximum(size.floor())
        eps = 0.5 + 5 * torch.rand(1, generator=rng).item()
        size = size * min(1.0, eps / size.norm().item())
        found = whole_levels(size, room, eps)
        near = torch.minimum(size.round(), room)
        most = min(max(size.square().sum().round(), near.square().sum()).item(), eps**2)
        assert found.square().sum() <= eps**2
        assert (found <= room).all()
        reached = (found * size).sum().item()
        assert reached > best(size[0].tolist(), room[0].tolist(), most) - size.max() - 1e-4


def test_equal_values_take_turns():
    size, room = torch.full((2, 1000), 0.3), torch.full((2, 1000), 9.0)
    found = whole_levels(size, room, size[0].norm().item())
    assert found.unique().tolist() == [0, 1]
    assert found.sum(1).tolist() == [90, 90]


def test_what_stands_at_white_takes_no_more():
    clean = torch.ones(1, 3, 8, 8)
    clean[:, 1:] = 254 / 255
    x = L2(eps=40).finish(clean + 1, clean)
    assert x.max() == 1
    assert (((x - clean) * 255).round() == (clean < 1)).all()


@pytest.mark.parametrize("eps", [30.0, 1e6, INF])
def test_a_change_in_whole_levels_is_left_as_it_is(eps):
    clean = pictures(size=8)
    x = clean.clone()
    x[:, 0, 3, 3:6] = ((clean[:, 0, 3, 3:6] * 255).round() - 128).sign() * -9 / 255 + x[
        :, 0, 3, 3:6
    ]
    x = (x * 255).round() / 255
    assert torch.equal(L2(eps=eps).finish(x, clean), x)


@pytest.mark.parametrize("eps", [16, 128, 1000])
def test_finishing_twice_is_finishing_once(eps):
    clean = pictures(size=32)
    once = L2(eps=eps).finish(changed(clean, eps), clean)
    assert torch.equal(L2(eps=eps).finish(once, clean), once)


def test_a_short_change_in_a_wide_ball_stays_short_but_does_not_vanish():
    clean = pictures()
    wanted = changed(clean, 1000, share=0.03)
    spent = L2(eps=1000).spent(L2(eps=1000).finish(wanted, clean), clean)
    assert (spent <= 30.01).all()
    assert (spent >= 0.97 * 30).all()


def test_without_a_limit_every_value_goes_to_its_nearest_level():
    clean = pictures()
    wanted = changed(clean, 1000)
    assert torch.equal(L2(eps=INF).finish(wanted, clean), (wanted * 255).round() / 255)


@pytest.mark.parametrize("eps", [16, 128, 1000])
def test_company_changes_nothing(eps):
    clean = pictures(5, 33)
    wanted = changed(clean, eps)
    together = L2(eps=eps).finish(wanted, clean)
    for n in range(5):
        assert torch.equal(L2(eps=eps).finish(wanted[n:], clean[n:]), together[n:])
        alone = L2(eps=eps).finish(wanted[n : n + 1], clean[n : n + 1])
        assert torch.equal(alone, together[n : n + 1])


def test_only_what_rounds_otherwise_has_another_key():
    """The records of results/ name what did not move by these."""
    assert digest(L2(eps=INF)) == "6dc960681976126d"
    for budget, version in (
        (L2(eps=128), 2),
        (L2(eps=128, store="float"), 1),
        (L2(eps=128, store="truncate"), 1),
        (L2(eps=INF, store="truncate"), 1),
    ):
        named = {"name": "L2", "version": version, "eps": describe(budget.eps)}
        assert describe(budget) == named | {"store": budget.store}
