"""What models of features on a graph of users and items are tried with."""

import torch

from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.data.splits.assignment import hold_out
from vrbench.objectives import Promote
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.ranking import rank
from vrbench.testing.recommenders import PairwiseContract
from vrbench.testing.world import NONE, toy_visuals

USERS, ITEMS = 5, 9
FEATURES = torch.tensor([3, 8])  # items whose features are changed


class Begun(PairwiseContract):
    def begun(self, world, visuals):
        model = super().begun(world, visuals)
        model.take(world.train)
        return model


class WithWords(Begun):
    @classmethod
    def signal(cls):
        return Signal.VECTOR


def with_words(sizes):
    """Return sizes with vectors of three words."""
    return sizes._replace(text=torch.eye(3)[torch.arange(sizes.num_items) % 3])


def small(cls, words, owned_by_nobody=None, **settings):
    """Return a model with weights that are no zeros, what it sees, and who has what.

    Five users, nine items, six numbers a picture, and four words where there are ``words``.
    """
    rng = stream(4)
    looks = Table(Signal.VECTOR, torch.rand(ITEMS, 6, generator=rng) - 0.2, None)
    text = torch.rand(ITEMS, 4, generator=rng)
    owned = torch.rand(USERS, ITEMS, generator=rng) < 0.4
    if owned_by_nobody is not None:
        owned[:, owned_by_nobody] = False
    model = cls(Sizes(USERS, ITEMS, (6,), text=text if words else None), **settings)
    model.take(Interactions.of(*owned.nonzero(as_tuple=True), USERS, ITEMS))
    model.begin(looks, stream(0))
    for parameter in model.parameters():
        parameter.data.add_(0.3 * torch.randn(parameter.shape, generator=stream(1)))
    return model.eval(), looks, owned.double().numpy()


class Exact(Table):
    """A table of float64 that stays one."""

    def __getitem__(self, items):
        return self.rows[items]


def slopes(model, looks, users, where):
    """Yield the slope of the scores of two items in one of their features, and its difference.

    Args:
        where: pairs of an item, 0 or 1, and a feature.
    """
    model = model.double()
    values = looks[FEATURES].double().requires_grad_()

    def score(shown):
        table = Exact(Signal.VECTOR, looks.rows.double().index_put((FEATURES,), shown), None)
        return model.crowd(users)(model.encode(FEATURES, table)).sum()

    (slope,) = torch.autograd.grad(score(values), values)
    for at in where:
        moved = torch.zeros_like(values)
        moved[at] = 1e-6
        with torch.no_grad():
            difference = (score(values + moved) - score(values - moved)) / 2e-6
        yield slope[at].item(), difference.item()


def promoted(model, world, extractor, step):
    """Return what a signed step of two pictures gains in their items' loss, over what it promises.

    Args:
        step: how far each channel of a pixel goes.
    """
    items = torch.tensor([0, 4])
    aim = Promote(world.train, extractor, model, toy_visuals(model.signal))
    x = world.catalogue.images[items].clone().requires_grad_()
    before = aim.judge(x, items).loss.sum()
    (slope,) = torch.autograd.grad(before, x)
    after = aim.judge((x - step * slope.sign()).detach(), items).loss.sum()
    return (before - after).item() / (step * slope.abs().sum()).item()


def cold_places(cls, world, **settings):
    """Where held-out items stand among such, by their own pictures and by those of others.

    Each is a share of the candidates, the mean over users: .5 is chance, and less is better.
    """
    cold = hold_out(world, share=0.3)
    shown = toy_visuals(Signal.VECTOR)
    shuffled = Table(Signal.VECTOR, shown[torch.randperm(36, generator=stream(1))], None)
    share = []
    for visuals in (shown, shuffled):
        made = cls(Sizes(30, 36, (3,)), **settings)
        made.fit(cold.train, cold.valid, visuals, stream(0))
        found = rank(made.eval(), visuals, cold.seen, cold.test, NONE, 1)
        share.append((found.relevant_ranks / found.candidates[cold.test.users]).mean().item())
    return share
