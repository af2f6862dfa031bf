import pytest
import torch
from torch import nn

from vrbench.core.seeds import stream
from vrbench.extractors.inference_copy import swift
from vrbench.extractors.pretrained.timm_networks import Timm
from vrbench.extractors.pretrained.torchvision_networks import Torchvision
from vrbench.extractors.small import SmallCNN

PIXELS = torch.rand(4, 3, 64, 64, generator=stream(0))


def lived_in(network):
    """Return a network whose batch norms have seen something."""
    network.build(("a", "b", "c"))
    for n, module in enumerate(network.modules()):
        if isinstance(module, nn.BatchNorm2d):
            rng = stream(n)
            for value in (module.weight, module.running_var):
                value.data.copy_(0.5 + torch.rand(value.shape, generator=rng))
            for value in (module.bias, module.running_mean):
                value.data.copy_(0.2 * torch.randn(value.shape, generator=rng))
    return network.eval()


@pytest.mark.parametrize(
    "make",
    [
        SmallCNN,
        lambda: Torchvision(arch="resnet18"),
        lambda: Torchvision(arch="mobilenet_v3_small"),
        lambda: Timm(arch="resnet18"),
        lambda: Torchvision(arch="densenet121"),
    ],
)
def test_a_swift_copy_answers_the_same(make):
    network = lived_in(make())
    quick = swift(network)
    network.requires_grad_(False)
    for ours, theirs in zip(quick(PIXELS), network(PIXELS), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-3 * float(theirs.abs().max()))
    assert quick.classes == network.classes


def test_batch_norms_are_folded_and_the_original_is_not_touched():
    for make in (SmallCNN, lambda: Torchvision(arch="resnet18")):
        network = lived_in(make())
        quick = swift(network)
        assert not any(isinstance(m, nn.BatchNorm2d) for m in quick.modules())
        assert any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
        assert not any(p.requires_grad for p in quick.parameters())
        assert all(p.requires_grad for p in network.parameters())


def test_half_the_bits_point_the_same_way():
    network = lived_in(SmallCNN())
    slopes = []
    for model in (network, swift(network, dtype=torch.bfloat16)):
        x = PIXELS.clone().requires_grad_()
        model(x).logits[:, 0].sum().backward()
        slopes.append(x.grad)
    cosine = torch.cosine_similarity(*[s.flatten(1) for s in slopes])
    assert (cosine > 0.97).all()
    assert slopes[1].dtype == torch.float32
