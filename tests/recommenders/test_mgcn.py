"""MGCN, against numpy, and its gradient through gates and through the rebuilt graph."""

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
from vrbench.recommenders.multimodal.mgcn import MGCN
from vrbench.testing.recommenders import PairwiseContract
from vrbench.testing.world import BRISK, favourites, taught, toy_visuals

FAST = {"factors": 8, "epochs": 15, "batch_size": 64, "lr": 0.05, "neighbours": 6}
USERS, ITEMS = 5, 9


class Begun(PairwiseContract):
    def begun(self, world, visuals):
        model = super().begun(world, visuals)
        model.take(world.train)
        return model


@pytest.mark.slow
class TestFrozen(Begun):
    make = partial(MGCN, **FAST)


@pytest.mark.slow
class TestRebuilt(Begun):
    make = partial(MGCN, **FAST, graph="rebuilt", item_layers=2)


def with_words(sizes):
    words = torch.eye(3)[torch.arange(sizes.num_items) % 3]
    return MGCN(sizes._replace(text=words), graph="rebuilt", **FAST)


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
    settings = {"factors": 3, "neighbours": 3, "layers": 1, "scale": "none", "temperature": 0.5}
    model = MGCN(Sizes(USERS, ITEMS, (6,), text=text), **settings | changes)
    model.take(Interactions.of(*owned.nonzero(as_tuple=True), USERS, ITEMS))
    model.begin(looks, stream(0))
    for parameter in model.parameters():
        parameter.data.add_(0.3 * torch.randn(parameter.shape, generator=stream(1)))
    return model.eval(), looks, owned.double().numpy()


def graph(features, count):
    """Return the normalised matrix of an item's nearest, dense."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosine = unit @ unit.T
    kept = np.zeros_like(cosine)
    for row, best in enumerate(np.argsort(-cosine, axis=1)[:, :count]):
        kept[row, best] = np.maximum(cosine[row, best], 0)
    root = 1 / np.sqrt(kept.sum(1))
    return root[:, None] * kept * root


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(model, tables, owned):
    """Return both views, ``(U + I, K)``, in numpy and float64."""
    w = {name: value.detach().double().numpy() for name, value in model.state_dict().items()}
    link = owned / np.sqrt(np.maximum(owned.sum(1), 1)[:, None] * np.maximum(owned.sum(0), 1))
    p, q = w["user.weight"], w["item.weight"]
    behaviour = np.concatenate([(p + link @ q) / 2, (q + link.T @ p) / 2])
    seen = []
    for name, table in tables.items():
        view = table @ w[f"modalities.{name}.project.weight"].T
        gate = sigmoid(view @ w[f"gates.{name}.weight"].T + w[f"gates.{name}.bias"])
        rows = q * gate
        for _ in range(model.item_layers):
            rows = graph(table, 3) @ rows
        seen.append(np.concatenate([link @ rows, rows]))
    if len(seen) == 1:
        return behaviour, seen[0]
    hidden = [np.tanh(x @ w["fuser.attend.weight"].T + w["fuser.attend.bias"]) for x in seen]
    share = np.exp([h @ w["fuser.query.weight"][0] for h in hidden])
    share = share / share.sum(0)
    shared = sum(a[:, None] * x for a, x in zip(share, seen, strict=True))
    own = 0
    for name, x in zip(tables, seen, strict=True):
        asked = behaviour @ w[f"fuser.prefer.{name}.weight"].T + w[f"fuser.prefer.{name}.bias"]
        own = own + sigmoid(asked) * (x - shared) / len(seen)
    return behaviour, shared + own


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("kind", ["frozen", "rebuilt"])
@pytest.mark.parametrize("layers", [1, 2])
def test_scores_are_those_of_numpy(words, kind, layers):
    model, looks, owned = small(words, graph=kind, item_layers=layers)
    tables = {"image": looks.rows.double().numpy()}
    if words:
        tables["text"] = model.text.double().numpy()
    final = sum(by_hand(model, tables, owned))
    wanted = torch.from_numpy(final[:USERS] @ final[USERS:].T).float()
    items = torch.tensor([7, 2])
    found = model.score(torch.arange(USERS), model.encode(items, looks))
    assert torch.allclose(found, wanted[:, items], atol=1e-5)


def test_the_loss_is_that_of_numpy():
    model, looks, owned = small(l2=0.3, contrast=0.7)
    tables = {"image": looks.rows.double().numpy(), "text": model.text.double().numpy()}
    behaviour, content = by_hand(model, tables, owned)
    users, liked, other = np.array([0, 3, 4]), np.array([2, 8, 2]), np.array([5, 5, 1])
    final = behaviour + content
    u, i, j = final[users], final[USERS + liked], final[USERS + other]
    wanted = np.log1p(np.exp(-(u * (i - j)).sum(1))).mean()
    wanted += 0.3 / 2 * sum((rows**2).sum(1) for rows in (u, i, j)).mean()
    for rows in (users, USERS + liked):
        a, b = (v[rows] / np.linalg.norm(v[rows], axis=1)[:, None] for v in (content, behaviour))
        odds = np.exp(a @ b.T / 0.5)
        wanted -= 0.7 * np.log(np.diag(odds) / odds.sum(1)).mean()
    batch = tuple(map(torch.from_numpy, (users, liked, other)))
    assert model.batch_loss(batch, looks).item() == pytest.approx(wanted, rel=1e-5)


class Exact(Table):
    """A table of float64 that stays one."""

    def __getitem__(self, items):
        return self.rows[items]


@pytest.mark.parametrize("kind", ["frozen", "rebuilt"])
def test_the_gradient_of_a_promotion_is_the_finite_difference(kind):
    model, looks, _ = small(graph=kind)
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


def test_it_learns_and_a_picture_promotes_even_on_a_frozen_graph(world, extractor):
    model = taught(MGCN, factors=8, **BRISK)
    assert favourites(model) > 0.8
    items, images = torch.tensor([0, 4]), world.catalogue.images
    aim = Promote(world.train, extractor, model, toy_visuals(model.signal))
    x = images[items].clone().requires_grad_()
    before = aim.judge(x, items).loss.sum()
    (slope,) = torch.autograd.grad(before, x)
    after = aim.judge((x - 0.02 * slope.sign()).detach(), items).loss.sum()
    assert 0.5 < (before - after).item() / (0.02 * slope.abs().sum()).item() < 2


def test_settings_out_of_range_are_named():
    for wrong in ({"temperature": 0}, {"neighbours": 0}, {"contrast": -1}, {"graph": "cold"}):
        with pytest.raises(ConfigError, match=f"MGCN.*{next(iter(wrong))}"):
            small(**wrong)
