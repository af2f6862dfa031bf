"""A model of another library behind a real server: ALS of implicit, asked and attacked."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from tests.http_service import Service
from vrbench.attacks import Noise, Square
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.metrics import ItemHR
from vrbench.recommenders import External
from vrbench.recommenders.ranking import rank
from vrbench.testing.world import NONE, parts, taught, toy_visuals, toy_world
from vrbench.threats.objectives.exposure import PromoteLists
from vrbench.threats.scenario import Scenario

als = pytest.importorskip("implicit.als")
QUERIES = 100
# of no matter in so small a shop
pytestmark = pytest.mark.filterwarnings("ignore:OpenBLAS is configured")


def sparse(feedback):
    pairs = (feedback.users.numpy(), feedback.items.numpy())
    ones = np.ones(len(pairs[0]), np.float32)
    return csr_matrix((ones, pairs), (feedback.num_users, feedback.num_items))


class Shop:
    """ALS; a changed picture moves an item's factors by what colours say of factors.

    As shops do with items that are new: a regression from looks to factors, here from mean colours.
    What looks as it did scores as implicit has it.
    """

    def __init__(self):
        world = toy_world()
        self.bought = sparse(world.train)
        self.model = als.AlternatingLeastSquares(
            factors=6, iterations=15, regularization=0.05, random_state=0, num_threads=1
        )
        self.model.fit(self.bought, show_progress=False)
        every = world.catalogue.images[torch.arange(36)]
        self.colours = every.mean((2, 3)).numpy()
        away = self.colours - self.colours.mean(0)
        self.says = np.linalg.lstsq(away, self.model.item_factors, rcond=None)[0]

    def __call__(self, users, items, pictures):
        who, what = (np.array([int(name) for name in names]) for names in (users, items))
        rows = self.model.item_factors[what].astype(np.float64)
        for n, item in enumerate(items):
            if item in pictures:
                seen = pictures[item].mean((0, 1)) / 255
                rows[n] += (seen - self.colours[what[n]]) @ self.says
        return (self.model.user_factors[who] @ rows.T).tolist()


@pytest.fixture(scope="module")
def service():
    begun = Service(Shop())
    yield begun
    begun.shutdown()
    begun.server_close()


def test_its_answers_are_implicit_s_own_recommendations(service):
    """The lists that are measured are those of ``recommend``, item for item."""
    model, world = taught(partial(External, url=service.url, release="als")), toy_world()
    ours = rank(model, toy_visuals(model.signal), world.seen, world.test, NONE, 10)
    shop, users = service.answer, np.arange(world.train.num_users)
    theirs, scores = shop.model.recommend(users, sparse(world.seen), N=10)
    kept = scores > -1e30  # where fewer than ten are left, implicit fills up
    listed = ours.ranking.numpy()
    assert kept.all(1).any()
    np.testing.assert_array_equal(listed[kept], theirs[kept])
    np.testing.assert_allclose(ours.ranking_scores.numpy()[kept], scores[kept], atol=1e-5)


def test_a_service_in_trouble_is_asked_until_all_is_right_and_every_request_counts(service, naps):
    """Too slow, failing and limiting its rate at once, between answers that are only slow."""
    shop, before = service.answer, len(service.heard)
    service.troubles = [0.6, 503, 429, 0.05, "cut", 429, 500, 0.05, 408]
    settings = {"timeout": 0.4, "retries": 9, "per_second": 50, "users_at_once": 8}
    model = taught(partial(External, url=service.url, release="als", **settings))
    users = torch.arange(30)
    found = model.score(users, model.encode(torch.arange(36), toy_visuals(model.signal)))
    wanted = shop.model.user_factors @ shop.model.item_factors.T
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)
    assert service.troubles == []
    assert model.asked == 4
    assert model.told()["requests"] == len(service.heard) - before >= 4 + 7  # seven that failed
    assert naps.count(7.0) == 2  # as long as the service says
    assert {0.5, 1.0} <= set(naps)  # and where it says nothing, longer each time


@pytest.mark.slow
def test_a_black_box_pushes_items_into_its_lists(service, tmp_path):
    """Within its questions Square reaches users whom noise of the same size does not."""
    url = service.url
    given = {
        "recommender": partial(External, url=url, release="als"),
        "objective": partial(PromoteLists, k=5),
        "metrics": [ItemHR(k=5)],
        # few, so that they leave each other room in lists
        "scenario": Scenario(source="red", target="blue", max_items=2),
    }
    gained = {}
    for seed in (0, 1, 2):
        for attack in (Square(queries=QUERIES), Noise()):
            found = run(**parts(**given, attack=attack), store=Store(tmp_path), seed=seed)
            (row,) = found.rows
            gained[attack.name, seed] = row.after - row.before
            assert found.crafted.queries.max() <= QUERIES
    pushed, by_chance = ([gained[name, s] for s in (0, 1, 2)] for name in ("Square", "Noise"))
    assert np.mean(pushed) > np.mean(by_chance) + 0.1, gained
