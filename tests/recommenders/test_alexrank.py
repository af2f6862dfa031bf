import pytest
import torch

from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.visual import alexrank
from vrbench.recommenders.visual.alexrank import AlexRank, distances
from vrbench.testing.recommenders import NONE, RecommenderContract


class TestAlexRank(RecommenderContract):
    make = AlexRank

    def test_another_seed_is_another_model(self, world, visuals):
        """It is not: nothing is drawn."""
        a, b = (self.fitted(world, visuals, seed=s) for s in (0, 1))
        users = torch.arange(30)
        assert torch.equal(self.scores(a, users, visuals), self.scores(b, users, visuals))


def small(num_users=7, num_items=11, dim=5):
    """Histories of every length, of none too; some items are nobody's."""
    rng = stream(4, "alexrank")
    liked = torch.rand(num_users, num_items, generator=rng) < 0.4
    liked[2], liked[5], liked[:, 9] = False, True, False
    users, items = liked.nonzero(as_tuple=True)
    train = Interactions.of(users, items, num_users, num_items)
    visuals = Table(Signal.VECTOR, 3 + torch.randn(num_items, dim, generator=rng), None)
    model = AlexRank(Sizes(num_users, num_items, (dim,)))
    model.fit(train, Interactions.of(NONE, NONE, num_users, num_items), visuals, stream(0))
    return model, visuals, liked


def by_hand(look, liked):
    """The same by a loop over users, items, and what users have."""
    score = torch.zeros(liked.shape, dtype=torch.float64)
    for user, has in enumerate(liked.tolist()):
        mine = [i for i, yes in enumerate(has) if yes]
        for item in range(liked.shape[1]):
            away = [torch.linalg.vector_norm(look[item] - look[i]) for i in mine]
            score[user, item] = -sum(away) / max(1, len(mine))
    return score


@pytest.mark.parametrize("most", [1, 20, 2**22])
def test_scores_are_those_of_a_loop(monkeypatch, most):
    monkeypatch.setattr(alexrank, "MOST", most)
    model, visuals, liked = small()
    wanted = by_hand(visuals.rows.double(), liked).float()
    encoded = model.encode(torch.arange(11), visuals)
    # the distance of an item to itself is zero up to the rounding of a difference of squares
    assert torch.allclose(model.score(torch.arange(7), encoded), wanted, atol=1e-3)
    not_own = ~liked
    found = model.score(torch.arange(7), encoded)
    assert torch.allclose(found[not_own], wanted[not_own], atol=1e-5)
    users = torch.tensor([5, 2, 0, 5])
    assert torch.allclose(model.score(users, encoded), wanted[users], atol=1e-3)
    assert torch.allclose(model.crowd(7)(encoded), wanted.mean(0), atol=1e-3)


def test_gradients_are_those_of_a_loop_and_reach_the_histories():
    model, visuals, liked = small()
    items = torch.tensor([9, 3])  # nobody's, and somebody's
    values = torch.randn(2, 5, generator=stream(6)).requires_grad_()
    shown = visuals.overlay(items, values)
    found = model.score(torch.arange(7), model.encode(torch.tensor([9, 1]), shown))
    look = visuals.rows.double().index_put((items,), values.double())
    wanted = by_hand(look, liked)[:, [9, 1]]
    weight = torch.randn(7, 2, generator=stream(8))
    a, b = (torch.autograd.grad((s * weight).sum(), values)[0] for s in (found, wanted))
    assert torch.allclose(a, b, atol=1e-5)
    assert (b.abs().sum(1) > 0).all()


def test_equal_rows_have_no_distance_and_no_gradient():
    rows = torch.randn(4, 6, generator=stream(1)).requires_grad_()
    away = distances(rows, rows.detach().clone())
    assert away.diagonal().abs().max() < 1e-2
    (slope,) = torch.autograd.grad(away.diagonal().sum(), rows)
    assert slope.isfinite().all()


def test_the_distances_of_features_far_from_zero_are_kept():
    """A difference of squares would cancel, were the rows not centred first."""
    rows = 100 + torch.randn(30, 512, generator=stream(1))
    wanted = torch.cdist(rows.double(), rows.double()).float()
    off = ~torch.eye(30, dtype=torch.bool)
    assert torch.allclose(distances(rows, rows)[off], wanted[off], rtol=1e-4)


def test_ten_thousand_items_are_scored_in_bounded_blocks(monkeypatch):
    largest = 0

    def watched(left, right):
        nonlocal largest
        largest = max(largest, len(left) * len(right))
        return distances(left, right)

    monkeypatch.setattr(alexrank, "distances", watched)
    rng = stream(2, "many")
    train = Interactions.of(
        torch.arange(512).repeat_interleave(10),
        torch.randint(10_000, (5120,), generator=rng),
        512,
        10_000,
    )
    visuals = Table(Signal.VECTOR, torch.randn(10_000, 8, generator=rng), None)
    model = AlexRank(Sizes(512, 10_000, (8,)))
    model.fit(train, train, visuals, stream(0))
    score = model.score(torch.arange(512), model.encode(torch.arange(10_000), visuals))
    assert score.shape == (512, 10_000)
    assert 2**20 < largest <= alexrank.MOST
