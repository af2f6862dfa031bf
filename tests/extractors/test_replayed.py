"""A pass that is replayed answers as it did, and never out of a place that another one has taken.

Without a GPU: what captures is a stand-in that keeps to one place for its answers, for what it
remembers on the way, and for slopes, as a CUDA graph does.
"""

import logging
from contextlib import nullcontext

import pytest
import torch

from vrbench.extractors import compiled
from vrbench.extractors.replayed import Replayed

WEIGHT = torch.linspace(-1, 1, 12).reshape(3, 4)


def plainly(x):
    hidden = (x @ WEIGHT).sin()
    return hidden.square(), hidden.sum(1)


def captured(answer, samples):
    """Return what stands in for ``torch.cuda.make_graphed_callables``."""
    (held,) = samples
    places = [part.detach().clone() for part in answer(held)]
    slope = held.detach().clone()

    class Graph(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            held.data.copy_(x)
            with torch.no_grad():
                for place, part in zip(places, answer(held), strict=True):
                    place.copy_(part)
            return tuple(place.detach() for place in places)

        @staticmethod
        def backward(ctx, *slopes):
            x = held.detach().clone().requires_grad_()
            with torch.enable_grad():
                found = answer(x)
            slope.copy_(torch.autograd.grad(found, x, slopes)[0])
            return slope.detach()

    return Graph.apply


@pytest.fixture
def replays(monkeypatch):
    made = []

    def noted(answer, samples):
        made.append(samples[0].shape)
        return captured(answer, samples)

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", noted)
    monkeypatch.setattr(torch.cuda, "device_of", lambda x: nullcontext())
    return made


def batch(seed):
    return torch.randn(2, 3, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def slope_of(answer, x):
    squares, sums = answer(x)
    (slope,) = torch.autograd.grad(squares.sum() + 2 * sums.sum(), x)
    return slope


def test_answers_and_slopes_are_the_plain_ones_and_stay(replays):
    again = Replayed(plainly, batch(0))
    kept = [(again(batch(n).detach()), slope_of(again, batch(n))) for n in range(3)]
    for n, (found, slope) in enumerate(kept):
        for part, expected in zip(found, plainly(batch(n).detach()), strict=True):
            torch.testing.assert_close(part, expected)
        torch.testing.assert_close(slope, slope_of(plainly, batch(n)))


def test_two_passes_before_one_gradient_do_not_meet(replays):
    again, first, second = Replayed(plainly, batch(0)), batch(1), batch(2)
    both = again(first)[0].sum() + again(second)[0].sum()
    slopes = torch.autograd.grad(both, (first, second))
    for slope, x in zip(slopes, (first, second), strict=True):
        (expected,) = torch.autograd.grad(plainly(x)[0].sum(), x)
        torch.testing.assert_close(slope, expected)


def test_it_is_replayed_again_when_an_answer_is_let_go(replays):
    asked = []

    def counted(x):
        asked.append(len(x))
        return plainly(x)

    again = Replayed(counted, batch(0))
    held = again(batch(1))
    before = len(asked)
    again(batch(2))
    assert len(asked) == before + 1  # plainly
    del held
    graph = again._graphed
    again._graphed = lambda x: asked.append("replayed") or graph(x)
    again(batch(3))
    assert "replayed" in asked


def test_a_graph_that_is_kept_for_later_slopes_is_not_written_over(replays):
    again, x = Replayed(plainly, batch(0)), batch(1)
    squares, _ = again(x)
    (once,) = torch.autograd.grad(squares.sum(), x, retain_graph=True)
    again(batch(2))
    (twice,) = torch.autograd.grad(squares.sum(), x)
    torch.testing.assert_close(once, twice)


def test_a_network_is_replayed_when_a_shape_came_often(replays, monkeypatch):
    monkeypatch.setattr(compiled, "replays", lambda x: True)
    made = compiled.Compiled(torch.nn.Identity(), None)
    made.inner.forward = plainly
    for n in range(compiled.OFTEN + 3):
        torch.testing.assert_close(slope_of(made, batch(n)), slope_of(plainly, batch(n)))
        assert len(replays) == (n >= compiled.OFTEN)
    made(batch(0).detach())
    assert len(replays) == 1  # answers without a slope are another kind


def test_where_it_fails_one_line_says_so(monkeypatch, caplog):
    def fails(answer, samples):
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", fails)
    monkeypatch.setattr(torch.cuda, "device_of", lambda x: nullcontext())
    monkeypatch.setattr(compiled, "replays", lambda x: True)
    made = compiled.Compiled(torch.nn.Identity(), None)
    made.inner.forward = plainly
    with caplog.at_level(logging.WARNING):
        for n in range(compiled.OFTEN + 3):
            torch.testing.assert_close(slope_of(made, batch(n)), slope_of(plainly, batch(n)))
    assert [record.getMessage() for record in caplog.records] == [
        "replaying a pass as a CUDA graph fails here, so it is done without: RuntimeError: "
        "operation not permitted when stream is capturing"
    ]
