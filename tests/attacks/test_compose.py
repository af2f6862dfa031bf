from functools import partial
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from vrbench.attacks.budget import L2
from vrbench.attacks.oracle import Oracle
from vrbench.attacks.semantic.compose import Compose
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import AttackContract, Redder

FREE = L2(eps=float("inf"))


def hooked(goal, picture):
    def example(items):
        return picture.expand(len(items), *picture.shape)

    return SimpleNamespace(judge=goal.judge, example=example)


class TestCompose(AttackContract):
    make = partial(Compose, share=0.5, border=0)
    budget = FREE

    def run(self, clean, items, goal, budget=None, seed=0):
        """The contract's goals, with a hook that is not red at all."""
        black = torch.zeros(3, *clean.shape[2:])
        return super().run(clean, items, hooked(goal, black), budget, seed)

    def test_beats_noise(self, clean):
        """No noise of an infinite budget is worth a comparison: against doing nothing."""
        items, clean = torch.arange(2, 6), clean[2:]
        x = self.run(clean, items, Redder())
        assert (Redder().judge(x, items).loss < Redder().judge(clean, items).loss).all()


def composed(clean, hook, **settings):
    goal = hooked(Redder(), hook)
    return Compose(**settings)(clean, torch.arange(len(clean)), goal, FREE, Streams(0))


def on_grid(*shape):
    return (torch.rand(shape, generator=stream(2)) * 255).round() / 255


@pytest.mark.parametrize(
    ("place", "top", "left"),
    [("top_left", 0, 0), ("top", 0, 8), ("right", 5, 16), ("bottom_right", 10, 16)],
)
def test_nothing_changes_but_the_window(place, top, left):
    clean, hook = on_grid(3, 3, 20, 32), on_grid(3, 20, 32)
    x = composed(clean, hook, share=0.5, place=place, border=1)
    window = torch.zeros(20, 32, dtype=torch.bool)
    window[top : top + 10, left : left + 16] = True
    assert torch.equal(x[:, :, ~window], clean[:, :, ~window])
    small = F.interpolate(hook[None], (8, 14), mode="bilinear", antialias=True)[0]
    inside = x[:, :, top : top + 10, left : left + 16]
    assert (inside[:, :, 1:-1, 1:-1] - small).abs().max() <= 0.5 / 255 + 1e-6
    assert (inside[:, :, [0, -1]] == 1).all()
    assert (inside[:, :, :, [0, -1]] == 1).all()


def test_the_emptiest_place_of_each_picture_is_found():
    """Detail everywhere but in one window, with a smooth shade, which is no detail."""
    clean = on_grid(3, 3, 16, 16)
    shade = (torch.linspace(100, 107, 8).round() / 255).expand(3, 8, 8)
    for n, (top, left) in enumerate([(0, 8), (8, 0), (4, 8)]):
        clean[n, :, top : top + 8, left : left + 8] = shade
    x = composed(clean, torch.zeros(3, 16, 16), share=0.5, border=0)
    for n, (top, left) in enumerate([(0, 8), (8, 0), (4, 8)]):
        assert (x[n, :, top : top + 8, left : left + 8] == 0).all()
        assert torch.equal((x[n] != clean[n]).any(0).nonzero().amin(0), torch.tensor([top, left]))


def test_a_whole_opaque_picture_is_the_hook_and_opacity_mixes():
    clean, hook = on_grid(2, 3, 12, 12), on_grid(3, 12, 12)
    assert torch.equal(composed(clean, hook, share=1.0, border=0)[0], hook)
    mixed = composed(clean, hook, share=1.0, border=0, opacity=0.25)
    assert (mixed - (0.75 * clean + 0.25 * hook)).abs().max() <= 0.5 / 255 + 1e-6


def test_the_hook_costs_no_question():
    oracle = Oracle(hooked(Redder(), torch.zeros(3, 8, 8)), limit=0)
    Compose()(on_grid(2, 3, 8, 8), torch.arange(2), oracle, FREE, Streams(0))
    assert oracle.asked(torch.arange(2)).tolist() == [0, 0]


def test_what_cannot_be_is_refused():
    with pytest.raises(IncompatibleError, match="offers no example"):
        Compose()(on_grid(1, 3, 8, 8), torch.arange(1), Redder(), FREE, Streams(0))
    with pytest.raises(ConfigError, match=r"share and opacity in \(0, 1\]"):
        Compose(share=0.0)
    with pytest.raises(ConfigError, match="expected auto, top_left"):
        Compose(place="middle")
    with pytest.raises(ConfigError, match="leaves nothing of 3 x 3"):
        composed(on_grid(1, 3, 8, 8), on_grid(3, 8, 8), border=2)
