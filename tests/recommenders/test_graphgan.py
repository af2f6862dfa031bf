from functools import partial

import pytest
import torch

from vrbench.core.errors import ConfigError, DivergedError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.gan import bfs_walks as walks
from vrbench.recommenders.gan.bfs_walks import log_chance, trees_of, walk
from vrbench.recommenders.gan.graphgan import GraphGAN
from vrbench.testing.recommenders import NONE, RecommenderContract

FAST = {"factors": 8, "pretrain_epochs": 40, "pretrain_lr": 0.05, "pretrain_l2": 0.01}
FAST |= {"pretrain_batch": 64, "epochs": 2, "walks": 4, "batch_size": 66, "lr": 0.005}
SIZES, CPU = Sizes(30, 36, ()), torch.device("cpu")


class TestGraphGAN(RecommenderContract):
    make = partial(GraphGAN, **FAST)


class TestDiscriminator(RecommenderContract):
    make = partial(GraphGAN, **FAST, predictor="discriminator")


def chain():
    """A way through five nodes: user 0, item 3, user 1, item 4, user 2."""
    users, items = torch.tensor([0, 1, 1, 2]), torch.tensor([0, 0, 1, 1])
    return trees_of(Interactions.of(users, items, 3, 2), stream(0), CPU)


def test_a_tree_holds_the_shortest_ways(world):
    from scipy.sparse.csgraph import shortest_path

    assert chain().parent[0].tolist() == [-1, 3, 4, 0, 1]
    trees = trees_of(world.train, stream(0), CPU)
    from_node, to_node = trees.ends
    near = torch.zeros(66, 66)
    near[from_node, to_node] = 1
    far = torch.from_numpy(shortest_path(near.numpy(), unweighted=True))
    root, node = torch.nonzero(far.isfinite() & (far > 0)).T
    before = trees.parent[root, node].long()
    assert (near[before, node] == 1).all()
    assert torch.equal(far[root, before], far[root, node] - 1)
    assert (trees.parent[~far.isfinite() | (far == 0)] == -1).all()


def test_walks_end_by_the_graph_softmax():
    """By hand: from user 0 one goes to item 3; there back (end at 3) or on to user 1, and so on."""
    trees = chain()
    here, there = trees.ends
    logit = torch.randn(8, generator=stream(1))
    score = dict(zip(zip(here.tolist(), there.tolist(), strict=True), logit.tolist(), strict=True))

    def on(node, back, forth):
        a, b = (torch.tensor(score[node, to]).exp() for to in (back, forth))
        return float(b / (a + b))

    at_3, at_1, at_4 = on(3, 0, 1), on(1, 3, 4), on(4, 1, 2)
    wanted = [0, at_3 * (1 - at_1), at_3 * at_1 * at_4, 1 - at_3, at_3 * at_1 * (1 - at_4)]
    count = 40000
    ended, steps = walk(trees, torch.zeros(count, dtype=torch.int64), logit, stream(0))
    share = ended.bincount(minlength=5) / count
    assert torch.allclose(share, torch.tensor(wanted), atol=0.01)
    found = log_chance(steps, logit, count).exp()
    assert torch.allclose(found, torch.tensor(wanted)[ended], atol=1e-6)


def test_the_expected_gradient_of_a_walk_is_the_paper_s():
    """Over 40,000 walks, against the gradient of the closed expectation of a reward."""
    trees, count = chain(), 40000
    logit = torch.randn(8, generator=stream(1)).requires_grad_()
    reward = torch.tensor([0.0, 2.0, -1.0, 0.5, 3.0])
    ended, steps = walk(trees, torch.zeros(count, dtype=torch.int64), logit, stream(0))
    chance = log_chance(steps, logit, count)
    (found,) = torch.autograd.grad((chance * reward[ended]).mean(), logit, retain_graph=True)
    first = [int((ended == node).nonzero()[0]) for node in (1, 2, 3, 4)]
    expected = (chance[first].exp() * reward[torch.tensor([1, 2, 3, 4])]).sum()
    (wanted,) = torch.autograd.grad(expected, logit)
    assert wanted.abs().max() > 0.1
    assert torch.allclose(found, wanted, atol=0.02)


def test_no_walk_ends_at_its_root_and_huge_scores_do_not_overflow(world):
    trees = trees_of(world.train, stream(0), CPU)
    roots = torch.nonzero(trees.graph.start.diff()).squeeze(1).repeat_interleave(5)
    logit = 1000 * torch.randn(len(trees.graph.column), generator=stream(1))
    ended, steps = walk(trees, roots, logit, stream(2))
    assert (ended != roots).all()
    assert log_chance(steps, logit, len(roots)).isfinite().all()


def test_the_generator_s_loss_moves_the_ranking(world):
    empty = Interactions.of(NONE, NONE, 30, 36)

    def scores(**changes):
        model = GraphGAN(SIZES, **FAST | {"pretrain_epochs": 2} | changes)
        model.fit(world.train, empty, world.catalogue.images, stream(0))
        return model.eval().score(torch.arange(30), model.encode(torch.arange(36), None))

    still, moved = scores(lr=1e-12), scores()
    assert (still.argsort(1) != moved.argsort(1)).float().mean() > 0.2
    assert not torch.allclose(moved, scores(critic_lr=1e-12), atol=1e-4)


def test_a_training_that_blows_up_says_what_to_lower(world):
    model = GraphGAN(SIZES, **FAST | {"lr": 1e30})
    with pytest.raises(DivergedError, match=r"lower recommender\.lr \(now 1e\+30\)"):
        model.fit(world.train, world.valid, world.catalogue.images, stream(0))


def test_a_graph_too_large_for_a_tree_per_node_is_refused(world, monkeypatch):
    monkeypatch.setattr(walks, "MOST_NODES", 65)
    with pytest.raises(IncompatibleError, match="at most 65 of both, here are 66"):
        trees_of(world.train, stream(0), CPU)


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="predictor: expected generator or discriminator"):
        GraphGAN(SIZES, predictor="both")
    with pytest.raises(ConfigError, match="walks >= 2"):
        GraphGAN(SIZES, walks=1)
