"""MMGCN, against numpy, and its gradient through users and items."""

from functools import partial

import numpy as np
import pytest
import torch

from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.objectives import Promote
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.multimodal.mmgcn import MMGCN
from vrbench.testing.recommenders import PairwiseContract
from vrbench.testing.world import BRISK, favourites, taught, toy_visuals

FAST = {"factors": 16, "latent": 16, "epochs": 15, "batch_size": 64, "lr": 0.03}
USERS, ITEMS = 5, 9


class Begun(PairwiseContract):
    def begun(self, world, visuals):
        model = super().begun(world, visuals)
        model.take(world.train)
        return model


@pytest.mark.slow
class TestPictures(Begun):
    make = partial(MMGCN, **FAST)


def with_words(sizes):
    words = torch.eye(3)[torch.arange(sizes.num_items) % 3]
    return MMGCN(sizes._replace(text=words), **FAST)


@pytest.mark.slow
class TestWithWords(Begun):
    make = with_words

    @classmethod
    def signal(cls):
        return Signal.VECTOR


def small(words=True, **changes):
    """Return a model with weights that are no zeros, what it sees, and who has what."""
    rng = stream(4)
    looks = Table(Signal.VECTOR, torch.rand(ITEMS, 6, generator=rng) - 0.2, None)
    text = torch.rand(ITEMS, 4, generator=rng) if words else None
    owned = torch.rand(USERS, ITEMS, generator=rng) < 0.4
    owned[:, 6] = False  # nobody has it
    settings = {"factors": 3, "latent": 4, "layers": 2, "scale": "none"}
    model = MMGCN(Sizes(USERS, ITEMS, (6,), text=text), **settings | changes)
    model.take(Interactions.of(*owned.nonzero(as_tuple=True), USERS, ITEMS))
    model.begin(looks, stream(0))
    for parameter in model.parameters():
        parameter.data.add_(0.3 * torch.randn(parameter.shape, generator=stream(1)))
    return model.eval(), looks, owned.double().numpy()


def leaky(x):
    return np.where(x > 0, x, 0.01 * x)


def by_hand(model, tables, owned):
    """Return the rows of users and items, ``(U + I, K)``, in numpy and float64."""
    w = {name: value.detach().double().numpy() for name, value in model.state_dict().items()}
    edges = np.block([[np.zeros((USERS, USERS)), owned], [owned.T, np.zeros((ITEMS, ITEMS))]])
    mean = edges / np.maximum(edges.sum(1), 1)[:, None]
    shared = np.concatenate([w["user.weight"], w["item.weight"]])
    total = 0
    for name, table in tables.items():
        views = table @ w[f"modalities.{name}.project.weight"].T
        x = np.concatenate([w[f"preference.{name}.weight"], views])
        x = x / np.linalg.norm(x, axis=1)[:, None]
        for n in range(model.layers):
            told, heard, heard_bias, own, own_bias = (
                w[f"steps.{name}.{n}.{part}"]
                for part in ("told.weight", "heard.weight", "heard.bias", "own.weight", "own.bias")
            )
            h = leaky(mean @ (x @ told.T))
            x = leaky(h @ heard.T + heard_bias + leaky(x @ own.T + own_bias) + shared)
        total = total + x / len(tables)
    return total


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
def test_scores_and_loss_are_those_of_numpy(words, layers):
    model, looks, owned = small(words, layers=layers, l2=0.3)
    tables = {"image": looks.rows.double().numpy()}
    if words:
        tables["text"] = model.text.double().numpy()
    rows = by_hand(model, tables, owned)
    wanted = torch.from_numpy(rows[:USERS] @ rows[USERS:].T).float()
    items = torch.tensor([7, 2, 6])
    found = model.score(torch.arange(USERS), model.encode(items, looks))
    assert torch.allclose(found, wanted[:, items], atol=1e-5)

    batch = torch.tensor([[0, 3, 4], [2, 8, 2], [6, 5, 1]])
    users, liked, other = batch
    margin = wanted[users, liked] - wanted[users, other]
    learnt = [model.user.weight[users], model.item.weight[liked], model.item.weight[other]]
    learnt += [table.weight[users] for table in model.preference.values()]
    loss = torch.log1p(torch.exp(-margin)) + 0.15 * sum(x.square().sum(1) for x in learnt)
    assert model.batch_loss(tuple(batch), looks).item() == pytest.approx(loss.mean().item(), 1e-5)


class Exact(Table):
    """A table of float64 that stays one."""

    def __getitem__(self, items):
        return self.rows[items]


def test_the_gradient_of_a_promotion_is_the_finite_difference():
    model, looks, _ = small()
    model = model.double()
    items = torch.tensor([3, 8])
    values = looks[items].double().requires_grad_()

    def score(shown):
        table = Exact(Signal.VECTOR, looks.rows.double().index_put((items,), shown), None)
        return model.crowd(USERS)(model.encode(items, table)).sum()

    (slope,) = torch.autograd.grad(score(values), values)
    for at in [(0, 0), (0, 5), (1, 2), (1, 4)]:
        moved = torch.zeros_like(values)
        moved[at] = 1e-6
        with torch.no_grad():
            found = (score(values + moved) - score(values - moved)) / 2e-6
        assert abs(slope[at].item()) > 1e-6
        assert found.item() == pytest.approx(slope[at].item(), rel=1e-3, abs=1e-8)


def test_it_learns_and_pictures_promote(world, extractor):
    model = taught(MMGCN, factors=8, latent=8, **BRISK)
    assert favourites(model) > 0.8
    items = torch.tensor([0, 4])
    aim = Promote(world.train, extractor, model, toy_visuals(model.signal))
    x = world.catalogue.images[items].clone().requires_grad_()
    before = aim.judge(x, items).loss.sum()
    (slope,) = torch.autograd.grad(before, x)
    after = aim.judge((x - 0.002 * slope.sign()).detach(), items).loss.sum()
    assert 0.5 < (before - after).item() / (0.002 * slope.abs().sum()).item() < 2


def test_a_picture_moves_whoever_has_its_item_too():
    model, looks, owned = small(layers=1)
    item = torch.tensor([3])
    shown = looks.overlay(item, 1 - looks[item])
    moved = (model.nodes_of(shown).user - model.nodes_of(looks).user).norm(dim=1) > 1e-5
    assert moved.tolist() == (owned[:, 3] > 0).tolist()


def test_settings_out_of_range_are_named():
    for wrong in ({"latent": 0}, {"layers": 0}):
        with pytest.raises(ConfigError, match=f"MMGCN.*{next(iter(wrong))}"):
            small(**wrong)
