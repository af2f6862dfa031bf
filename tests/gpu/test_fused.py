"""A network whose passes are rewritten and replayed on a CUDA device answers as it did."""

import copy

import pytest
import torch

from tests.gpu.device import NAME, on_hardware, there
from vrbench.core.seeds import stream
from vrbench.extractors.compiled import OFTEN, Compiled, fuses
from vrbench.extractors.inference_copy import swift
from vrbench.extractors.pretrained.torchvision_networks import Torchvision

ON_GPU = NAME.startswith("cuda")
BATCHES = OFTEN + 4 if ON_GPU else 1  # the second is fused, the ninth replayed
SHAPE = (8 if ON_GPU else 1, 3, 64, 64)


def network(arch, device):
    made = Torchvision(arch=arch, size=64)
    made.build(("red", "green", "blue"))
    made.redraw(stream(0))
    return made.to(device).eval().requires_grad_(False)


def answers(network, pixels, dtype=torch.float32):
    """Return the features of pictures, and the slope of their squares in the pixels."""
    leaf = pixels.clone().requires_grad_()
    vector = network(leaf.to(dtype))[0].float()
    return vector.detach(), torch.autograd.grad(vector.square().sum(), leaf)[0]


def errors(found, exact):
    """Return how far answers are from the exact ones, as shares of their norms."""
    assert all(part.isfinite().all() for part in found)
    return [float((a - b).norm() / b.norm()) for a, b in zip(found, exact, strict=True)]


def batches(device):
    for n in range(BATCHES):
        yield torch.rand(SHAPE, generator=stream(n)).to(device)


def quickened(quick, caplog, dtype, compiled):
    """Assert that it was compiled or fused, and replayed, and that nothing failed on the way."""
    assert not [r.getMessage() for r in caplog.records if "fails here" in r.getMessage()]
    if not ON_GPU:
        return
    assert isinstance(quick.inner, Compiled)
    some = torch.empty(1, dtype=dtype, device=NAME)
    assert bool(quick.inner._made) == compiled
    assert quick.inner._fused or compiled or not fuses(some)
    assert quick.inner._replayed


# The compiler imports what warns that it is deprecated; as an error that would be its failure.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@on_hardware
@pytest.mark.parametrize("arch", ["resnet18", "vgg11", "densenet121"])
@pytest.mark.parametrize("after", [None, 2], ids=["fused", "compiled"])
def test_its_bfloat16_is_as_good_as_the_plain_one(arch, after, caplog):
    """Half the bits err by a tenth and more of a random network's slope, whoever computes them.

    So it is judged by the plain network in bfloat16, which has the same bits to err with, against
    float32: at most half as much more, and a hundredth.
    """
    if after is not None and not ON_GPU:
        pytest.skip("a compiler of a GPU")
    with there() as device:
        exact = network(arch, device)
        plain = copy.deepcopy(exact).to(torch.bfloat16)
        quick = swift(exact, dtype=torch.bfloat16, compile_after=after)
        for pixels in batches(device):
            wanted = answers(exact, pixels)
            usual = errors(answers(plain, pixels, torch.bfloat16), wanted)
            for ours, theirs in zip(errors(answers(quick, pixels), wanted), usual, strict=True):
                assert ours < 1.5 * theirs + 0.01, (ours, theirs)
                assert theirs < 0.5  # else the bound bounds nothing
        quickened(quick, caplog, torch.bfloat16, after is not None)


@on_hardware
@pytest.mark.parametrize("arch", ["resnet18", "vgg11", "densenet121"])
def test_its_float32_is_the_plain_one(arch, caplog):
    """Answers: sums in another order, a hundred-thousandth of the norm.

    Slopes: other kernels round otherwise, and where that opens a ReLU or moves a maximum a slope
    jumps. Two plain layouts of one network differ by .004 on an H200, these by .008: .03.
    """
    with there() as device:
        exact = network(arch, device)
        quick = swift(exact)
        for pixels in batches(device):
            answer, slope = errors(answers(quick, pixels), answers(exact, pixels))
            assert answer < 1e-5
            assert slope < 3e-2
        quickened(quick, caplog, torch.float32, False)
