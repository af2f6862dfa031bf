"""A compact network for small pictures; the default."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from vrbench.core.errors import ConfigError
from vrbench.extractors.base import Extractor, Features, Prepared


class SmallCNN(Extractor):
    """A residual network of three stages for pictures of 32 to 96 px, 80 thousand parameters.

    The stem and every stage halve the picture; a stage is a strided convolution and one residual
    block. ``vector`` has ``4 * width`` entries, ``maps`` one row per cell of the last stage.

    Args:
        width: channels of the first stage.
        size: pictures are resized to this height and width; None leaves them.

    Example:
        >>> import torch
        >>> from vrbench.extractors import SmallCNN
        >>> network = SmallCNN(width=4)
        >>> network.build(("red", "green", "blue"))
        >>> network.eval()(torch.zeros(2, 3, 32, 32)).logits.shape
        torch.Size([2, 3])
    """

    paper = ""
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

    def halves(self) -> tuple[nn.Module, nn.Module]:
        pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        first = nn.Sequential(Prepared(self.prepared), self.stem, *self.stages[:2])
        return first, nn.Sequential(self.stages[2], pool)

    def prepared(self, pixels: Tensor) -> Tensor:
        """Return the pictures as the first layer takes them."""
        if self.size is not None and pixels.shape[-1] != self.size:
            pixels = F.interpolate(
                pixels, (self.size, self.size), mode="bilinear", antialias=True, align_corners=False
            )
        return (pixels - 0.5) / 0.25

    def forward(self, pixels: Tensor) -> Features:
        grid = self.stages(self.stem(self.prepared(pixels)))
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
