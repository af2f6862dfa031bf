"""A compiled network answers as it did; where compiling fails, one line says so."""

import logging
import pickle

import pytest
import torch

from vrbench.extractors import compiled
from vrbench.extractors.inference_copy import swift
from vrbench.extractors.pretrained.torchvision_networks import Torchvision

PIXELS = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def quick(monkeypatch):
    """``torch.compile`` that traces and compiles nothing, and notes that it was asked."""
    asked = []
    whole = torch.compile

    def noted(traced, **settings):
        asked.append(settings)
        return whole(traced, backend="eager", **settings)

    monkeypatch.setattr(torch, "compile", noted)
    return asked


def network(after):
    made = Torchvision(arch="resnet18", size=32)
    made.build(("red", "green", "blue"))
    made.redraw(torch.Generator().manual_seed(0))
    return swift(made, compile_after=after)


def gradient(extractor, pixels):
    x = pixels.clone().requires_grad_()
    answer = extractor(x)
    (slope,) = torch.autograd.grad(answer.logits[:, 0].sum(), x)
    return answer, slope


def test_a_shape_that_comes_again_is_compiled_and_answers_alike(quick):
    plain, made = network(None), network(2)
    for n in range(4):
        (expected, slope), (found, own) = gradient(plain, PIXELS), gradient(made, PIXELS)
        assert len(quick) == (n >= 2)
        for a, b in zip(expected, found, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(slope, own, rtol=1e-3, atol=1e-4)


def test_a_gradient_and_an_answer_are_compiled_apart_and_few_shapes_are(quick):
    made = network(0)
    gradient(made, PIXELS)
    with torch.no_grad():
        made(PIXELS)
        assert len(quick) == 2
        for rows in range(1, 8):
            made(torch.rand(rows, 3, 32, 32))
    assert len(quick) == compiled.MOST
    assert made(PIXELS[:0]).logits.shape == (0, 3)


def test_where_compiling_fails_one_line_says_so(monkeypatch, caplog):
    def fails(traced, **settings):
        raise RuntimeError("no compiler\nand a long story")

    monkeypatch.setattr(torch, "compile", fails)
    made, plain = network(0), network(None)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            found = gradient(made, PIXELS)
    assert [r.getMessage() for r in caplog.records] == [
        "torch.compile fails here, so it is done without: RuntimeError: no compiler"
    ]
    assert torch.equal(found[1], gradient(plain, PIXELS)[1])


def test_a_copy_for_another_process_holds_nothing_compiled(quick):
    made = network(0)
    gradient(made, PIXELS)
    other = pickle.loads(pickle.dumps(made))
    torch.testing.assert_close(gradient(other, PIXELS)[1], gradient(made, PIXELS)[1])
    assert len(quick) == 2
