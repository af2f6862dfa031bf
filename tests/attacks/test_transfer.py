"""The transfer family: each part by hand, none of them is MI-FGSM, and what torchattacks finds."""

from functools import partial
from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F

from tests.attacks.test_wrapped import of_classes, sensitive
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.goal import Verdict, gradient
from vrbench.attacks.gradient.mifgsm import MIFGSM
from vrbench.attacks.gradient.transfer import Copies, TransferFGSM, smoothed
from vrbench.attacks.wrapped import Wrapped
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract, classified_as, victim

ITEMS = torch.tensor([4, 2, 7])


class TestDI(AttackContract):
    make = partial(TransferFGSM, steps=4, diversity=0.7)


class TestTI(AttackContract):
    make = partial(TransferFGSM, steps=4, kernel=5)


class TestSINI(AttackContract):
    make = partial(TransferFGSM, steps=4, nesterov=True, scales=3)


class TestVMI(AttackContract):
    make = partial(TransferFGSM, steps=4, neighbours=3)


class Bowl:
    """Half the squared distance of every value from 0.2, weighed: the slope is known anywhere."""

    def __init__(self):
        self.weight = torch.rand(3, 3, 16, 16, generator=stream(9)) + 0.5
        self.shown = []

    def slope(self, x):
        return self.weight * (x - 0.2)

    def judge(self, x, items):
        self.shown.append(x.detach().clone())
        loss = (self.weight * (x - 0.2).square()).flatten(1).sum(1) / 2
        return Verdict(loss, loss)


def pictures(count=3):
    return torch.rand(count, 3, 16, 16, generator=stream(4)).mul(255).round().div(255)


@pytest.mark.parametrize("budget", [Linf(eps=8), L2(eps=200)])
def test_without_its_parts_it_is_mifgsm(budget):
    clean, goal = pictures(), classified_as(victim(), 1)
    ours = TransferFGSM(steps=5, decay=0.9)(clean, ITEMS, goal, budget, Streams(0))
    plain = MIFGSM(steps=5, decay=0.9)(clean, ITEMS, goal, budget, Streams(0))
    assert torch.equal(ours, plain)
    assert not torch.equal(ours, clean)


def test_a_point_s_gradient_becomes_the_paper_s_kernel():
    """A normal density at 15 places from -3 to 3, times itself, of sum 1."""
    slope = torch.zeros(1, 3, 31, 31)
    slope[0, 1, 15, 15] = 2.0
    at = torch.linspace(-3, 3, 15, dtype=torch.float64)
    density = torch.distributions.Normal(0.0, 1.0).log_prob(at).exp()
    kernel = torch.outer(density, density) / density.sum() ** 2
    found = smoothed(slope, 15)
    assert torch.allclose(found[0, 1, 8:23, 8:23].double(), 2 * kernel, atol=1e-7)
    assert found[0, [0, 2]].abs().max() == 0
    assert found.sum().item() == pytest.approx(2.0, rel=1e-5)


def test_ti_follows_the_convolved_gradient():
    clean, goal = pictures(), Bowl()
    budget = Linf(eps=8, store="float")
    x = TransferFGSM(steps=1, kernel=5)(clean, ITEMS, goal, budget, Streams(0))
    turned = smoothed(goal.slope(clean), 5)
    free = ((clean - 8 / 255) > 0) & ((clean + 8 / 255) < 1)
    assert torch.equal((clean - x).sign()[free], turned.sign()[free])
    assert not torch.equal(turned.sign(), goal.slope(clean).sign())


def test_si_is_the_mean_over_scaled_copies():
    clean, goal = pictures(), Bowl()
    slope, verdict = gradient(Copies(goal, TransferFGSM(scales=3), Streams(0)), clean, ITEMS)
    parts = [goal.slope(clean / 2**n) / 2**n for n in range(3)]
    assert torch.allclose(slope, torch.stack(parts).mean(0), atol=1e-6)
    losses = torch.stack([goal.judge(clean / 2**n, ITEMS).loss for n in range(3)])
    assert torch.allclose(verdict.loss, losses.mean(0))


def test_ni_looks_ahead_where_the_momentum_leads():
    """Its second gradient is taken a step, times decay, times the first gradient, further on."""
    clean, goal = pictures().clamp(0.3, 0.7), Bowl()
    budget = Linf(eps=8, store="float")
    TransferFGSM(steps=2, decay=0.5, nesterov=True)(clean, ITEMS, goal, budget, Streams(0))
    first, second = goal.shown
    slope = goal.slope(clean)
    velocity = slope / slope.abs().flatten(1).mean(1)[:, None, None, None]
    x = clean - 4 / 255 * slope.sign()
    assert torch.equal(first, clean)
    assert torch.allclose(second, x - 0.5 * 4 / 255 * velocity, atol=1e-6)


def test_the_variance_is_what_gradients_around_differ_by():
    """Of a bowl it is the weight times the mean offset of the neighbours, drawn item by item."""
    clean, goal, budget = pictures().clamp(0.3, 0.7), Bowl(), Linf(eps=8)
    attack = TransferFGSM(neighbours=4, reach=1.5)
    found = attack.around(clean, ITEMS, goal, budget, Streams(3)) - goal.slope(clean)
    rng = Streams(3)
    offsets = [12 / 255 * (2 * rng.uniform(ITEMS, 3, 16, 16) - 1) for _ in range(4)]
    assert torch.allclose(found, goal.weight * torch.stack(offsets).mean(0), atol=1e-6)


def test_vmi_adds_the_variance_to_the_next_gradient():
    clean, goal = pictures().clamp(0.3, 0.7), Bowl()
    budget = Linf(eps=8, store="float")
    attack = TransferFGSM(steps=2, decay=1.0, neighbours=2)
    found = attack(clean, ITEMS, goal, budget, Streams(3))
    first = goal.slope(clean)
    variance = attack.around(clean, ITEMS, goal, budget, Streams(3)) - first
    x = clean - 4 / 255 * first.sign()
    second = goal.slope(x) + variance
    unit = [s / s.abs().flatten(1).mean(1)[:, None, None, None] for s in (first, second)]
    expected = x - 4 / 255 * (unit[0] + unit[1]).sign()
    assert ((found - expected).abs() < 1e-6).float().mean() > 0.99


def test_a_diverse_input_is_a_smaller_picture_on_black():
    white, attack = torch.ones(1, 3, 20, 20), TransferFGSM(diversity=0.5, shrink=0.8)
    assert torch.equal(attack.diverse(white, torch.tensor([0.5, 0, 0, 0])), white)
    least = attack.diverse(white, torch.tensor([0.4, 0.0, 0.0, 0.999]))
    assert torch.equal(least, F.pad(torch.ones(1, 3, 16, 16), [4, 0, 0, 4]))
    assert torch.equal(attack.diverse(white, torch.tensor([0.4, 0.999, 0.5, 0.5])), white)


def test_each_item_and_step_draws_its_own_input():
    page = torch.full((3, 3, 16, 16), 204 / 255)
    goal = Bowl()
    attack = TransferFGSM(steps=4, diversity=1.0, shrink=0.5)
    attack(page, ITEMS, goal, Linf(eps=8), Streams(0))
    areas = torch.stack([(x[:, 0] > 0.1).flatten(1).sum(1) for x in goal.shown])
    assert areas.unique().numel() > 6
    assert areas.min() >= 49
    assert areas.max() <= 256


PAIRS = {
    "NIFGSM": ({"nesterov": True}, {}, 0.99),
    "SINIFGSM": ({"nesterov": True, "scales": 5}, {"m": 5}, 0.99),
    "TIFGSM": ({"kernel": 5}, {"len_kernel": 5, "diversity_prob": 0.0, "decay": 1.0}, 0.99),
    "DIFGSM": ({"diversity": 0.5}, {"diversity_prob": 0.5, "decay": 1.0}, 0.0),
    "VMIFGSM": ({"neighbours": 5}, {"N": 5}, 0.0),
}


@pytest.mark.skipif(find_spec("torchattacks") is None, reason="no torchattacks")
@pytest.mark.parametrize("name", PAIRS)
def test_it_succeeds_as_often_as_torchattacks(name):
    """The same pictures where nothing is drawn; where something is, within two of 32 items."""
    ours, theirs, alike = PAIRS[name]
    clean = torch.rand(32, 3, 16, 16, generator=stream(4)).mul(255).round().div(255)
    goal, items, budget = of_classes(sensitive(), towards=1), torch.arange(32), Linf(eps=6)
    other = Wrapped(
        library="torchattacks",
        attack=name,
        settings={"steps": 5} | theirs,
        radii={"eps": 1.0, "alpha": 0.2},
    )(clean, items, goal, budget, Streams(0))
    own = TransferFGSM(steps=5, **ours)(clean, items, goal, budget, Streams(0))
    won = [int((goal.judge(x, items).margin < 0).sum()) for x in (clean, own, other)]
    assert (own == other).float().mean() >= alike
    assert abs(won[1] - won[2]) <= 2, won
    assert won[0] + 8 < min(won[1:]) < 32, won


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"scales": 0},
        {"diversity": 1.5},
        {"shrink": 0.0},
        {"kernel": 4},
        {"neighbours": -1},
        {"reach": 0.0},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        TransferFGSM(**wrong)
