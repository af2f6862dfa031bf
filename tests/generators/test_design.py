import pytest
import torch
from torch import nn

from tests.recommenders.test_dvbpr import FAST
from vrbench.core.errors import ConfigError, DivergedError
from vrbench.core.seeds import Streams, stream
from vrbench.core.spec import Component
from vrbench.core.visuals import Signal, Table
from vrbench.extractors.small import SmallCNN
from vrbench.generators.design import Design
from vrbench.generators.lsgan import LSGAN
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.visual.dvbpr import DVBPR


class Flat(Component, nn.Module):
    """A GAN that paints in one colour, and doubts whatever is green."""

    latent = 3

    def paint(self, z, categories):
        return torch.sigmoid(z)[:, :, None, None].expand(-1, -1, 8, 8)

    def doubt(self, x, categories):
        return x[:, 1].flatten(1).mean(1)

    def categories_of(self, items):
        return items % 3


def redness(x, rows):
    """Everyone likes red, some more than others."""
    return x[:, 0].flatten(1).mean(1) * (1 + rows)


ROWS = torch.tensor([5, 0, 9])


def proposed(rows=ROWS, worth=redness, gan=None, size=(8, 8), **settings):
    design = Design(Flat() if gan is None else gan, **{"starts": 4} | settings)
    return design.propose(rows, rows % 3, worth, size, Streams(0))


def network():
    gan = LSGAN(size=16, width=4, latent=8)
    gan.build(torch.arange(12) % 3, 3)
    for parameter in gan.parameters():
        parameter.data.copy_(0.3 * torch.randn(parameter.shape, generator=stream(1)))
    return gan.eval().requires_grad_(False)


def test_what_is_liked_comes_out():
    before, after = proposed(steps=0), proposed(steps=30)
    assert after.pictures.shape == (3, 4, 3, 8, 8)
    assert (after.worth > before.worth + 0.05).all()
    assert torch.allclose(after.pictures * 255, (after.pictures * 255).round(), atol=1e-3)
    rows = ROWS[:, None].expand(3, 4).flatten()
    assert torch.allclose(after.worth.flatten(), redness(after.pictures.flatten(0, 1), rows))


def test_nobody_depends_on_who_was_served_before():
    """Moments that live on from user to user, as in the authors' code, would show here."""
    whole = proposed()
    order = torch.tensor([2, 0, 1])
    for part, other in zip(proposed(ROWS[order]), whole, strict=True):
        assert torch.equal(part, other[order])
    assert torch.equal(proposed(ROWS[1:2]).latent, whole.latent[1:2])


def test_the_first_step_of_adam_is_lr_long_for_everyone():
    first, second = proposed(steps=0), proposed(steps=1, lr=0.25, realism=0.0)
    moved = (second.latent - first.latent)[..., 0]
    assert torch.allclose(moved, torch.full_like(moved, 0.25), atol=1e-4)


def test_doubt_holds_back_and_decides():
    def liked(x, rows):
        return x[:, 1].flatten(1).mean(1)  # what this GAN doubts

    free, held = (proposed(worth=liked, realism=r, steps=30) for r in (0.0, 3.0))
    assert (free.doubt > held.doubt + 0.1).all()
    assert torch.equal(held.best(3.0), (held.worth - 3 * held.doubt).argmax(1))
    assert torch.equal(free.best(0.0), free.worth.argmax(1))


def test_the_preference_of_a_recommender_leads_to_the_latent_vector(world):
    """Through DVBPR's network and the GAN's, both in inference mode and left as they were."""
    model = DVBPR(Sizes(30, 36, (3, 16, 16)), SmallCNN(width=4), **FAST, trains="all")
    model.begin(world.catalogue.images, stream(0))
    model.eval().requires_grad_(False)
    gan = network()
    before = {n: v.clone() for n, v in gan.state_dict().items()}

    def worth(x, rows):
        shown = Table(Signal.PIXELS, x, None)
        return 100 * model.score(rows[:1], model.encode(torch.arange(len(x)), shown))[0]

    z = torch.randn(2, 8, generator=stream(0)).requires_grad_()
    y = torch.tensor([0, 1])
    (slope,) = torch.autograd.grad(worth(gan.paint(z, y), y).sum(), z)
    assert (slope.abs().sum(1) > 0).all()
    first, last = (
        proposed(worth=worth, gan=gan, size=(16, 16), steps=s, realism=0.0) for s in (0, 20)
    )
    assert (last.worth.mean(1) > first.worth.mean(1)).all()
    assert all(torch.equal(v, gan.state_dict()[n]) for n, v in before.items())
    alone = proposed(ROWS[:1], worth=worth, gan=gan, size=(16, 16), steps=20, realism=0.0)
    assert torch.equal(alone.pictures, last.pictures[:1])


def test_pictures_come_in_the_size_asked_for():
    def worth(x, rows):
        assert x.shape[1:] == (3, 20, 12)
        return redness(x, rows)

    assert proposed(worth=worth, size=(20, 12)).pictures.shape[2:] == (3, 20, 12)


def test_tailoring_starts_near_the_item():
    gan, rows = network(), torch.arange(3)
    design = Design(gan, starts=6, copies=150, steps=5, realism=0.0)
    z = 0.5 * torch.randn(3, 8, generator=stream(7))
    given = gan.paint(z, rows)

    def away(x):
        return (x - given[:, None]).square().flatten(2).mean(2)

    copies, tailored = design.tailor(rows, rows, given, redness, Streams(0))
    drawn = design.propose(rows, rows, redness, (16, 16), Streams(0))
    assert copies.pictures.shape == (3, 1, 3, 16, 16)
    assert (away(copies.pictures)[:, 0] < 0.1 * away(drawn.pictures).amin(1)).all()
    assert (tailored.worth > copies.worth).all()
    assert (away(tailored.pictures)[:, 0] < away(drawn.pictures).amin(1)).all()


def test_the_best_of_each_item_is_in_its_own_category():
    design = Design(Flat(), starts=4)
    found = design.best(ROWS, redness, (8, 8), Streams(0))
    made = design.propose(ROWS, ROWS % 3, redness, (8, 8), Streams(0))
    assert torch.equal(found, made.pictures[torch.arange(3), made.best(1.0)])


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="expected starts, copies >= 1"):
        Design(Flat(), starts=0)
    with pytest.raises(DivergedError, match="not finite"):
        proposed(worth=lambda x, rows: (x[:, 0, 0, 0] - 2).sqrt())
