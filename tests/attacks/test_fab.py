"""FAB: projections as a solver finds them, the nearest of several classes, and torchattacks."""

from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize

from tests.attacks.test_wrapped import check_as_many_away
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.goal import Verdict
from vrbench.attacks.minimum_norm.fab import FAB, onto
from vrbench.attacks.wrapped import Wrapped
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract, Classified

FREE = {"l2": L2(eps=float("inf"), store="float"), "linf": Linf(eps=float("inf"), store="float")}


class TestFAB(AttackContract):
    make = partial(FAB, steps=10)
    beats_noise = False  # it stops at the nearest success, not at the end of the ball


def solved(x, w, value, norm):
    """The shortest change with ``w @ change == -value`` that keeps ``x + change`` in [0, 1]."""
    n = len(x)
    if norm == "linf":
        cost = np.append(np.zeros(n), 1)
        within = np.block([[np.eye(n), -np.ones((n, 1))], [-np.eye(n), -np.ones((n, 1))]])
        bounds = [*zip(-x, 1 - x, strict=True), (0, None)]
        found = linprog(cost, within, np.zeros(2 * n), np.append(w, 0)[None], [-value], bounds)
        return found.x[n] if found.success else None
    found = minimize(
        lambda c: c @ c,
        np.zeros(n),
        jac=lambda c: 2 * c,
        bounds=list(zip(-x, 1 - x, strict=True)),
        constraints={"type": "eq", "fun": lambda c: w @ c + value, "jac": lambda c: w},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    return found.fun**0.5 if found.success else None


@pytest.mark.parametrize("norm", FREE)
def test_a_projection_is_the_shortest_way_that_a_solver_finds(norm):
    rng = stream(5)
    for share in (0.2, 0.6, 0.95, -0.7):
        x = torch.rand(1, 3, 2, 2, generator=rng)
        w = torch.randn(1, 3, 2, 2, generator=rng)
        most = torch.where(w > 0, w * x, w * (x - 1)) if share > 0 else w * (x - (w > 0).float())
        value = abs(share) * most.sum()[None]
        change = onto(x, w, value, FREE[norm])
        assert ((x + change) >= -1e-6).all()
        assert ((x + change) <= 1 + 1e-6).all()
        assert (w * change).sum().item() == pytest.approx(-value.item(), rel=1e-4)
        flat = [t.double().flatten().numpy() for t in (x, w)]
        shortest = solved(*flat, value.item(), norm)
        long = FREE[norm].spent(x + change, x).item() / 255
        assert long == pytest.approx(shortest, rel=1e-3)


@pytest.mark.parametrize("norm", FREE)
def test_a_plane_out_of_reach_is_approached_to_the_corner(norm):
    x, w = torch.full((1, 3, 2, 2), 0.25), torch.ones(1, 3, 2, 2)
    assert torch.allclose(onto(x, w, torch.tensor([100.0]), FREE[norm]), -x)
    assert torch.allclose(onto(x, w, torch.tensor([-100.0]), FREE[norm]), 1 - x)
    assert not onto(x, 0 * w, torch.tensor([1.0]), FREE[norm]).any()
    assert not onto(x, w, torch.tensor([0.0]), FREE[norm]).any()


@pytest.mark.parametrize("norm", FREE)
def test_it_finds_the_nearest_point_of_a_linear_boundary(norm):
    clean = 0.4 + 0.2 * torch.rand(4, 3, 8, 8, generator=stream(0))
    w = torch.randn(3, 8, 8, generator=stream(1))
    offset = 0.5 + (w * clean).sum((1, 2, 3)).amin()

    class Plane:
        def judge(self, x, items):
            margin = (w * x).sum((1, 2, 3)) - offset + 1
            return Verdict(margin, margin)

    margin = Plane().judge(clean, None).margin
    steep = w.abs().sum() if norm == "linf" else w.norm()
    x = FAB(steps=20)(clean, torch.arange(4), Plane(), FREE[norm], Streams(0))
    assert (Plane().judge(x, None).margin < 0).all()
    assert torch.allclose(FREE[norm].spent(x, clean) / 255, margin / steep, rtol=0.01)


def planes():
    """Logits of five classes: 1 has the highest beside 0; 3 has the steepest, and is nearest."""
    w = torch.zeros(5, 3 * 8 * 8)
    for n, scale in enumerate((0.0, 0.05, 0.1, 1.0, 0.1)):
        w[n] = scale * torch.randn(192, generator=stream(20 + n))
    base = torch.tensor([2.0, 1.5, 1.0, 0.5, 0.0])
    return lambda x: (x - 0.5).flatten(1) @ w.T + base


def test_the_nearest_class_need_not_have_the_highest_logit():
    clean = torch.full((2, 3, 8, 8), 0.5)
    goal = Classified(planes(), away=0)
    found = [
        FAB(targets=k, steps=15)(clean, torch.arange(2), goal, FREE["l2"], Streams(0))
        for k in (1, 2, 3)
    ]
    far = [FREE["l2"].spent(x, clean) for x in found]
    assert (far[0] > 4 * far[2]).all()
    assert (far[1] >= far[2]).all()
    x = found[2]
    assert planes()(x).argmax(1).tolist() == [3, 3]


def test_an_item_inside_the_budget_is_spared_the_other_classes():
    clean, goal = torch.full((2, 3, 8, 8), 0.5), Classified(planes(), away=0)
    FAB(steps=5, targets=4)(clean, torch.arange(2), goal, L2(eps=5000, store="float"), Streams(0))
    spared, goal.forwards = goal.forwards, 0
    FAB(steps=5, targets=4)(clean, torch.arange(2), goal, FREE["l2"], Streams(0))
    assert spared < goal.forwards / 3


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torchattacks") is None, reason="no torchattacks")
def test_it_gets_as_many_away_as_torchattacks():
    other = Wrapped(
        library="torchattacks",
        attack="FAB",
        settings={"steps": 20, "multi_targeted": True, "n_classes": 4},
        radii={"eps": 1.0},
    )
    check_as_many_away(FAB(steps=20), other)


@pytest.mark.parametrize(
    "wrong", [{"targets": 0}, {"toward": 2.0}, {"beyond": 0.9}, {"back": 1.0}], ids=str
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        FAB(**wrong)
