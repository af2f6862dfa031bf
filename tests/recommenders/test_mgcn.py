"""MGCN, against numpy, and its gradient through gates and through the rebuilt graph."""

from functools import partial

import numpy as np
import pytest
import torch

from tests.recommenders import on_graphs
from tests.recommenders.on_graphs import USERS, Begun, WithWords
from vrbench.core.errors import ConfigError
from vrbench.recommenders.multimodal.mgcn import MGCN
from vrbench.testing.world import BRISK, favourites, taught

FAST = {"factors": 8, "epochs": 15, "batch_size": 64, "lr": 0.05, "neighbours": 6}


@pytest.mark.slow
class TestFrozen(Begun):
    make = partial(MGCN, **FAST)


@pytest.mark.slow
class TestRebuilt(Begun):
    make = partial(MGCN, **FAST, graph="rebuilt", item_layers=2)


def worded(sizes):
    return MGCN(on_graphs.with_words(sizes), graph="rebuilt", **FAST)


@pytest.mark.slow
class TestWithWords(WithWords):
    make = worded


def small(words=True, **changes):
    settings = {"factors": 3, "neighbours": 3, "layers": 1, "scale": "none", "temperature": 0.5}
    return on_graphs.small(MGCN, words, **settings | changes)


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
        own = own + sigmoid(asked) * (x - shared)
    return behaviour, (shared + own) / 3


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


@pytest.mark.parametrize("kind", ["frozen", "rebuilt"])
def test_the_gradient_of_a_promotion_is_the_finite_difference(kind):
    model, looks, _ = small(graph=kind)
    for slope, difference in on_graphs.slopes(
        model, looks, USERS, [(0, 0), (0, 5), (1, 2), (1, 4)]
    ):
        assert abs(slope) > 1e-6
        assert difference == pytest.approx(slope, rel=1e-3, abs=1e-8)


def test_it_learns_and_a_picture_promotes_even_on_a_frozen_graph(world, extractor):
    model = taught(MGCN, factors=8, **BRISK)
    assert favourites(model) > 0.8
    assert 0.5 < on_graphs.promoted(model, world, extractor, 0.02) < 2


def test_settings_out_of_range_are_named():
    for wrong in ({"temperature": 0}, {"neighbours": 0}, {"contrast": -1}, {"graph": "cold"}):
        with pytest.raises(ConfigError, match=f"MGCN.*{next(iter(wrong))}"):
            small(**wrong)
