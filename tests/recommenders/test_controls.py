import torch

from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.baselines import Popular, Random
from vrbench.recommenders.ranking import rank
from vrbench.testing.recommenders import NONE, RecommenderContract


class TestPopular(RecommenderContract):
    make = Popular
    ranks_well = False


class TestRandom(RecommenderContract):
    make = Random
    ranks_well = False


def test_popular_counts_training_users(world):
    model = Popular(Sizes(30, 36, ()))
    model.fit(world.train, world.valid, world.catalogue.images, stream(0))
    best = rank(model, world.catalogue.images, world.train, world.test, NONE, 36).ranking
    counts = world.train.popularity
    for user, row in enumerate(best.tolist()):
        kept = [i for i in row if i >= 0]
        assert sorted(kept) == sorted(
            set(range(36)) - set(world.train.items[world.train.users == user].tolist())
        )
        assert [int(counts[i]) for i in kept] == sorted(
            (int(counts[i]) for i in kept), reverse=True
        )


class Constant(Popular):
    name = "test.Constant"

    def score(self, users, encoded):
        return torch.zeros(len(users), len(encoded))


def test_a_constant_score_ranks_no_better_than_random():
    """Popular items have low ids here: ties must not find them."""
    rng = stream(0)
    users = torch.arange(400).repeat_interleave(5)
    items = (300 * torch.rand(2000, generator=rng) ** 3).long()
    train = Interactions.of(users, items, 400, 300)
    test_items = (300 * torch.rand(400, generator=rng) ** 3).long()
    test = Interactions.of(torch.arange(400), test_items, 400, 300)
    sizes = Sizes(400, 300, ())

    def mean_rank(model):
        model.fit(train, test, None, stream(0))
        found = rank(model, None, Interactions.of(NONE, NONE, 400, 300), test, NONE, 1)
        return found.relevant_ranks.float().mean().item()

    assert mean_rank(Popular(sizes)) < 110
    assert abs(mean_rank(Random(sizes)) - 150) < 15
    # one fixed order for all users: the mean over popular items varies more than over users
    assert abs(mean_rank(Constant(sizes)) - 150) < 45
