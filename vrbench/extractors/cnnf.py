"""CNN-F: the network that DVBPR was published with."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from vrbench.core.dropout import Dropout
from vrbench.core.errors import ConfigError
from vrbench.extractors.base import Extractor, Features, Prepared


class CNNF(Extractor):
    """CNN-F (Chatfield et al., BMVC 2014) as DVBPR has it (Kang et al., ICDM 2017, table 1).

    Five convolutions (11 x 11 with stride 4, 5 x 5, three of 3 x 3), a 2 x 2 pool after the first,
    second and fifth, and two wide layers with dropout; relu everywhere, no local response
    normalisation. Pixels go in as ``2 x - 1``. ``vector`` is the second wide layer.

    Args:
        size: pictures are resized to this height and width; the paper's is 224.
        width: units of the wide layers.
        dropout: probability that one of them is left out in training.

    Example:
        >>> import torch
        >>> from vrbench.extractors import CNNF
        >>> network = CNNF(size=64, width=16).eval()
        >>> network(torch.zeros(2, 3, 64, 64)).vector.shape
        torch.Size([2, 16])
    """

    paper = "Chatfield et al., BMVC 2014; Kang et al., ICDM 2017"
    learns = True

    def __init__(self, *, size: int = 224, width: int = 4096, dropout: float = 0.5) -> None:
        super().__init__()
        if size < 32 or width < 1:
            raise ConfigError(f"CNNF: expected size >= 32 and width >= 1, got {size} and {width}")
        self.size, self.width = size, width
        self.trunk = nn.Sequential(
            *_convolution(3, 64, 11, 4),
            nn.MaxPool2d(2),
            *_convolution(64, 256, 5, 1),
            nn.MaxPool2d(2),
            *_convolution(256, 256, 3, 1),
            *_convolution(256, 256, 3, 1),
            *_convolution(256, 256, 3, 1),
            nn.MaxPool2d(2),
        )
        side = size // 32
        self.wide = nn.Sequential(
            nn.Flatten(),
            nn.Linear(256 * side * side, width),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            Dropout(dropout),
        )
        self.head = nn.Linear(width, 1)

    def build(self, names: tuple[str, ...]) -> None:
        self.classes = names
        self.head = nn.Linear(self.width, len(names)).to(self.device)

    def head_module(self) -> nn.Module:
        return self.head

    def halves(self) -> tuple[nn.Module, nn.Module]:
        return nn.Sequential(Prepared(self.prepared), self.trunk), self.wide

    def prepared(self, pixels: Tensor) -> Tensor:
        """Return the pictures as the first layer takes them."""
        if pixels.shape[-2:] != (self.size, self.size):
            pixels = F.interpolate(
                pixels, (self.size, self.size), mode="bilinear", antialias=True, align_corners=False
            )
        return 2 * pixels - 1

    def forward(self, pixels: Tensor) -> Features:
        grid = self.trunk(self.prepared(pixels))
        vector = self.wide(grid)
        return Features(vector, grid.flatten(2).transpose(1, 2), self.head(vector))


def _convolution(channels: int, wider: int, kernel: int, stride: int) -> tuple[nn.Module, ...]:
    # Padding as in the authors' code: a stride of s divides the side by s.
    pad = (kernel - stride + 1) // 2
    return nn.Conv2d(channels, wider, kernel, stride, pad), nn.ReLU()
