from functools import partial
from types import SimpleNamespace

import pytest
import torch

from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.goal import Verdict
from vrbench.attacks.gradient.adam import AdamPGD
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract, Redder


class TestAdamPGD(AttackContract):
    make = partial(AdamPGD, steps=20)


class TestAdamPGDByTheBudget(AttackContract):
    make = partial(AdamPGD, steps=20, lr=None, start="random")


class TestAdamPGDFromNoise(AttackContract):
    make = partial(AdamPGD, steps=20, start="random", enough=0.05)


def test_reaches_the_optimum_of_a_linear_loss(world):
    items = torch.arange(6)
    clean = world.catalogue.images[items]
    for start in ("clean", "random"):
        x = AdamPGD(steps=20, start=start)(clean, items, Redder(), Linf(eps=8), Streams(0))
        assert torch.allclose(x[:, 0], (clean[:, 0] - 8 / 255).clamp(min=0), atol=1e-6)


@pytest.mark.parametrize("eps", [1, 2, 16])
def test_without_a_length_steps_suit_any_radius(world, eps):
    """The best change of a linear loss is at the edge of the ball, in every norm."""
    items = torch.arange(6)
    clean = world.catalogue.images[items]
    attack = AdamPGD(steps=60, lr=None, start="random")
    x = attack(clean, items, Redder(), Linf(eps=eps), Streams(0))
    assert torch.allclose(x[:, 0], (clean[:, 0] - eps / 255).clamp(min=0), atol=1e-6)
    middle = clean.clamp(0.3, 0.7)
    pixels = clean[0, 0].numel()
    budget = L2(eps=eps * pixels**0.5, store="float")
    fell = (middle - attack(middle, items, Redder(), budget, Streams(0)))[:, 0].flatten(1).mean(1)
    assert torch.allclose(fell * 255, torch.full((6,), float(eps)), rtol=0.01)


def test_steps_are_those_of_adam():
    """Against torch's own, on a loss with curvature, where the budget binds nowhere."""
    clean = torch.full((2, 3, 4, 4), 0.5)
    aim = clean + 0.3 * torch.rand(clean.shape, generator=stream(0)) - 0.15

    def judge(x, items):
        loss = (x - aim[items]).square().flatten(1).sum(1)
        return Verdict(loss, loss)

    goal, items = SimpleNamespace(judge=judge), torch.arange(2)
    found = AdamPGD(steps=7, lr=0.02).search(clean, items, goal, Linf(eps=255), Streams(0))
    change = torch.zeros_like(clean, requires_grad=True)
    optimiser = torch.optim.Adam([change], lr=0.02)
    for _ in range(7):
        optimiser.zero_grad()
        judge(clean + change, items).loss.sum().backward()
        optimiser.step()
    assert torch.allclose(found, clean + change, atol=1e-6)


def test_the_published_start_is_a_bright_corner():
    """From [0, 1) nearly every entry begins at +eps, and few small steps never leave it."""
    clean, items = torch.full((1, 3, 32, 32), 128 / 255), torch.tensor([0])
    brighter = SimpleNamespace(judge=lambda x, i: Verdict(*[x.flatten(1).mean(1)] * 2))
    budget = Linf(eps=32)

    def run(**settings):
        return AdamPGD(**settings)(clean, items, brighter, budget, Streams(0))

    published = run(steps=670, lr=1e-4, start="unit")
    assert ((published - clean) > 0).float().mean() > 0.85  # though the loss wants it dark
    for start in ("clean", "random"):
        assert torch.allclose(run(steps=40, start=start), clean - 32 / 255, atol=1e-6)


def test_items_that_are_done_leave_with_what_they_have(world):
    seen = []

    class Watched(Redder):
        def judge(self, x, items):
            seen.append(len(x))
            return super().judge(x, items)

    items = torch.arange(6)
    clean = world.catalogue.images[items]
    AdamPGD(steps=30, enough=0.0)(clean, items, Watched(), Linf(eps=64), Streams(0))
    assert seen[0] == 6
    assert sorted(seen, reverse=True) == seen
    assert seen[-1] < 6


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="steps >= 1"):
        AdamPGD(steps=0)
    with pytest.raises(ConfigError, match="clean, random or unit"):
        AdamPGD(start="white")
