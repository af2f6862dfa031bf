"""What the image benchmarks of ``all`` attack: a residual network with weights drawn at random."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from vrbench.attacks.goal import Classes, Verdict
from vrbench.extractors.base import Extractor
from vrbench.extractors.pretrained.torchvision_networks import Torchvision
from vrbench.threats.objectives.misclassification import other_classes

CLASSES = tuple(f"class {n}" for n in range(10))
TARGET = 3


class Target:
    """Be classified as one class; any network that yields logits."""

    def __init__(self, network: Any) -> None:
        self.network = network

    def classes(self, x: Tensor, items: Tensor) -> Classes:
        """Return the logits."""
        return Classes(self.network(x).logits.float(), TARGET, None)

    def judge(self, x: Tensor, items: Tensor) -> Verdict:
        """Return cross-entropy to the target, and by how much another class is ahead of it."""
        logits = self.classes(x, items).logits
        own, rest = logits[:, TARGET], other_classes(logits, TARGET).amax(1)
        return Verdict(logits.logsumexp(1) - own, rest - own)


def network(device: str, quick: bool) -> tuple[Extractor, int]:
    """Return the network and the size of its pictures: ResNet-50 at 224 px on a GPU."""
    large = device == "cuda" or not quick
    made = Torchvision(arch="resnet50" if large else "resnet18", size=224 if large else 64)
    made.build(CLASSES)
    made.redraw(torch.Generator().manual_seed(0))
    return made.eval().requires_grad_(False).to(device), 224 if large else 64


def pictures(count: int, size: int, device: str) -> tuple[Tensor, Tensor]:
    """Return ``count`` pictures on the 8-bit grid, and their items."""
    rng = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (count, 3, size, size), generator=rng) / 255
    return pixels.to(device), torch.arange(count, device=device)


def batch(
    device: str, quick: bool, *, on_gpu: int = 128, on_cpu: int = 4
) -> tuple[Extractor, int, Tensor, Tensor, Tensor]:
    """Return the network, the size of its pictures, a batch of them, their items, and the batch.

    The second time as a GPU likes it best, channels last.
    """
    extractor, size = network(device, quick)
    clean, items = pictures(on_gpu if device == "cuda" else on_cpu, size, device)
    lain = clean.contiguous(memory_format=torch.channels_last) if device == "cuda" else clean
    return extractor, size, clean, items, lain


def gradient_flops(extractor: Extractor, size: int, device: str) -> float:
    """Return the FLOPs of one picture forward and back to its pixels."""
    x = torch.rand(2, 3, size, size, device=device, requires_grad=True)
    with FlopCounterMode(display=False) as counted:
        extractor(x).logits.sum().backward()  # type: ignore[no-untyped-call]
    return counted.get_total_flops() / 2
