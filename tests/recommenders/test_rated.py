"""Models of ratings: each against its formula, its true errors, and as victims."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn import decomposition

from tests.recommenders.without_features import ALL, SIZES, USERS, fitted, scores
from vrbench.core.errors import DataError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.rated.base import rmse
from vrbench.recommenders.collaborative.rated.mf import MF, PMF, FunkSVD
from vrbench.recommenders.collaborative.rated.nmf import NMF
from vrbench.recommenders.collaborative.rated.slope_one import SlopeOne
from vrbench.recommenders.collaborative.rated.svdpp import SVDpp
from vrbench.testing.recommenders import RecommenderContract
from vrbench.threats.embedding_loss import Learnt

RANKS = {"negatives": 2, "epochs": 40, "batch_size": 64, "lr": 0.03}
FACTORED = [MF, PMF, SVDpp]


class TestMF(RecommenderContract):
    make = partial(MF, factors=4, **RANKS | {"negatives": 4, "epochs": 60, "l2": 0.1})


class TestPMF(RecommenderContract):
    make = partial(PMF, factors=8, **RANKS | {"lr": 0.05})


class TestSVDpp(RecommenderContract):
    make = partial(SVDpp, factors=8, **RANKS | {"lr": 0.02})


class TestFunkSVD(RecommenderContract):
    make = partial(FunkSVD, factors=3, **RANKS | {"epochs": 20, "lr": 0.05})


class TestNMF(RecommenderContract):
    make = partial(NMF, factors=3)
    seeded = False


@pytest.fixture
def stars():
    """Who rates what: 5 of one's colour and 1 of others, half of the pairs; the rest is held out.

    Returns train and test.
    """
    users, items = torch.meshgrid(USERS, ALL, indexing="ij")
    rating = torch.where(users % 3 == items % 3, 5.0, 1.0)
    seen = torch.rand(30, 36, generator=stream(2)) < 0.5
    return tuple(
        Interactions.of(users[m], items[m], 30, 36, None, rating[m]) for m in (seen, ~seen)
    )


@pytest.mark.parametrize("make", [*FACTORED, FunkSVD], ids=lambda m: m.name)
def test_it_predicts_stars_that_it_has_not_seen(stars, make):
    """The mean's error is 1.9; what has understood the colours is right to less than one."""
    train, test = stars
    many = {"epochs": 60, "patience": 60, "factors": 2 if make is FunkSVD else 4}
    model = fitted(partial(make, batch_size=64, lr=0.03, l2=0.001, **many), train)
    assert model.predicts_ratings
    found = scores(model.eval())[test.users, test.items]
    away = float((found - test.ratings).square().mean().sqrt().detach())
    assert away < 0.9
    assert rmse(model, test) == pytest.approx(away, abs=1e-4)
    assert float(test.ratings.std()) > 1.8


def test_with_negatives_it_ranks_and_says_so(stars):
    assert not MF(SIZES, negatives=1).predicts_ratings
    model = fitted(partial(MF, negatives=1, epochs=1), stars[0])
    assert not model.predicts_ratings
    assert model.scale[0] == 0


@pytest.mark.parametrize("make", [*FACTORED, FunkSVD, SlopeOne], ids=lambda m: m.name)
def test_without_ratings_there_is_nothing_to_learn(world, make):
    with pytest.raises(DataError, match="learns from ratings, and these are all the same") as told:
        fitted(make, world.train)
    assert "\n" not in str(told.value)


def test_biases_alone_are_the_ridge_regression_of_them(stars):
    """With the products held at zero: least squares of the deviations from the mean."""
    train, _ = stars
    settings = {"factors": 1, "epochs": 300, "patience": 300, "lr": 0.02, "l2": 0.0}
    model = fitted(partial(FunkSVD, batch_size=1000, **settings), train)
    rows = np.zeros((len(train), 66))
    rows[np.arange(len(train)), train.users] = 1
    rows[np.arange(len(train)), 30 + train.items] = 1
    away = train.ratings.double().numpy() - float(train.ratings.double().mean())
    best, *_ = np.linalg.lstsq(rows, away, rcond=None)
    found = model.user_bias(train.users) + model.item_bias(train.items)
    assert np.allclose(found.squeeze(1).detach().numpy(), rows @ best, atol=0.05)


def test_a_factor_leaves_those_before_it_alone(stars):
    model = FunkSVD(SIZES, factors=3, epochs=2, batch_size=64)
    model.take(stars[0])
    model.begin(None, stream(0))
    model._learning = 2
    model.loss(stars[0].users[:9], stars[0].items[:9], stars[0].ratings[:9]).backward()
    slope = model.user.weight.grad.to_dense()
    assert slope[:, 1].abs().sum() > 0
    assert slope[:, [0, 2]].abs().sum() == 0
    assert model.user_bias.weight.grad is None


def test_pmf_stays_within_the_range_of_ratings(stars):
    model = fitted(partial(PMF, epochs=3), stars[0]).eval()
    assert scores(model).min() >= 1
    assert scores(model).max() <= 5


def test_svd_plus_plus_adds_what_was_rated_at_all(stars):
    model = fitted(partial(SVDpp, factors=3, epochs=1), stars[0])
    owned = [stars[0].items[stars[0].users == u] for u in range(30)]
    for user, item in ((0, 0), (7, 35), (29, 4)):
        extra = model.owned.weight[owned[user]].sum(0) / len(owned[user]) ** 0.5
        row = model.user.weight[user] + extra
        wanted = stars[0].ratings.mean() + model.user_bias.weight[user, 0]
        wanted = wanted + model.item_bias.weight[item, 0] + row @ model.item.weight[item]
        found = model(torch.tensor([user]), torch.tensor([item]))
        assert found.item() == pytest.approx(wanted.item(), abs=1e-5)


def test_slope_one_is_the_paper_s_in_plain_loops(feedback):
    model = fitted(SlopeOne, feedback)
    r = np.full((30, 36), np.nan)
    r[feedback.users, feedback.items] = feedback.ratings
    found = scores(model).numpy()
    for u, j in ((0, 0), (3, 17), (11, 35), (29, 2)):
        above = below = 0.0
        for i in range(36):
            both = ~np.isnan(r[:, i]) & ~np.isnan(r[:, j])
            if not np.isnan(r[u, i]) and both.any():
                dev = (r[both, j] - r[both, i]).mean()
                above += (r[u, i] + dev) * both.sum()
                below += both.sum()
        assert found[u, j] == pytest.approx(above / below, abs=1e-4)


def test_slope_one_falls_back_on_means():
    users, items = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2])
    train = Interactions.of(users, items, 3, 4, ratings=torch.tensor([1.0, 2.0, 4.0]))
    model = SlopeOne(Sizes(3, 4, ()))
    model.fit(train, train, None, stream(0))
    found = model.score(torch.arange(3), model.encode(torch.arange(4), None))
    assert found[0, 3] == found[0, 2] == 1.5  # nobody has rated both
    assert found[1, 0] == 4
    assert found[2, 0] == pytest.approx(7 / 3)  # who rated nothing


def test_slope_one_refuses_catalogues_beyond_memory():
    with pytest.raises(IncompatibleError, match=r"SlopeOne needs 19 GiB for 50000 .*most_items"):
        SlopeOne(Sizes(1, 50_000, ()))


def test_nmf_is_scikit_learn_s(feedback):
    model = fitted(partial(NMF, factors=4, iterations=500), feedback)
    x = feedback.matrix().double().numpy()
    best = decomposition.NMF(4, init="nndsvda", max_iter=500, random_state=0).fit(x)
    assert (model.user >= 0).all()
    assert (model.item >= 0).all()
    error = np.linalg.norm(x - scores(model).double().numpy())
    assert error == pytest.approx(best.reconstruction_err_, rel=0.02)


@pytest.mark.parametrize("make", FACTORED, ids=lambda m: m.name)
def test_pairs_are_scored_as_lists_are_and_can_be_attacked(stars, world, make):
    model = fitted(partial(make, factors=4, epochs=2), stars[0]).eval()
    full = model.score(USERS, model.encode(USERS, None))
    assert torch.allclose(full.diagonal(), model(USERS, USERS), atol=1e-5)
    learnt = Learnt(stars[0], model, world.catalogue.images, biases=False)
    nothing = {name: torch.zeros_like(table) for name, table in learnt.tables.items()}
    slope = learnt.slope(nothing)
    up = {name: 0.1 * rows / rows.norm() for name, rows in slope.items()}
    assert learnt.loss(up) > learnt.loss(nothing)


def test_fake_ratings_move_what_it_predicts(stars):
    """Users who rate item 0 with 5 and no other of its colour raise it: a victim of profiles."""
    train, _ = stars
    fakes = torch.arange(6).repeat_interleave(3)
    items = torch.tensor([0, 1, 2]).repeat(6)
    rating = torch.tensor([5.0, 1.0, 1.0]).repeat(6)
    grown = train.followed_by(Interactions.of(fakes, items, 6, 36, None, rating))
    before, after = SlopeOne(SIZES), SlopeOne(Sizes(36, 36, ()))
    before.fit(train, train, None, stream(0))
    after.fit(grown, grown, None, stream(0))
    users = USERS[USERS % 3 != 0]
    rise = [m.score(users, m.encode(torch.tensor([0]), None)) for m in (before, after)]
    assert (rise[1] - rise[0]).mean() > 0.1
