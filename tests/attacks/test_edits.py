"""Colour curves and backgrounds: the optimum on a linear loss, and what must not change."""

from functools import partial

import pytest
import torch

from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.goal import Verdict
from vrbench.attacks.semantic.background import Background
from vrbench.attacks.semantic.colour_curve import ColourCurve
from vrbench.attacks.semantic.foreground import background
from vrbench.attacks.visible_budget import Likeness
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract
from vrbench.testing.world import Redder, red_removed

FREE = L2(eps=float("inf"))
ITEMS = torch.arange(4)


class TestColourCurve(AttackContract):
    make = partial(ColourCurve, steps=10)

    def test_beats_noise(self, clean):
        """Noise takes red here and gives it there: a curve beats it by what it can reach."""
        super().test_beats_noise(clean)


class TestBackground(AttackContract):
    make = partial(Background, steps=10)
    budget = FREE

    @pytest.fixture
    def clean(self):
        return pages(6)

    def test_beats_noise(self, clean):
        """No noise of an infinite budget is worth a comparison: against doing nothing."""
        x = self.run(clean, torch.arange(6), Redder())
        loss = [Redder().judge(p, torch.arange(6)).loss for p in (x, clean)]
        assert (loss[0] < loss[1]).all()


def pages(count=4, side=16):
    """Products, noise of all colours, on pages that are nearly white."""
    rng = stream(7)
    x = 250 + torch.randint(0, 6, (count, 3, side, side), generator=rng)
    inner = side - 8
    x[:, :, 4:-4, 4:-4] = torch.randint(0, 200, (count, 3, inner, inner), generator=rng)
    return x.float() / 255


class Linear:
    def __init__(self, count=4, side=16):
        self.weight = torch.randn(count, 3, side, side, generator=stream(5))

    def judge(self, x, items):
        loss = (self.weight[items] * x).flatten(1).sum(1)
        return Verdict(loss, loss)


def test_background_is_what_the_page_is():
    found = background(pages())
    assert found[:, :4].all()
    assert not found[:, 4:-4, 4:-4].any()


def test_white_inside_a_product_is_no_background():
    x = pages()
    x[:, :, 6:10, 6:10] = 1.0
    assert not background(x)[:, 6:10, 6:10].any()


def test_a_scene_has_no_background_and_stays_as_it_is():
    scene = (torch.rand(4, 3, 16, 16, generator=stream(1)) * 255).round() / 255
    assert not background(scene).any()
    assert torch.equal(Background()(scene, ITEMS, Redder(), FREE, Streams(0)), scene)


def test_a_product_stays_as_it_is_to_the_bit():
    clean = pages()
    x = Background()(clean, ITEMS, Linear(), FREE, Streams(0))
    assert torch.equal(x[:, :, 4:-4, 4:-4], clean[:, :, 4:-4, 4:-4])
    assert ((x - clean).abs().amax(1)[:, 0] * 255 > 1).any(1).all()


def test_the_best_single_colour_of_a_linear_loss_is_found():
    """Each channel is black or white, by the sign of the sum of weights behind the product."""
    clean, goal = pages(), Linear()
    x = Background(grid=1)(clean, ITEMS, goal, FREE, Streams(0))
    behind = background(clean)
    share = (
        torch.nn.functional.avg_pool2d(behind[:, None].float(), 3, 1, 1, count_include_pad=False)
        * behind[:, None]
    )
    best = (goal.weight * share).flatten(2).sum(2) < 0
    assert torch.equal(x[:, :, 0, 0], best.float())


def test_the_best_curve_of_a_linear_loss_that_falls_with_red():
    """Red lower by ``reach`` everywhere, but where a value has no room, and nothing else."""
    clean = (torch.rand(4, 3, 16, 16, generator=stream(1)) * 255).round() / 255
    x = ColourCurve(knots=16, reach=0.25)(clean, ITEMS, Redder(), FREE, Streams(0))
    change = (x - clean) * 255
    best = -torch.minimum(clean[:, 0] * 255, torch.tensor(63.75))
    assert (change[:, 0] - best).abs().amax() <= 0.51
    assert (change[:, 1:] == 0).all()
    assert red_removed(ColourCurve(), Linf(eps=8)).min() > 7.5


def test_a_curve_is_one_function_that_never_falls():
    clean = (torch.rand(4, 3, 16, 16, generator=stream(1)) * 255).round() / 255
    x = ColourCurve(steps=20)(clean, ITEMS, Linear(), FREE, Streams(0))
    for picture, found in zip(clean.flatten(0, 1), x.flatten(0, 1), strict=True):
        order = picture.flatten().argsort()
        levels, moved = picture.flatten()[order], found.flatten()[order]
        assert (moved.diff() >= 0).all()
        assert (moved.diff()[levels.diff() == 0] == 0).all()
    assert ((x - clean).abs().amax() * 255) <= 64


def test_likeness_holds_an_edit_back():
    clean, budget = pages(), Likeness(eps=5)
    x = Background()(clean, ITEMS, Linear(), budget, Streams(0))
    assert (budget.spent(x, clean) <= 5).all()
    assert (x != clean).any()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ColourCurve(knots=0),
        lambda: ColourCurve(reach=0.0),
        lambda: Background(grid=0),
        lambda: Background(tolerance=2.0),
        lambda: Background(steps=0),
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError):
        wrong()
