"""Batch-norm-folded copy of an extractor for inference and input gradients."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vrbench.core.placement import device_of
from vrbench.core.visuals import Signal
from vrbench.extractors.base import Extractor, Features
from vrbench.extractors.compiled import Compiled
from vrbench.extractors.defences.base import Front, Purified

log = logging.getLogger(__name__)


class Swift(nn.Module):
    """A frozen extractor in evaluation mode, its batch norm folded into convolutions.

    Answers like the extractor it was made from, with float32 in and out; inside it computes in
    ``dtype``, channels last but in float32 on a GPU, where that is slow. Steps that purify pictures
    in front of a network stay in float32: half the bits cannot tell one grey level from the next.
    It is no ``Extractor``: it has no settings and no place in keys.

    Args:
        fronts: what pictures pass through first.
        inner: the network, prepared.
        dtype: what the network computes in.
        classes, name: the extractor's own.
    """

    def __init__(
        self,
        fronts: Sequence[Front],
        inner: nn.Module,
        dtype: torch.dtype,
        classes: tuple[str, ...],
        name: str,
    ) -> None:
        super().__init__()
        self.fronts, self.inner = nn.ModuleList(fronts), inner
        self.dtype, self.classes, self.name = dtype, classes, name

    def forward(self, pixels: Tensor) -> Features:
        for front in self.fronts:
            pixels = front(pixels)
        x = pixels.to(self.dtype, memory_format=layout(self.device, self.dtype))
        vector, maps, logits = self.inner(x)
        return Features(vector.float(), maps.float(), logits.float())

    def see(self, pixels: Tensor, signal: Signal) -> Tensor:
        """Return what a model that asks for ``signal`` is shown of ``pixels``; differentiable."""
        return pixels if signal is Signal.PIXELS else getattr(self(pixels), signal.value)

    def redrawn(self, salt: int) -> Swift:
        """Return the same under other draws of chance; itself if nothing is drawn."""
        old = [front for front in self.fronts if isinstance(front, Front)]
        fronts = [front.redrawn(salt) for front in old]
        if all(a is b for a, b in zip(fronts, old, strict=True)):
            return self
        return Swift(fronts, self.inner, self.dtype, self.classes, self.name)

    @property
    def device(self) -> torch.device:
        """Where its network is."""
        return device_of(self.inner)


def layout(device: torch.device, dtype: torch.dtype) -> torch.memory_format:
    """Return how pictures lie where a network computes in ``dtype``."""
    exact = device.type == "cuda" and dtype == torch.float32
    return torch.contiguous_format if exact else torch.channels_last


def swift(
    extractor: Extractor, *, dtype: torch.dtype = torch.float32, compile_after: int | None = None
) -> Swift:
    """Return a quicker, frozen copy of ``extractor`` that computes in ``dtype``.

    Args:
        extractor: as it was taught.
        dtype: what its network computes in.
        compile_after: batches of one shape before it is compiled for it; None: never.
    """
    fronts, network = [], extractor
    while isinstance(network, Purified):
        fronts.append(copy.deepcopy(network.front).eval().requires_grad_(False))
        network = network.inner
    inner = copy.deepcopy(network).eval().requires_grad_(False)
    _fold(inner)
    inner = inner.to(dtype).to(memory_format=layout(device_of(inner), dtype))
    quickens = compile_after is not None or device_of(inner).type == "cuda"
    prepared = Compiled(inner, compile_after) if quickens else inner
    return Swift(fronts, prepared, dtype, extractor.classes, extractor.name)


def _fold(module: nn.Module) -> int:
    """Fold every batch norm into the convolution it directly follows; return how many.

    "Follows" is read off the forward pass where it can be traced, and off ``nn.Sequential``
    containers otherwise; what is not folded still computes the same.
    """
    folded = 0
    for child in module.modules():
        if isinstance(child, nn.Sequential):
            folded += _fold_neighbours(child)
    for child in list(module.modules()):
        folded += _fold_named(child)
    log.debug("folded %d batch norms", folded)
    return folded


def _fold_neighbours(row: nn.Sequential) -> int:
    folded = 0
    for n in range(len(row) - 1):
        first, second = row[n], row[n + 1]
        if isinstance(first, nn.Conv2d) and type(second) is nn.BatchNorm2d:
            row[n], row[n + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
            folded += 1
    return folded


def _fold_named(block: nn.Module) -> int:
    """Fold ``conv1, bn1``, ``conv2, bn2``, ... as torchvision and timm name them in blocks."""
    folded, children = 0, dict(block.named_children())
    for name, child in children.items():
        if isinstance(child, nn.Conv2d) and name.startswith("conv"):
            norm = children.get("bn" + name.removeprefix("conv"))
            if type(norm) is nn.BatchNorm2d and norm.num_features == child.out_channels:
                setattr(block, name, fuse_conv_bn_eval(child, norm))
                setattr(block, "bn" + name.removeprefix("conv"), nn.Identity())
                folded += 1
    return folded
