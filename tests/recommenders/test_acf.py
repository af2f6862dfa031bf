from functools import partial

import pytest
import torch

from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.visual.acf import ACF
from vrbench.testing.recommenders import PairwiseContract

FAST = {
    "factors": 8,
    "attention": 8,
    "epochs": 20,
    "batch_size": 64,
    "lr": 0.05,
    "visual_lr": 0.02,
    "l2": 0.01,
    "l2_visual": 0.0001,
}


class TestACF(PairwiseContract):
    make = partial(ACF, **FAST)

    def begun(self, world, visuals):
        model = super().begun(world, visuals)
        model.remember(world.train)
        return model

    def test_pairs_and_comparisons_agree(self, world, visuals):
        """They do where the liked item is not in the history, or is left there."""
        users, liked, other = self.batch(60)
        owned = world.train.contains(users, liked)
        for excluded, agrees in ((True, ~owned), (False, torch.ones_like(owned))):
            model = ACF(Sizes(30, 36, visuals.shape), **FAST, exclude_target=excluded)
            model.begin(visuals, stream(0))
            model.remember(world.train)
            model.taste.weight.data.normal_(generator=stream(1))
            margin, penalty = model.compare(users, liked, other, visuals)
            pairs = model(users, liked, visuals) - model(users, other, visuals)
            assert margin.shape == penalty.shape == users.shape
            assert torch.isclose(margin, pairs, atol=1e-5).tolist() == agrees.tolist()


@pytest.fixture
def maps(world, extractor):
    return Table(
        Signal.MAPS, extractor.see(world.catalogue.images[torch.arange(36)], Signal.MAPS), None
    )


@pytest.fixture
def model(world, maps):
    made = ACF(Sizes(30, 36, maps.shape), **FAST)
    made.begin(maps, stream(0))
    for parameter in made.parameters():
        parameter.data.add_(0.3 * torch.randn(parameter.shape, generator=stream(1)))
    made.remember(world.train)
    return made.eval()


def test_the_score_is_that_of_the_paper(world, model, maps):
    """Written out user by user, item by item, cell by cell."""
    w2x, w1x = model.look.weight.chunk(2)
    with torch.no_grad():
        found = model.score(torch.arange(4), model.encode(torch.arange(36), maps))
        for u in range(4):
            gamma, logits, tastes = model.user.weight[u], [], []
            for item in world.train.items[world.train.users == u]:
                x = model.seen(item[None], maps)[0]
                cells = torch.stack(
                    [model.cell_out(torch.relu(model.cell_user(gamma) + w2x @ c)) for c in x]
                )
                seen = (cells.softmax(0) * x).sum(0)
                hidden = model.item_user(gamma) + model.item_latent(model.item(item))
                hidden = hidden + model.item_taste(model.taste(item)) + w1x @ seen
                logits.append(model.item_out(torch.relu(hidden)))
                tastes.append(model.taste(item))
            profile = gamma + (torch.stack(logits).softmax(0) * torch.stack(tastes)).sum(0)
            expected = model.item.weight @ profile
            assert torch.allclose(found[u], expected, atol=1e-5)


def test_a_picture_changes_the_profiles_of_its_owners_only(world, model, maps):
    item = torch.tensor([5])
    with torch.no_grad():
        users = torch.arange(30)
        before = model.profile(users, model.encode(item, maps))
        other = maps.overlay(item, 1 - maps[item])
        after = model.profile(users, model.encode(item, other))
    several = (world.train.counts > 1) & world.train.contains(users, item.expand(30))
    moved = (before != after).any(1)
    assert torch.equal(moved, several)
    assert moved.any()
    assert not moved.all()


def test_the_ranking_loss_reaches_every_attention_weight(world, model, maps):
    """In VAR the profile was cut from the graph: only decay reached what makes it."""
    margin, _ = model.compare(
        torch.tensor([0, 1]), torch.tensor([0, 1]), torch.tensor([1, 0]), maps
    )
    margin.sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.to_dense().abs().sum() > 0, name


def test_the_liked_item_is_not_in_its_own_history(world, maps):
    sizes = Sizes(30, 36, maps.shape)
    margins = {}
    for excluded in (True, False):
        made = ACF(sizes, **FAST, exclude_target=excluded)
        made.begin(maps, stream(0))
        made.remember(Interactions.of(torch.tensor([0]), torch.tensor([3]), 30, 36))
        made.taste.weight.data.fill_(1.0)
        margins[excluded], _ = made.compare(
            torch.tensor([0, 0]), torch.tensor([3, 6]), torch.tensor([1, 1]), maps
        )
        alone = made.user.weight[0] @ (made.item.weight[3] - made.item.weight[1])
        assert torch.isclose(margins[excluded][0], alone, atol=1e-5).item() == excluded
    torch.testing.assert_close(margins[True][1], margins[False][1])


def test_long_histories_are_sampled_anew(maps):
    model = ACF(Sizes(30, 36, maps.shape), **FAST, history=2)
    model.begin(maps, stream(0))
    row = torch.tensor([0] * 5 + [1] + [2] * 3)
    item = torch.arange(9)
    seen = set()
    for _ in range(30):
        rows, items = model._drawn(row, item)
        assert rows.bincount().tolist() == [2, 1, 2]
        assert torch.equal(row[items], rows)
        seen |= set(items.tolist())
    assert seen == set(range(9))


def test_users_without_a_history_are_their_own_vector(model, maps, world):
    none = torch.empty(0, dtype=torch.int64)
    model.remember(Interactions.of(none, none, 30, 36))
    encoded = model.encode(torch.arange(36), maps)
    assert torch.equal(model.profile(torch.arange(30), encoded), model.user.weight)


def test_vectors_are_refused():
    with pytest.raises(IncompatibleError, match="ACF reads feature maps"):
        ACF(Sizes(1, 1, (8,)))
