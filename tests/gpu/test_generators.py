"""A GAN learns and paints on a CUDA device, and designs are made there as here."""

import torch

import vrbench.generators
from tests.gpu.device import close, everywhere, home, on_device, on_hardware
from vrbench.core.seeds import Streams, stream
from vrbench.generators import LSGAN, Design
from vrbench.testing.world import toy_world


def test_every_generator_is_here():
    assert set(dir(vrbench.generators)) == {"LSGAN", "Design"}


def gan():
    made = LSGAN(size=16, width=4, latent=8, epochs=4, batch_size=12, average=0.5)
    shop = toy_world().catalogue
    made.build(shop.categories, len(shop.names))
    return made


@on_hardware
def test_a_gan_paints_there_what_it_paints_here():
    """After a dozen steps of both networks: the same shades, as far as they correlate."""

    def painted(device):
        made = gan().to(device)
        made.fit(toy_world().catalogue.images, torch.arange(36), stream(0))
        z = torch.randn(3, 8, generator=stream(1)).to(device)
        return made.paint(z, torch.arange(3, device=device))

    expected, found = everywhere(painted)
    assert expected.std() > 1e-3
    together = torch.stack([found.flatten(), home(expected).flatten()]).double()
    assert torch.corrcoef(together)[0, 1] > 0.98


@on_device
def test_a_design_is_the_same_there():
    """Three steps of Adam from the same draws, whose first is a sign: a slope near zero turns it.

    So what the pictures are worth is compared, not their pixels.
    """

    def designed(device):
        made = gan()
        made.fit(toy_world().catalogue.images, torch.arange(36), stream(0))
        made.to(device).eval().requires_grad_(False)
        design = Design(made, starts=2, steps=3)
        items = torch.arange(3, device=device)
        best = design.best(items, lambda x, rows: -x[:, 0].mean((1, 2)), (16, 16), Streams(0))
        return best[:, 0].mean((1, 2))

    expected, found = everywhere(designed)
    close(found, expected, rtol=0.01, atol=0.01)
