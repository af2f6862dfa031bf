from functools import partial

import numpy as np
import pytest
import torch
from scipy import sparse

from tests.recommenders.without_features import ALL, SIZES, fitted, scores
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.collaborative.neighbours import ItemKNN, RP3Beta, UserKNN, nearest
from vrbench.testing.recommenders import RecommenderContract


class TestItemKNN(RecommenderContract):
    make = partial(ItemKNN, k=36, shrink=2.0)
    seeded = False


class TestUserKNN(RecommenderContract):
    make = partial(UserKNN, k=30, shrink=2.0)
    seeded = False


class TestRP3Beta(RecommenderContract):
    make = partial(RP3Beta, k=36)
    seeded = False


def scored(make, train):
    return scores(fitted(make, train))


def by_hand(rows, k, shrink):
    """The similarities of every row with its nearest, one pair at a time."""
    n = len(rows)
    cosine = np.zeros((n, n))
    for a in range(n):
        for b in range(n):
            both = sum(x and y for x, y in zip(rows[a], rows[b], strict=True))
            if a != b and both:
                cosine[a, b] = both / (sum(rows[a]) * sum(rows[b])) ** 0.5 * both / (both + shrink)
        edge = sorted(cosine[a])[-k]
        cosine[a][cosine[a] < edge] = 0
    return cosine


def tied(similarity, k):
    """Whether which are the ``k`` nearest of each row is a matter of taste."""
    value = np.sort(similarity, axis=1)[:, ::-1]
    return np.isclose(value[:, k - 1], value[:, k])


@pytest.mark.parametrize("shrink", [0.0, 7.0])
def test_item_knn_is_the_sum_over_similar_items(feedback, shrink):
    x = feedback.matrix().int().numpy()
    similar = by_hand(x.T.tolist(), 5, shrink)
    found = scored(partial(ItemKNN, k=5, shrink=shrink), feedback).numpy()
    clear = ~tied(by_hand(x.T.tolist(), 36, shrink), 5)
    assert clear.sum() > 15
    assert np.allclose(found[:, clear], (x @ similar.T)[:, clear], atol=1e-5)


@pytest.mark.parametrize("shrink", [0.0, 7.0])
def test_user_knn_is_the_sum_over_similar_users(feedback, shrink):
    x = feedback.matrix().int().numpy()
    similar = by_hand(x.tolist(), 5, shrink)
    found = scored(partial(UserKNN, k=5, shrink=shrink), feedback).numpy()
    clear = ~tied(by_hand(x.tolist(), 30, shrink), 5)
    assert clear.sum() > 15
    assert np.allclose(found[clear], (similar @ x)[clear], atol=1e-5)


def test_rp3beta_is_the_chance_of_a_walk(feedback):
    x = feedback.matrix().double().numpy()
    to_item, to_user = x / x.sum(1, keepdims=True), x.T / x.sum(0)[:, None]
    walk = (to_user**0.8) @ (to_item**0.8) / x.sum(0) ** 0.5
    np.fill_diagonal(walk, 0)
    found = scored(partial(RP3Beta, k=36, alpha=0.8, beta=0.5), feedback).numpy()
    assert np.allclose(found, x @ walk, atol=1e-5)


@pytest.mark.parametrize("make", [ItemKNN, UserKNN, RP3Beta])
def test_ratings_are_not_read(feedback, make):
    plain = Interactions.of(feedback.users, feedback.items, 30, 36)
    assert torch.equal(scored(make, feedback), scored(make, plain))


def test_scoring_writes_nothing_into_the_model(feedback):
    """In Elliot a user's own items were set to -inf in the table of predictions itself."""
    model = ItemKNN(SIZES, k=5)
    model.fit(feedback, feedback, None, stream(0))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = model.score(torch.arange(30), ALL)
    first[:] = -torch.inf
    assert torch.isfinite(model.score(torch.arange(30), ALL)).all()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_who_is_kept_of_equals_does_not_depend_on_ids():
    """All 36 items are equally similar: a seed keeps its own six, not those of small numbers."""
    everything = torch.ones(30, 36).nonzero().T
    train = Interactions.of(*everything, 30, 36)
    model = ItemKNN(SIZES, k=6)
    kept = []
    for seed in (0, 1):
        model.fit(train, train, None, stream(seed))
        assert torch.equal(model.weights.start.diff(), torch.full((36,), 6))
        kept.append(set(model.weights.column.tolist()))
    assert kept[0] != kept[1]
    assert all(max(items) > 20 for items in kept)


def test_a_large_catalogue_is_never_dense():
    """Two items of a hundred thousand: what is kept of a block grows with the feedback alone."""
    train = sparse.csr_matrix(([1.0, 1.0], ([0, 0], [3, 99_999])), (1, 100_000))
    found = nearest(train.T.tocsr(), 5, 0.0, stream(0))
    assert sorted(zip(*found.nonzero(), strict=True)) == [(3, 99_999), (99_999, 3)]


def test_users_and_items_without_feedback_score_nothing():
    train = Interactions.of(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 30, 36)
    for make in (ItemKNN, UserKNN, RP3Beta):
        found = scored(make, train)
        assert torch.isfinite(found).all()
        assert found[5].abs().sum() == 0
        assert found[:, 9].abs().sum() == 0
        assert found[1, 0] > 0


def test_settings_out_of_range_are_named():
    for make, message in (
        (partial(ItemKNN, k=0), "ItemKNN: expected k >= 1"),
        (partial(UserKNN, shrink=-1.0), "UserKNN: expected k >= 1"),
        (partial(RP3Beta, beta=-1.0), "RP3Beta: expected k >= 1"),
    ):
        with pytest.raises(ConfigError, match=message):
            make(SIZES)
