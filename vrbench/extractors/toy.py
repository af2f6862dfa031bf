"""A hand-made extractor that sees colours; for tests and tutorials."""

import torch.nn.functional as F
from torch import Tensor

from vrbench.extractors.base import Extractor, Features


class Colour(Extractor):
    """Average colour, globally and on a grid; its classes are red, green and blue.

    Example:
        >>> import torch
        >>> from vrbench.extractors import Colour
        >>> from vrbench.testing.world import toy_world
        >>> red = toy_world().catalogue.images[torch.tensor([0])]
        >>> Colour()(red).logits.argmax(1).tolist(), Colour().classes
        ([0], ('red', 'green', 'blue'))
    """

    classes = ("red", "green", "blue")

    def __init__(self, *, grid: int = 4, sharpness: float = 20.0) -> None:
        super().__init__()
        self.grid, self.sharpness = grid, sharpness

    def forward(self, pixels: Tensor) -> Features:
        maps = F.adaptive_avg_pool2d(pixels, self.grid).flatten(2).transpose(1, 2)
        vector = maps.mean(1)
        return Features(vector, maps, self.sharpness * (vector - vector.mean(1, keepdim=True)))
