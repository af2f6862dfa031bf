"""A compact network for small pictures; the default."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrbench.core.errors import ConfigError
from vrbench.extractors.base import Extractor, Features


class SmallCNN(Extractor):
    """A residual network of three stages for pictures of 32 to 96 px, 80 thousand parameters.

    The stem and every stage halve the picture; a stage is a strided convolution and one residual
    block. ``vector`` has ``4 * width`` entries, ``maps`` one row per cell of the last stage.

    Args:
        width: channels of the first stage.
        size: pictures are resized to this height and width; None leaves them.
    """

    learns = True

    def __init__(self, *, width: int = 16, size: int | None = None) -> None:
        super().__init__()
        if width < 1 or (size is not None and size < 16):
            raise ConfigError(f"SmallCNN: expected width >= 1 and size >= 16, got {width}, {size}")
        self.width, self.size = width, size
        self.stem = nn.Sequential(_convolution(3, width, 2), nn.ReLU())
        self.stages = nn.Sequential(
            _Stage(width, width), _Stage(width, 2 * width), _Stage(2 * width, 4 * width)
        )
        self.head = nn.Linear(4 * width, 1)

    def build(self, names: tuple[str, ...]) -> None:
        self.classes = names
        self.head = nn.Linear(4 * self.width, len(names)).to(self.device)

    def head_module(self) -> nn.Module:
        return self.head

    def forward(self, pixels: Tensor) -> Features:
        if self.size is not None and pixels.shape[-1] != self.size:
            pixels = F.interpolate(
                pixels, (self.size, self.size), mode="bilinear", antialias=True, align_corners=False
            )
        grid = self.stages(self.stem((pixels - 0.5) / 0.25))
        vector = grid.mean((2, 3))
        return Features(vector, grid.flatten(2).transpose(1, 2), self.head(vector))


class _Stage(nn.Module):
    """A strided convolution, then one residual block."""

    def __init__(self, channels: int, wider: int) -> None:
        super().__init__()
        self.down = _convolution(channels, wider, 2)
        self.first = _convolution(wider, wider, 1)
        self.second = _convolution(wider, wider, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.down(x))
        return F.relu(x + self.second(F.relu(self.first(x))))


def _convolution(channels: int, wider: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, wider, 3, stride, 1, bias=False), nn.BatchNorm2d(wider)
    )


def redraw(network: nn.Module, rng: torch.Generator) -> None:
    """Draw all parameters of a network anew: He's normal for weights, defaults for the rest.

    He et al. (ICCV 2015) for convolutions and ReLU; batch norm starts as the identity.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan = module.weight[0].numel()
            gain = 2.0 if isinstance(module, nn.Conv2d) else 1.0
            drawn = torch.randn(module.weight.shape, generator=rng) * (gain / fan) ** 0.5
            module.weight.data.copy_(drawn)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
            if module.weight is not None:
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        else:  # class tokens, position embeddings and their kind
            for parameter in module.parameters(recurse=False):
                if parameter.ndim > 1:
                    parameter.data.copy_(0.02 * torch.randn(parameter.shape, generator=rng))
