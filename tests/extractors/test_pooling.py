"""Max pooling, and what ends a convolution, by kernels of their own: PyTorch's numbers.

In Triton's interpreter, which needs no GPU.
"""

import os
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

from tests.interpreter import needs_interpreter
from vrbench.extractors.fused import fuse
from vrbench.extractors.pooling import max_pool

KERNELS = """
import torch
import torch.nn.functional as F
from contextlib import nullcontext
torch.cuda.device_of = lambda x: nullcontext()
from vrbench.extractors import pooling
pooling._quick = lambda x: True
rng = torch.Generator().manual_seed(0)
for shape, size, stride, pad in [
    ((2, 5, 9, 8), 3, 2, 1), ((1, 3, 7, 7), 2, 2, 0), ((2, 4, 6, 11), 3, 1, 1),
    ((1, 2, 12, 5), 5, 3, 2), ((3, 7, 4, 4), 3, 2, 0), ((1, 700, 3, 6), 3, 2, 1),
]:
    x = torch.randint(-3, 4, shape, generator=rng).float()  # with ties
    x = x.to(memory_format=torch.channels_last)
    for kind in (torch.float32, torch.bfloat16):
        one, other = (x.to(kind).requires_grad_() for _ in range(2))
        expected = F.max_pool2d(one, size, stride, pad)
        found = pooling.max_pool(other, size, stride, pad)
        assert torch.equal(found, expected), (shape, kind)
        slope = torch.randint(-4, 5, expected.shape, generator=rng).to(kind)
        (a,) = torch.autograd.grad(expected, one, slope)
        (b,) = torch.autograd.grad(found, other, slope)
        assert torch.equal(a, b), (shape, kind)
low = torch.full((1, 1, 4, 4), -torch.inf, requires_grad=True)
(slope,) = torch.autograd.grad(pooling.max_pool(low, 3, 2, 1).sum(), low)
assert slope.sum() == 4
broken = torch.zeros(1, 1, 4, 4)
broken[0, 0, 1, 1] = torch.nan
found = pooling.max_pool(broken, 3, 2, 1)
assert torch.equal(found.isnan(), F.max_pool2d(broken, 3, 2, 1).isnan())

from vrbench.extractors.epilogue_triton import finish_
for shape in [(2, 3, 5, 7), (1, 130, 4, 4), (2, 1, 1, 1)]:
    for layout in (torch.contiguous_format, torch.channels_last):
        x, other = (torch.randn(shape, generator=rng).to(memory_format=layout) for _ in range(2))
        bias = torch.randn(shape[1], generator=rng)
        for shortcut in (None, other, other.contiguous()):
            expected = x + bias[:, None, None]
            expected = (expected if shortcut is None else expected + shortcut).relu()
            assert torch.equal(finish_(x.clone(), bias, shortcut), expected), (shape, layout)
print("equal")
"""


@needs_interpreter
@pytest.mark.slow
def test_kernels_are_pytorchs_to_the_bit():
    told = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, "-c", KERNELS], env=told, capture_output=True, text=True)
    assert done.stdout.strip() == "equal", done.stderr[-2000:]


class Pools(nn.Module):
    """Windows of the kinds that are rewritten, and of those that are not."""

    def forward(self, x):
        x = F.max_pool2d(x, 3, 2, 1)
        x = F.max_pool2d(x, (2, 2))
        return F.max_pool2d(x, (3, 2), ceil_mode=True)


def test_a_traced_network_is_given_them_where_windows_are_square():
    x = torch.randn(2, 3, 33, 32, generator=torch.Generator().manual_seed(0))
    made = make_fx(Pools(), pre_dispatch=True)(x)
    fuse(made)
    asked = [node.args[1:] for node in made.graph.nodes if node.target is max_pool]
    assert asked == [(3, 2, 1), (2, 2, 0)]
    assert torch.equal(made(x), Pools()(x))
