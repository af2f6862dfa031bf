from functools import partial

import pytest
import torch
from torch import nn

from vrbench.core.errors import DivergedError
from vrbench.core.seeds import stream
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.bpr import BPRMF

small = partial(BPRMF, factors=8, epochs=6, batch_size=512, lr=0.05, l2=1e-3)


class Breaks(BPRMF):
    """Its fourth epoch gives one number that is none, in the loss or in one gradient alone."""

    where = "loss"
    seen = 0

    def batches(self, train, rng):
        self.seen += 1
        yield from super().batches(train, rng)

    def loss(self, users, liked, other, visuals):
        loss = super().loss(users, liked, other, visuals)
        if self.seen < 4:
            return loss
        if self.where == "loss":
            return loss * torch.inf
        self.item.weight.register_hook(lambda g: g * torch.nan)
        return loss


@pytest.mark.parametrize(
    ("where", "what"), [("loss", "the loss"), ("gradient", r"a gradient of item\.weight")]
)
def test_a_diverged_training_stops_at_its_last_good_state(world, where, what):
    images = world.catalogue.images
    model = partial(Breaks, **small.keywords)(Sizes(30, 36, ()))
    model.where = where
    with pytest.raises(DivergedError, match=rf"in epoch 4 {what} is no .* lower recommender\.lr"):
        model.fit(world.train, world.valid, images, stream(0))
    good = partial(small, epochs=3)(Sizes(30, 36, ()))
    good.selects = False  # the third epoch, whichever validation likes best
    good.fit(world.train, world.valid, images, stream(0))
    for name, parameter in good.named_parameters():
        assert torch.equal(parameter, dict(model.named_parameters())[name]), name


def test_what_is_not_learnt_is_not_copied(world):
    model = small(Sizes(30, 36, ()))
    model.frozen = nn.Parameter(torch.full((3,), torch.nan), requires_grad=False)
    model.fit(world.train, world.valid, world.catalogue.images, stream(0))  # no error
