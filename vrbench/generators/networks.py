"""The two networks of a conditional image GAN, as DVBPR's authors built them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2  # of the leaky ReLUs
STDDEV = 0.02  # of all first weights


class Generator(nn.Module):
    """From a latent vector and a category to a picture (Kang et al., ICDM 2017).

    A linear layer to 4 x 4 cells, then transposed convolutions that double the side, with batch
    normalisation between. The last two doublings have ``2 * width`` and ``width`` channels, those
    before them ``4 * width`` and, each, one more convolution at the same side. With ``width=64``,
    ``kernel=3`` and ``size=64`` the published network.

    Args:
        size: height and width of a picture, a power of two from 16.
        width: channels of the last layer but one.
        kernel: side of the doubling kernels, 3 or 4; 3 covers neighbouring pixels unequally often,
            which shows as a checkerboard until it is unlearnt.
        latent: length of a latent vector.
        classes: number of categories.
    """

    def __init__(self, *, size: int, width: int, kernel: int, latent: int, classes: int) -> None:
        super().__init__()
        channels = 4 * width
        self.classes = classes
        self.root = nn.Linear(latent + classes, channels * 16)
        layers: list[nn.Module] = [*_normalised(channels)]
        doublings = (size // 4).bit_length() - 1
        for wider in [4 * width] * (doublings - 2) + [2 * width, width]:
            layers += [
                nn.ConvTranspose2d(channels, wider, kernel, 2, 1, output_padding=4 - kernel),
                *_normalised(wider),
            ]
            if wider == 4 * width:
                layers += [nn.ConvTranspose2d(wider, wider, 3, 1, 1), *_normalised(wider)]
            channels = wider
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(channels, 3, 3, 1, 1))

    def forward(self, z: Tensor, categories: Tensor) -> Tensor:
        """Return ``(B, 3, size, size)`` in [-1, 1] for ``z``, ``(B, latent)``."""
        told = torch.cat([z, F.one_hot(categories, self.classes).to(z)], 1)
        cells = self.root(told).unflatten(1, (-1, 4, 4))
        return torch.tanh(self.layers(cells))


class Discriminator(nn.Module):
    """From a picture and a category to one number: 1 for real, 0 for made.

    5 x 5 convolutions of stride 2 down to 4 x 4 cells, ``width`` channels and twice as many after
    every one; the category is tiled and appended to the input of each.

    Args:
        size, classes: as of the generator.
        width: channels of the first layer.
        normalised: whether batches are normalised after all layers but the first, as published. A
            batch of made pictures passes alone, so what all of them have in common, such as one
            colour, is then hard to see.
    """

    def __init__(self, *, size: int, width: int, classes: int, normalised: bool) -> None:
        super().__init__()
        self.classes = classes
        self.layers = nn.ModuleList()
        channels = 3
        for n in range((size // 4).bit_length() - 1):
            wider = width << n
            layer: list[nn.Module] = [nn.Conv2d(channels + classes, wider, 5, 2, 2)]
            layer += [*_normalised(wider)] if normalised and n else [nn.LeakyReLU(SLOPE)]
            self.layers.append(nn.Sequential(*layer))
            channels = wider
        self.head = nn.Linear(channels * 16, 1)

    def forward(self, x: Tensor, categories: Tensor) -> Tensor:
        """Return ``(B,)`` numbers for ``x``, ``(B, 3, size, size)`` in [-1, 1]."""
        told = F.one_hot(categories, self.classes).to(x)[:, :, None, None]
        for layer in self.layers:
            x = layer(torch.cat([x, told.expand(-1, -1, *x.shape[2:])], 1))
        return self.head(x.flatten(1)).squeeze(1)


def redraw(network: nn.Module, rng: torch.Generator) -> None:
    """Draw all weights anew, normal with deviation 0.02; batch norm starts as the identity."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            drawn = torch.randn(module.weight.shape, generator=rng)
            module.weight.data.copy_(STDDEV * drawn)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.reset_parameters()


def resized(x: Tensor, height: int, width: int) -> Tensor:
    """Return pictures ``x`` in [0, 1] at another size; as they are if it is theirs."""
    if x.shape[2:] == (height, width):
        return x
    return F.interpolate(x, (height, width), mode="bilinear", antialias=True).clamp(0, 1)


def _normalised(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm2d(channels), nn.LeakyReLU(SLOPE)
