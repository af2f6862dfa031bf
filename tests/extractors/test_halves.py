import pytest
import torch

from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal
from vrbench.extractors.cnnf import CNNF
from vrbench.extractors.pretrained.timm_networks import Timm
from vrbench.extractors.pretrained.torchvision_networks import Torchvision
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.training.standard import Standard

PIXELS = torch.rand(2, 3, 64, 64, generator=stream(0))
NETWORKS = {
    "small": lambda: SmallCNN(size=32),
    "cnnf": lambda: CNNF(size=64, width=16),
    "torchvision": lambda: Torchvision(arch="resnet18"),
    "bottlenecks": lambda: Torchvision(arch="resnet50", size=64),
    "timm": lambda: Timm(arch="resnet18"),
    "taught": lambda: Standard(SmallCNN()),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_trunk_and_last_block_make_the_vector(name):
    network = NETWORKS[name]()
    network.build(("a", "b"))
    network.eval()
    trunk, last = network.halves()
    with torch.no_grad():
        assert torch.allclose(last(trunk(PIXELS)), network.see(PIXELS, Signal.VECTOR), atol=1e-5)
    count = [sum(p.numel() for p in m.parameters()) for m in (trunk, last, network)]
    assert 0 < count[1] < count[2]
    assert count[0] > 0


def test_networks_without_such_blocks_say_so():
    with pytest.raises(IncompatibleError, match="cannot be cut into a trunk and a last block"):
        Torchvision(arch="vgg11").halves()
