"""MMGCN, against numpy, and its gradient through users and items."""

from functools import partial

import numpy as np
import pytest
import torch

from tests.recommenders import on_graphs
from tests.recommenders.on_graphs import ITEMS, USERS, Begun, WithWords
from vrbench.core.errors import ConfigError
from vrbench.recommenders.multimodal.mmgcn import MMGCN
from vrbench.testing.world import BRISK, favourites, taught

FAST = {"factors": 16, "latent": 16, "epochs": 15, "batch_size": 64, "lr": 0.03}


@pytest.mark.slow
class TestPictures(Begun):
    make = partial(MMGCN, **FAST)


def worded(sizes):
    return MMGCN(on_graphs.with_words(sizes), **FAST)


@pytest.mark.slow
class TestWithWords(WithWords):
    make = worded


def small(words=True, **changes):
    settings = {"factors": 3, "latent": 4, "layers": 2, "scale": "none"}
    return on_graphs.small(MMGCN, words, owned_by_nobody=6, **settings | changes)


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


def test_the_gradient_of_a_promotion_is_the_finite_difference():
    model, looks, _ = small()
    for slope, difference in on_graphs.slopes(
        model, looks, USERS, [(0, 0), (0, 5), (1, 2), (1, 4)]
    ):
        assert abs(slope) > 1e-6
        assert difference == pytest.approx(slope, rel=1e-3, abs=1e-8)


def test_it_learns_and_pictures_promote(world, extractor):
    model = taught(MMGCN, factors=8, latent=8, **BRISK)
    assert favourites(model) > 0.8
    assert 0.5 < on_graphs.promoted(model, world, extractor, 0.002) < 2


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
