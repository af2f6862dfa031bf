"""EASE, SLIM, PureSVD and WRMF: each against the problem it says it solves."""

import sys
from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from tests.recommenders.without_features import ALL, SIZES, fitted, scores
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.ease import EASE
from vrbench.recommenders.collaborative.neighbours import ItemKNN
from vrbench.recommenders.collaborative.slim import SLIM
from vrbench.recommenders.collaborative.svd import PureSVD
from vrbench.recommenders.collaborative.wrmf import WRMF
from vrbench.testing.recommenders import RecommenderContract


class TestEASE(RecommenderContract):
    make = partial(EASE, l2=5.0)
    seeded = False


class TestSLIM(RecommenderContract):
    make = partial(SLIM, l1=0.1, l2=2.0)
    seeded = False


class TestPureSVD(RecommenderContract):
    make = partial(PureSVD, factors=3)
    seeded = False


class TestWRMF(RecommenderContract):
    make = partial(WRMF, factors=4, alpha=5.0, l2=1.0)


def test_ease_solves_every_column_without_its_own_item(feedback):
    """Each column is a ridge regression on the other columns, solved one by one by numpy."""
    x = feedback.matrix().double().numpy()
    wanted = np.zeros((36, 36))
    for j in range(36):
        others = np.arange(36) != j
        z = x[:, others]
        wanted[others, j] = np.linalg.solve(z.T @ z + 3.0 * np.eye(35), z.T @ x[:, j])
    model = fitted(partial(EASE, l2=3.0), feedback)
    assert np.allclose(model.weight.numpy(), wanted, atol=1e-6)
    assert model.weight.diagonal().abs().sum() == 0
    assert np.allclose(scores(model).numpy(), x @ wanted, atol=1e-5)


def test_a_gram_matrix_of_ratings_would_be_another_model(feedback):
    """Elliot: a Gram matrix of ratings, with a diagonal of counts. Ours reads no ratings."""
    plain = Interactions.of(feedback.users, feedback.items, 30, 36)
    ours = fitted(EASE, feedback)
    assert torch.equal(ours.weight, fitted(EASE, plain).weight)
    rated = torch.zeros(30, 36, dtype=torch.float64)
    rated[feedback.users, feedback.items] = feedback.ratings.double()
    mixed = rated.T @ rated
    mixed.diagonal().copy_(feedback.popularity + 250.0)
    inverse = mixed.inverse()
    elliot = inverse / -inverse.diagonal()
    assert not torch.allclose(elliot.fill_diagonal_(0).float(), ours.weight, atol=1e-3)


def test_ease_refuses_catalogues_beyond_memory():
    with pytest.raises(IncompatibleError, match=r"EASE needs 56 GiB for 50000 items; .*most_items"):
        EASE(Sizes(1, 50_000, ()))


def test_slim_meets_the_conditions_of_its_optimum(feedback):
    """Where a weight is positive the slope is zero, elsewhere it points upwards."""
    l1, l2 = 0.5, 1.5
    model = fitted(partial(SLIM, l1=l1, l2=l2, tolerance=1e-10), feedback)
    w = model.weights.dense(ALL).double().T
    x = feedback.matrix().double()
    slope = x.T @ (x @ w - x) + l2 * w + l1
    free = ~torch.eye(36, dtype=torch.bool)
    assert (w >= 0).all()
    assert 100 < (w > 0).sum() < 36 * 35
    assert slope[w > 0].abs().max() < 1e-3
    assert slope[free & (w == 0)].min() > -1e-3
    assert torch.allclose(scores(model).double(), x @ w, atol=1e-5)


def test_the_diagonal_of_slim_is_zero(feedback):
    """Elliot reads a CSR matrix's ``indptr`` as columns and hides a user in place of the item."""
    model = fitted(partial(SLIM, l1=0.01, l2=0.01), feedback)
    assert model.weights.dense(ALL).diagonal().abs().sum() == 0


def test_an_item_that_copies_another_is_found_by_slim():
    """With the diagonal free, every item would explain itself and nothing else."""
    x = torch.rand(30, 36, generator=stream(6)) < 0.3
    x[:, 1] = x[:, 0]
    train = Interactions.of(*x.nonzero().T, 30, 36)
    w = fitted(partial(SLIM, l1=0.1, l2=0.1), train).weights.dense(ALL)
    assert w[0, 1] > 0.9
    assert w[1, 0] > 0.9


def test_pure_svd_is_numpy_s(feedback):
    x = feedback.matrix().double().numpy()
    u, s, v = np.linalg.svd(x, full_matrices=False)
    wanted = u[:, :5] * s[:5] @ v[:5]
    found = scores(fitted(partial(PureSVD, factors=5, iterations=20), feedback))
    assert np.allclose(found.numpy(), wanted, atol=1e-4)


def test_wrmf_stands_where_its_own_equations_hold(feedback):
    """Dense normal equations of Hu et al., solved from WRMF's other side, give it back."""
    alpha, l2 = 4.0, 0.7
    model = fitted(partial(WRMF, factors=3, alpha=alpha, l2=l2, iterations=2000), feedback)
    p = feedback.matrix().double()
    c = 1 + alpha * p
    x, y = model.user.double(), model.item.double()

    def solve(fixed, preference, confidence):
        rows = [
            torch.linalg.solve(fixed.T @ (k[:, None] * fixed) + l2 * torch.eye(3), fixed.T @ k_p)
            for k, k_p in zip(confidence, confidence * preference, strict=True)
        ]
        return torch.stack(rows)

    assert torch.allclose(solve(y, p, c), x, atol=1e-3)
    assert torch.allclose(solve(x, p.T, c.T), y, atol=1e-3)
    assert not torch.allclose(solve(y, p, c - p), x, atol=1e-2)  # confidence alpha, not 1 + alpha


def test_wrmf_without_confidence_is_a_plain_factorisation(feedback):
    """With alpha 0 and no penalty to speak of: the best matrix of rank 3, which is the SVD's."""
    u, s, v = np.linalg.svd(feedback.matrix().double().numpy(), full_matrices=False)
    settings = {"factors": 3, "alpha": 0.0, "l2": 1e-4, "iterations": 500}
    found = scores(fitted(partial(WRMF, **settings), feedback))
    assert np.allclose(found.numpy(), u[:, :3] * s[:3] @ v[:3], atol=2e-3)


@pytest.mark.parametrize("make", [EASE, SLIM, PureSVD, WRMF, ItemKNN], ids=lambda m: m.name)
def test_the_state_is_stored_and_read_back(feedback, make):
    settings = {"factors": 3} if make in (PureSVD, WRMF) else {}
    model = fitted(partial(make, **settings), feedback)
    copy = make(SIZES, **settings)
    copy.load_state_dict(load(save(model.state_dict())))
    assert torch.equal(scores(copy), scores(model))


@pytest.mark.parametrize(
    ("make", "library"),
    [(partial(WRMF, factors=2), "implicit"), (PureSVD, "sklearn"), (SLIM, "sklearn")],
)
def test_a_missing_library_is_named(feedback, monkeypatch, make, library):
    for module in [m for m in sys.modules if m.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    small = partial(make, factors=3) if make is PureSVD else make
    with pytest.raises(ConfigError, match=rf"needs the library {library}.*vrbench\[collaborative"):
        fitted(small, feedback)


def test_settings_out_of_range_are_named():
    for make, message in (
        (partial(EASE, l2=0.0), "EASE: expected l2 > 0"),
        (partial(SLIM, l1=-1.0), "SLIM: expected l1"),
        (partial(PureSVD, factors=31), "PureSVD: expected factors in"),
        (partial(WRMF, iterations=0), "WRMF: expected factors"),
    ):
        with pytest.raises(ConfigError, match=message):
            make(SIZES)
