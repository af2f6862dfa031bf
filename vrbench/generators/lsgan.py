"""DVBPR's generator: a least-squares GAN that is told the category."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from typing_extensions import Unpack

from vrbench.core.descent import DescentSettings
from vrbench.core.errors import ConfigError, DataError
from vrbench.core.placement import Placed
from vrbench.core.spec import Component
from vrbench.core.visuals import Visuals
from vrbench.generators.networks import Discriminator, Generator
from vrbench.generators.training import Training

Curve = list[dict[str, float]]


class LSGAN(Component, Placed):
    """Pictures of a category from random numbers (Kang et al., ICDM 2017).

    The conditional GAN of DVBPR, with the losses of Mao et al. (ICCV 2017). Differences from the
    authors' code, all for small catalogues, each off by a setting: the discriminator learns faster
    (``discriminator_lr``, Heusel et al., NeurIPS 2017) and normalises no batches (``normalised``);
    kernels cover pixels evenly (``kernel``, Odena et al., Distill 2016); real pictures are mirrored
    half of the time (``mirror``); real and made ones are moved a little before they are judged
    (``shift``, Zhao et al., NeurIPS 2020); and the pictures come from a running mean of the
    generator's weights (``average``, Yazici et al., ICLR 2019).

    Args:
        size: height and width of its pictures; a power of two from 16.
        width: channels, see ``networks``; 64 is published.
        kernel: side of the generator's doubling kernels, 4; or 3, as published.
        normalised: whether the discriminator normalises batches; as published it does.
        latent: length of a latent vector; 256 is published.
        epochs: passes over the training pictures. A shorter training is the beginning of a longer
            one, whose checkpoint goes on where it ended.
        batch_size: pictures of a step, at least 2.
        lr: of the generator's Adam, whose moments decay by 0.5 and 0.99.
        discriminator_lr: of the discriminator's; the same one in the authors' code.
        average: weight of what the running mean was before, every step; 0 keeps the last weights.
        shift: how far pictures are moved, as a share of their side.
        mirror: whether real pictures are mirrored.

    Example:
        >>> import torch
        >>> from vrbench.testing.world import toy_gan
        >>> gan = toy_gan()
        >>> gan.paint(torch.zeros(2, gan.latent), torch.tensor([0, 2])).shape
        torch.Size([2, 3, 16, 16])
    """

    paper = "Kang et al., ICDM 2017"

    defaults = DescentSettings(epochs=300, batch_size=16, lr=0.0004)

    def __init__(
        self,
        *,
        size: int = 32,
        width: int = 16,
        kernel: int = 4,
        normalised: bool = False,
        latent: int = 64,
        discriminator_lr: float = 0.0008,
        average: float = 0.998,
        shift: float = 0.125,
        mirror: bool = True,
        **descent: Unpack[DescentSettings],
    ) -> None:
        super().__init__()
        given = self.with_defaults(DescentSettings, descent)
        epochs, batch_size, lr = given["epochs"], given["batch_size"], given["lr"]
        if size < 16 or size & (size - 1):
            raise ConfigError(f"LSGAN.size: expected a power of two from 16, got {size}")
        if kernel not in (3, 4):
            raise ConfigError(f"LSGAN.kernel: expected 3 or 4, got {kernel}")
        if min(width, latent, epochs) < 1 or batch_size < 2 or min(lr, discriminator_lr) <= 0:
            raise ConfigError(
                "LSGAN: expected width, latent, epochs >= 1, batch_size >= 2 and rates > 0"
            )
        if not (0 <= average < 1 and 0 <= shift < 0.5):
            raise ConfigError("LSGAN: expected average in [0, 1) and shift in [0, 0.5)")
        self.size, self.width, self.kernel, self.latent = size, width, kernel, latent
        self.normalised = normalised
        self.epochs, self.batch_size = epochs, batch_size
        self.lr, self.discriminator_lr = lr, discriminator_lr
        self.average, self.shift, self.mirror = average, shift, mirror

    def build(self, categories: Tensor, num_classes: int) -> None:
        """Make both networks for a catalogue.

        Args:
            categories: ``(num_items,)`` int64, the category of each item.
            num_classes: how many there are.
        """
        # Plain data, public and no weight: it says which category an item's picture is drawn in.
        self.categories = categories
        self.generator = Generator(
            size=self.size,
            width=self.width,
            kernel=self.kernel,
            latent=self.latent,
            classes=num_classes,
        )
        self.discriminator = Discriminator(
            size=self.size, width=self.width, classes=num_classes, normalised=self.normalised
        )

    def fit(
        self, images: Visuals, items: Tensor, rng: torch.Generator, checkpoint: Path | None = None
    ) -> Curve:
        """Learn from the pictures of ``items``, from scratch or from ``checkpoint``.

        A pure function of the other arguments and the settings: an interrupted training ends with
        the weights of an uninterrupted one.

        Args:
            images: the catalogue's pixels.
            items: ``(n,)`` items to learn from.
            rng: fresh.
            checkpoint: where an unfinished training is kept; None keeps none.

        Returns:
            One entry per epoch, with both losses.

        Raises:
            DivergedError: if a loss or a gradient leaves the numbers of a working training; the
                last good state is in ``checkpoint``.
            DataError: if there are too few pictures.
        """
        if len(items) < self.batch_size:
            raise DataError(f"{len(items)} pictures are less than a batch of {self.name}")
        training = Training(self, rng)
        curve = training.run(images, items, checkpoint)
        self.eval().requires_grad_(False)
        return curve

    def paint(self, z: Tensor, categories: Tensor) -> Tensor:
        """Return ``(B, 3, size, size)`` pictures in [0, 1] for ``z``, ``(B, latent)``."""
        made: Tensor = self.generator(z, categories)
        return (made + 1) / 2

    def doubt(self, x: Tensor, categories: Tensor) -> Tensor:
        """Return ``(B,)``: how far the discriminator is from taking ``x`` in [0, 1] for real."""
        return (self.discriminator(2 * x - 1, categories) - 1).square()

    def categories_of(self, items: Tensor) -> Tensor:
        """Return the ``(n,)`` catalogue's categories of ``items``, on their device."""
        return self.categories[items.cpu()].to(items.device)
