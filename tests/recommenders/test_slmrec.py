"""SLMRec, against numpy, and what it learns from pictures."""

from functools import partial

import numpy as np
import pytest
import torch

from tests.recommenders import on_graphs
from tests.recommenders.on_graphs import USERS
from vrbench.core.errors import ConfigError
from vrbench.recommenders.multimodal.slmrec import SLMRec
from vrbench.testing.recommenders import RecommenderContract
from vrbench.testing.world import BRISK, favourites, taught

FAST = {"factors": 8, "epochs": 15, "batch_size": 64, "lr": 0.05}


@pytest.mark.slow
class TestSLMRec(RecommenderContract):
    make = partial(SLMRec, **FAST)


def small(words=True, **changes):
    settings = {"factors": 4, "layers": 2, "scale": "none", "l2": 0.0}
    return on_graphs.small(SLMRec, words, **settings | changes)


def by_hand(model, tables, owned):
    """Return rows by behaviour and modality, and the final ones, in numpy and float64."""
    w = {name: value.detach().double().numpy() for name, value in model.state_dict().items()}
    link = owned / np.sqrt(np.maximum(owned.sum(1), 1)[:, None] * np.maximum(owned.sum(0), 1))
    starts = [w["item.weight"]]
    starts += [table @ w[f"modalities.{n}.project.weight"].T for n, table in tables.items()]
    channels = []
    for q in starts:
        p = w["user.weight"]
        once = link @ q, link.T @ p
        twice = link @ once[1], link.T @ once[0]
        channels.append(((p + once[0] + twice[0]) / 3, (q + once[1] + twice[1]) / 3))
    final = [
        np.concatenate([rows[side] for rows in channels], 1) @ w[f"fuse_{name}.weight"].T
        + w[f"fuse_{name}.bias"]
        for side, name in enumerate(("user", "item"))
    ]
    return w, channels, final


def tables_of(model, looks, words):
    tables = {"image": looks.rows.double().numpy()}
    return tables | ({"text": model.text.double().numpy()} if words else {})


@pytest.mark.parametrize("words", [False, True])
def test_scores_are_those_of_numpy(words):
    model, looks, owned = small(words)
    _, _, (user, item) = by_hand(model, tables_of(model, looks, words), owned)
    items = torch.tensor([7, 2])
    found = model.score(torch.arange(USERS), model.encode(items, looks))
    assert torch.allclose(found, torch.from_numpy((user @ item.T)[:, items]).float(), atol=1e-5)


def picked(odds):
    """The mean cross-entropy of the diagonal."""
    return -np.log(np.diag(np.exp(odds)) / np.exp(odds).sum(1)).mean()


@pytest.mark.parametrize("words", [False, True])
def test_the_loss_is_that_of_numpy(words):
    model, looks, owned = small(
        words, l2=0.3, contrast=0.7, temperature=0.5, contrast_temperature=0.8
    )
    w, channels, (user, item) = by_hand(model, tables_of(model, looks, words), owned)
    users, liked = np.array([0, 3, 4]), np.array([2, 8, 5])
    u, i = (rows / np.linalg.norm(rows, axis=1)[:, None] for rows in (user[users], item[liked]))
    wanted = picked(u @ i.T / 0.5)
    touched = w["user.weight"][users], w["item.weight"][liked]
    wanted += 0.3 / 2 * sum((rows**2).sum() for rows in touched) / 3
    rows = channels[0][1][liked]
    for name, (_, of_modality) in zip(model.modalities, channels[1:], strict=True):
        rows = rows @ w[f"before.{name}.weight"].T + w[f"before.{name}.bias"]
        beside = of_modality[liked] @ w[f"beside.{name}.weight"].T + w[f"beside.{name}.bias"]
        wanted += 0.7 * picked(rows @ beside.T / 0.8)
    assert rows.shape == (3, 2 if words else 4), "coarser, the later"
    batch = tuple(map(torch.from_numpy, (users, liked)))
    assert model.batch_loss(batch, looks).item() == pytest.approx(wanted, rel=1e-5)


def test_every_parameter_is_taught():
    model, looks, _ = small()
    model.batch_loss((torch.tensor([0, 3, 4]), torch.tensor([2, 8, 5])), looks).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_the_gradient_of_a_promotion_is_the_finite_difference():
    model, looks, _ = small()
    for slope, difference in on_graphs.slopes(
        model, looks, USERS, [(0, 0), (0, 5), (1, 2), (1, 4)]
    ):
        assert abs(slope) > 1e-6
        assert difference == pytest.approx(slope, rel=1e-3, abs=1e-8)


@pytest.mark.slow
def test_it_learns_from_pictures_and_a_picture_promotes(world, extractor):
    """Items that nobody has are ranked by their own pictures, not by those of others."""
    model = taught(SLMRec, factors=8, **BRISK)
    assert favourites(model) > 0.8
    assert 0.5 < on_graphs.promoted(model, world, extractor, 0.01) < 2
    share = on_graphs.cold_places(SLMRec, world, factors=8, **BRISK)
    assert share[0] < 0.7 * share[1], share


def test_settings_out_of_range_are_named():
    for wrong in ({"temperature": 0.0}, {"contrast": -1.0}, {"contrast_temperature": 0.0}):
        with pytest.raises(ConfigError, match=f"SLMRec.*{next(iter(wrong))}"):
            small(**wrong)
