"""The similarities of kNN against scipy and scikit-learn, and models by categories."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.spatial.distance import cdist

from tests.recommenders.without_features import ALL, SIZES, USERS, fitted, scores
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative import similarities as module
from vrbench.recommenders.collaborative.attributes import (
    VSM,
    AttributeItemKNN,
    AttributeUserKNN,
)
from vrbench.recommenders.collaborative.neighbours import ItemKNN, UserKNN
from vrbench.recommenders.collaborative.similarities import similarities
from vrbench.testing.recommenders import RecommenderContract


class TestAttributeItemKNN(RecommenderContract):
    make = partial(AttributeItemKNN, k=36)
    seeded = False

    def test_ids_are_only_names(self):
        pytest.skip("categories are not renamed along")


class TestAttributeUserKNN(RecommenderContract):
    make = partial(AttributeUserKNN, k=30)
    seeded = False

    def test_ids_are_only_names(self):
        pytest.skip("categories are not renamed along")


class TestVSM(RecommenderContract):
    make = VSM
    seeded = False

    def test_ids_are_only_names(self):
        pytest.skip("categories are not renamed along")


def table(feedback, rated):
    made = np.zeros((30, 36))
    made[feedback.users, feedback.items] = feedback.ratings if rated else 1
    return made


def whole(rows, kind, shrink=0.0):
    blocks = [block.toarray() for block in similarities(sparse.csr_matrix(rows), kind, shrink)]
    return np.concatenate(blocks)


SCIPY = {
    "cosine": lambda x: 1 - cdist(x, x, "cosine"),
    "dot": lambda x: x @ x.T,
    "jaccard": lambda x: 1 - cdist(x > 0, x > 0, "jaccard"),
    "dice": lambda x: 1 - cdist(x > 0, x > 0, "dice"),
    "correlation": lambda x: 1 - cdist(x, x, "correlation"),
    "euclidean": lambda x: 1 / (1 + cdist(x, x)),
    "manhattan": lambda x: 1 / (1 + cdist(x, x, "cityblock")),
}


@pytest.mark.parametrize("rated", [False, True])
@pytest.mark.parametrize("kind", SCIPY)
def test_a_similarity_is_scipy_s(feedback, kind, rated, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 7)
    x = table(feedback, rated)
    x[3] = 0
    x[3, :2] = 1 + rated  # who has nearly nothing in common with anybody
    common = (x > 0).astype(float) @ (x > 0).T
    wanted = SCIPY[kind](x)
    if kind not in ("euclidean", "manhattan"):
        wanted = np.where(common > 0, wanted, 0)
    assert np.allclose(whole(x, kind), wanted, atol=1e-6)
    shrunk = whole(x, kind, shrink=4.0)
    assert np.allclose(shrunk, wanted * common / (common + 4), atol=1e-6)


@pytest.mark.parametrize(("kind", "axis"), [("pearson", 1), ("adjusted_cosine", 0)])
def test_ratings_less_their_means_by_hand(feedback, kind, axis):
    """Of each row, or of each column, and of what is known only; then the cosine."""
    x = table(feedback, rated=True)
    known = np.ma.masked_equal(x, 0)
    away = (known - known.mean(axis=axis, keepdims=True)).filled(0)
    assert np.allclose(whole(x, kind), 1 - cdist(away, away, "cosine"), atol=1e-6)


def test_ones_have_no_deviation_and_unknown_similarities_are_named(feedback):
    with pytest.raises(ConfigError, match="ItemKNN: expected rated=true with similarity pearson"):
        ItemKNN(SIZES, similarity="pearson")
    with pytest.raises(ConfigError, match=r"UserKNN\.similarity.*jaccard"):
        UserKNN(SIZES, similarity="jacard")


@pytest.mark.parametrize("kind", ["jaccard", "pearson", "adjusted_cosine", "manhattan"])
def test_knn_sums_ratings_of_neighbours_that_are_alike_in_that_way(feedback, kind):
    x = table(feedback, rated=True)
    items = fitted(partial(ItemKNN, k=36, shrink=0.0, similarity=kind, rated=True), feedback)
    alike = np.maximum(whole(x.T, kind), 0)
    np.fill_diagonal(alike, 0)
    assert np.allclose(scores(items).numpy(), x @ alike, atol=1e-4)
    users = fitted(partial(UserKNN, k=30, shrink=0.0, similarity=kind, rated=True), feedback)
    alike = np.maximum(whole(x, kind), 0)
    np.fill_diagonal(alike, 0)
    assert np.allclose(scores(users).numpy(), alike @ x, atol=1e-4)


@pytest.mark.parametrize("kind", ["dot", "jaccard", "dice", "correlation", "euclidean"])
def test_every_similarity_finds_the_colours(world, kind):
    """Of what a user likes, more than of anything else: they have nothing but one colour."""
    model = fitted(partial(ItemKNN, k=12, shrink=0.0, similarity=kind), world.train)
    found = scores(model).masked_fill(world.train.matrix(), -torch.inf).argmax(1)
    assert (found % 3 == USERS % 3).float().mean() > 0.9


KINDS = Sizes(3, 6, (), torch.tensor([0, 0, 0, 1, 1, 2]))


@pytest.fixture
def three():
    """Three users of six items: 0 has two of kind 0 and one of kind 2, 1 one of kind 1, 2 none."""
    users, items = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 5, 3])
    return Interactions.of(users, items, 3, 6)


def made(kind, train, **settings):
    model = kind(KINDS, **settings)
    model.fit(train, train, None, stream(0))
    return model.score(torch.arange(3), model.encode(torch.arange(6), None))


def test_items_of_one_kind_speak_for_each_other(three):
    found = made(AttributeItemKNN, three, k=6)
    assert found.tolist() == [[1, 1, 2, 0, 0, 0], [0, 0, 0, 0, 1, 0], [0] * 6]


def test_users_are_alike_who_have_items_of_the_same_kinds(three):
    alike = Interactions.of(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 3, 4]), 3, 6)
    found = made(AttributeUserKNN, alike, k=2)
    half = 0.5**0.5  # (1, 0, 0) and (1, 1, 0)
    assert found[0].tolist() == pytest.approx([0, half, 0, half, 0, 0])
    assert found[1].tolist() == pytest.approx([half, 0, 0, 0, half, 0])


def test_vsm_is_the_cosine_of_rarities(three):
    rare = np.log([2, 3, 6])
    user = np.array([2 * rare[0], 0, rare[2]]) / np.hypot(2 * rare[0], rare[2])
    wanted = [[user[k] for k in (0, 0, 0, 1, 1, 2)], [0, 0, 0, 1, 1, 0], [0] * 6]
    assert np.allclose(made(VSM, three).numpy(), wanted, atol=1e-6)


@pytest.mark.parametrize("kind", [AttributeItemKNN, AttributeUserKNN, VSM])
def test_without_categories_it_says_so(kind):
    for labels in (None, torch.zeros(36, dtype=torch.int64)):
        with pytest.raises(IncompatibleError, match="reads categories of items") as told:
            kind(Sizes(30, 36, (), labels))
        assert "\n" not in str(told.value)
    assert ALL.numel() == 36
    assert kind.reads_categories


def test_fake_users_move_jaccard_neighbours(world):
    """Who have item 0 and items of another colour bring it to those who like that colour."""
    fakes = torch.arange(10).repeat_interleave(4)
    items = torch.tensor([0, 1, 4, 7]).repeat(10)
    grown = world.train.followed_by(Interactions.of(fakes, items, 10, 36))
    rise = []
    for train, count in ((world.train, 30), (grown, 40)):
        model = ItemKNN(replace_users(count), k=12, similarity="jaccard")
        model.fit(train, train, None, stream(0))
        rise.append(model.score(USERS[1::3], model.encode(torch.tensor([0]), None)).mean())
    assert rise[0] == 0
    assert rise[1] > 0.05


def replace_users(count):
    return SIZES._replace(num_users=count)
