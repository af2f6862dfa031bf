"""Convolutions that add biases and shortcuts themselves compute what the network computed."""

import logging

import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

from vrbench.extractors import compiled
from vrbench.extractors.fused import conv_relu, fuse, halved, halved_weight
from vrbench.extractors.inference_copy import swift
from vrbench.extractors.pretrained.torchvision_networks import Torchvision


def pixels(height, width, dtype=torch.float64):
    rng = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, height, width, generator=rng).to(dtype)


def network(arch):
    made = Torchvision(arch=arch, size=32)
    made.build(("red", "green", "blue"))
    made.redraw(torch.Generator().manual_seed(0))
    return made


def answer(network, x):
    """Return features and logits, and the slope of a logit in the pixels."""
    x = x.clone().requires_grad_()
    vector, _, logits = network(x)
    (slope,) = torch.autograd.grad(logits[:, 0].sum(), x)
    return vector.detach(), logits.detach(), slope


def close(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert (one - other).abs().max() <= 1e-12 * other.abs().max()


@pytest.mark.parametrize(
    ("arch", "relus", "left"),
    [("resnet18", 17, 3), ("resnet50", 49, 4)],
)
def test_a_rewritten_network_is_the_same_function(arch, relus, left):
    """Of a ResNet every ReLU goes into a convolution; those of shortcuts have none."""
    inner = swift(network(arch), dtype=torch.float64).inner
    for size in [(32, 32), (33, 38)]:
        x = pixels(*size)
        traced = make_fx(inner, pre_dispatch=True)(x.clone().requires_grad_())
        assert fuse(traced) == relus
        called = [n.target for n in traced.graph.nodes if n.op == "call_function"]
        assert called.count(conv_relu) == relus
        assert called.count(torch.ops.aten.conv2d.default) == left
        close(answer(traced, x), answer(inner, x))


def test_what_cannot_be_fused_is_left_alone():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3, bias=False)
            self.c, self.d = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

        def forward(self, x):
            first = self.a(x)
            read_twice = first.relu() + first.abs()
            no_bias = self.b(read_twice).relu()
            doubled = torch.add(self.c(no_bias), no_bias, alpha=2).relu()
            one_for_all = (self.d(doubled) + doubled[:, :1]).relu()
            return one_for_all, one_for_all, one_for_all.flatten(1)

    odd = Odd().double().requires_grad_(False)
    for parameter in odd.parameters():  # all positive: nothing is cut to zero
        parameter.copy_(torch.linspace(0.1, 1, parameter.numel()).reshape(parameter.shape))
    x = pixels(9, 9)
    traced = make_fx(odd, pre_dispatch=True)(x.clone().requires_grad_())
    assert fuse(traced) == 0
    close(answer(traced, x), answer(odd, x))


@pytest.mark.parametrize("kernel", [2, 3, 5, 7])
@pytest.mark.parametrize("size", [(16, 16), (15, 18)])
@pytest.mark.parametrize("padding", [[0, 0], [1, 1], [3, 3]])
def test_a_stride_of_two_is_one_of_one_on_quarters(kernel, size, padding):
    rng = torch.Generator().manual_seed(1)
    weight = torch.randn(5, 3, kernel, kernel, generator=rng, dtype=torch.float64)
    x = pixels(*size)
    expected = nn.functional.conv2d(x, weight, stride=2, padding=padding)
    found = nn.functional.conv2d(halved(x, kernel, padding), halved_weight(weight))
    torch.testing.assert_close(found, expected)


def test_it_answers_from_the_second_batch_on(monkeypatch):
    asked = []
    monkeypatch.setattr(compiled, "fuses", lambda x: True)
    monkeypatch.setattr(compiled, "fuse", lambda traced: asked.append(fuse(traced)))
    plain = swift(network("resnet18"), dtype=torch.float64)
    quick = compiled.Compiled(plain.inner, None)
    for n in range(3):
        close(answer(quick, pixels(32, 32)), answer(plain.inner, pixels(32, 32)))
        assert len(asked) == (n > 0)


def test_where_it_fails_one_line_says_so(monkeypatch, caplog):
    def fails(traced):
        raise RuntimeError("no kernel\nand a long story")

    monkeypatch.setattr(compiled, "fuses", lambda x: True)
    monkeypatch.setattr(compiled, "fuse", fails)
    inner = swift(network("resnet18"), dtype=torch.float64).inner
    quick = compiled.Compiled(inner, None)
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            found = answer(quick, pixels(32, 32))
    assert [r.getMessage() for r in caplog.records] == [
        "fusing convolutions fails here, so it is done without: RuntimeError: no kernel"
    ]
    close(found, answer(inner, pixels(32, 32)))


@pytest.mark.skipif(torch.__version__ < "2.6", reason="this compiler takes no such function")
def test_the_compiler_sees_one_operation_and_the_same_numbers():
    inner = swift(network("resnet18"), dtype=torch.float64).inner
    x = pixels(32, 32)
    traced = make_fx(inner, pre_dispatch=True)(x.clone().requires_grad_())
    fuse(traced)
    close(answer(torch.compile(traced, backend="aot_eager"), x), answer(inner, x))
