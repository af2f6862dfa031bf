from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from vrbench.core.errors import ConfigError, DataError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.baselines import Popular
from vrbench.recommenders.collaborative.ease import EASE
from vrbench.recommenders.collaborative.neighbours import ItemKNN
from vrbench.recommenders.sequential.gru4rec import GRU4Rec
from vrbench.recommenders.sequential.losses import LOSSES
from vrbench.recommenders.sequential.sasrec import SASRec
from vrbench.recommenders.sequential.sequences import NONE as GONE
from vrbench.recommenders.sequential.sequences import Sequences
from vrbench.testing.recommenders import RecommenderContract
from vrbench.testing.sequences import BRISK_NEXT, circling, next_found

FAST = {"factors": 16, "length": 8, "epochs": 40, "batch_size": 8, "lr": 0.01, "dropout": 0.0}
TOY = {"length": 8, "batch_size": 16, "eval_every": 5}
MODELS = [SASRec, GRU4Rec]


class InOrder(RecommenderContract):
    """The toy world, whose purchases have times of chance."""

    @pytest.fixture
    def world(self, world):
        return replace(world, train=world.train.dated_like(timed(len(world.train))))


def timed(count):
    users = torch.zeros(count).long()
    return Interactions.of(users, torch.arange(count), 1, count, timestamps=torch.arange(count))


class TestSASRec(InOrder):
    make = partial(SASRec, **TOY, lr=0.03, epochs=20, factors=16, dropout=0.2, blocks=1)


class TestGRU4Rec(InOrder):
    make = partial(GRU4Rec, **TOY, lr=0.03, epochs=30, factors=32, dropout=0.5)


@pytest.mark.parametrize("make", [Popular, EASE, ItemKNN])
def test_no_bag_of_items_tells_which_way_somebody_goes(make):
    assert next_found(make) < 0.6


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("model", MODELS)
def test_every_loss_finds_the_next_item(model, loss):
    assert next_found(model, factors=16, loss=loss, negatives=3, **BRISK_NEXT) > 0.95


@pytest.mark.parametrize("model", MODELS)
def test_without_times_nothing_is_learnt(model, world):
    with pytest.raises(IncompatibleError, match="no timestamps: choose a data set and a split"):
        model(Sizes(30, 36, ())).fit(world.train, world.valid, None, stream(0))


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="heads a divisor of factors"):
        SASRec(Sizes(1, 1, ()), factors=10, heads=4)
    with pytest.raises(ConfigError, match="negatives >= 1 with loss=bpr"):
        GRU4Rec(Sizes(1, 1, ()), loss="bpr")
    with pytest.raises(ConfigError, match="layers >= 1"):
        GRU4Rec(Sizes(1, 1, ()), layers=0)


def held(length):
    """User 0 has nothing, 1 one item, 2 four, 3 nine; times are the items, backwards."""
    users = torch.tensor([1] + [2] * 4 + [3] * 9)
    items = torch.tensor([4, *range(4), *range(9)])
    made = Sequences(4, length)
    made.hold(Interactions.of(users, items, 4, 10, timestamps=100 - items), "")
    return made


def test_the_latest_items_come_in_the_order_of_time():
    items, count = held(3).latest(torch.tensor([3, 0, 2, 1]))
    assert items.tolist() == [[2, 1, 0], [GONE] * 3, [2, 1, 0], [4, GONE, GONE]]
    assert count.tolist() == [3, 0, 3, 1]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 8, 20])
def test_every_item_but_the_first_is_next_exactly_once(length):
    sequences = held(length)
    user, first = sequences.windows()
    pairs = []
    for owner, row in zip(user.tolist(), sequences.read(user, first).tolist(), strict=True):
        assert len(row) == length + 1
        there = [item for item in row if item != GONE]
        assert row[: len(there)] == there  # nothing behind the end
        pairs += [(owner, a, b) for a, b in pairwise(there)]
    wanted = [(2, n + 1, n) for n in range(3)] + [(3, n + 1, n) for n in range(8)]
    assert sorted(pairs) == wanted


@pytest.mark.parametrize("length", [1, 2, 3, 20])
def test_where_a_model_stood_before_an_item(length):
    sequences = held(length)
    users, items = torch.tensor([3, 2, 3, 2, 1, 0, 3]), torch.tensor([0, 1, 5, 3, 4, 2, 9])
    windows, row, column, there = sequences.before(users, items, 10)
    assert there.tolist() == [True, True, True, False, False, False, False]
    assert windows[row, column][there].tolist() == [1, 2, 6]
    assert windows[row, column + 1][there].tolist() == [0, 1, 5]


def test_items_of_one_time_are_in_no_order_of_their_numbers():
    users, items = torch.zeros(200).long(), torch.arange(200)
    made = Sequences(1, 5)
    made.hold(Interactions.of(users, items, 1, 200, timestamps=users), "")
    assert made.item.sort().values.tolist() == items.tolist()
    assert abs(torch.corrcoef(torch.stack([made.item.float(), items.float()]))[0, 1]) < 0.2


def begun(model, **changes):
    train, _ = circling(8)
    made = model(Sizes(8, 12, ()), **FAST | changes)
    made.take(train)
    made.begin(None, stream(0))
    for weight in made.parameters():
        weight.data.add_(0.3 * torch.randn(weight.shape, generator=stream(1)))
    return made.eval(), train


@pytest.mark.parametrize("model", MODELS)
def test_a_state_knows_nothing_of_what_comes_later(model):
    made, _ = begun(model)
    items = torch.arange(8)[None].repeat(2, 1)
    items[1, 5:] = torch.tensor([0, GONE, GONE])
    states = made.after(items)
    torch.testing.assert_close(states[0, :5], states[1, :5])
    assert not torch.allclose(states[0, 5], states[1, 5])


@pytest.mark.parametrize("model", MODELS)
def test_scores_are_those_after_the_last_item(model):
    """However the batch is made up; and the lead is what was learnt, before an item."""
    made, train = begun(model)
    users = torch.tensor([3, 0])
    scores = made.score(users, made.encode(torch.arange(12), None))
    sequence = train.items[train.users == 3]
    sequence = sequence[train.timestamps[train.users == 3].argsort()]
    state = made.after(sequence[None])[0]
    wanted = made.item.weight @ state[-1] + made.bias(torch.arange(12))
    torch.testing.assert_close(scores[0], wanted)
    liked, other = sequence[2:4], torch.tensor([9, 10])
    row = made.item.weight @ state[1:3].T + made.bias(torch.arange(12))[:, None]
    lead = made.lead(torch.tensor([3, 3]), liked, other, None)
    torch.testing.assert_close(lead, row[liked, [0, 1]] - row[other, [0, 1]])
    first = made.lead(torch.tensor([3]), sequence[:1], other[:1], None)
    torch.testing.assert_close(first, made.bias(sequence[:1]) - made.bias(other[:1]))


@pytest.mark.parametrize("model", MODELS)
def test_the_loss_of_a_batch_is_the_mean_over_its_next_items(model):
    made, _ = begun(model)
    windows = torch.full((2, 9), GONE)
    windows[0, :3], windows[1, :2] = torch.tensor([1, 2, 3]), torch.tensor([5, 6])
    loss = made.batch_loss((windows, torch.zeros(2, 8, 0).long()), None)
    states = torch.cat([made.after(windows[:1, :2])[0], made.after(windows[1:, :1])[0]])
    logits = states @ made.item.weight.T + made.bias(torch.arange(12))
    torch.testing.assert_close(loss, F.cross_entropy(logits, torch.tensor([2, 3, 6])))


def test_losses_are_the_formulas():
    real, drawn = torch.tensor([1.2]), torch.tensor([[0.3, -0.7]])
    r, (a, b) = real[0], drawn[0]
    s = torch.sigmoid
    w = drawn[0].softmax(0)
    wanted = {
        "bce": -s(r).log() - (1 - s(a)).log() - (1 - s(b)).log(),
        "ce": -(r.exp() / (r.exp() + a.exp() + b.exp())).log(),
        "bpr": -(s(r - a).log() + s(r - b).log()) / 2,
        "top1": (s(a - r) + s(a**2) + s(b - r) + s(b**2)) / 2,
        "bpr_max": -(w[0] * s(r - a) + w[1] * s(r - b)).log() + w[0] * a**2 + w[1] * b**2,
        "top1_max": w[0] * (s(a - r) + s(a**2)) + w[1] * (s(b - r) + s(b**2)),
    }
    for name, loss in LOSSES.items():
        torch.testing.assert_close(loss(real, drawn), wanted[name][None], msg=name)


def test_nobody_with_two_items_is_nothing_to_learn():
    train = Interactions.of(torch.arange(3), torch.arange(3), 3, 5, timestamps=torch.arange(3))
    with pytest.raises(DataError, match="no user has two items"):
        SASRec(Sizes(3, 5, ())).fit(train, train.nobody(), None, stream(0))


def test_fake_users_have_sequences():
    """Dated by times of real feedback: a shop that has times keeps them, in an order of chance."""
    real, _ = circling()
    users = torch.arange(3).repeat_interleave(8)
    fakes = Interactions.of(users, torch.arange(8).repeat(3), 3, 12)
    grown = real.followed_by(fakes.dated_like(real))
    assert len(grown.timestamps) == len(real) + 24
    assert set(grown.timestamps[-24:].tolist()) <= set(real.timestamps.tolist())
    assert torch.equal(grown.timestamps, real.followed_by(fakes.dated_like(real)).timestamps)
    made = Sequences(grown.num_users, 8)
    made.hold(grown, "")
    orders = made.latest(torch.arange(240, 243))[0]
    assert torch.equal(orders.sort(1).values, torch.arange(8).expand(3, 8))
    assert len({tuple(row) for row in orders.tolist()}) == 3
    assert real.followed_by(fakes).timestamps is None
    assert fakes.dated_like(replace(real, timestamps=None)) is fakes


def test_a_pushed_profile_moves_what_comes_next():
    """Whoever has just had 0 is shown 6, after fake users taught it so."""
    real, after = circling()
    pairs = torch.tensor([[0, 6]]).repeat(200, 1)
    fakes = Interactions.of(
        torch.arange(200).repeat_interleave(2),
        pairs.flatten(),
        200,
        12,
        timestamps=torch.tensor([0, 1]).repeat(200),
    )
    grown = real.followed_by(fakes)
    ranks = []
    for train in (real, grown):
        brief = BRISK_NEXT | {"epochs": 12}
        model = GRU4Rec(Sizes(train.num_users, 12, ()), factors=16, **brief)
        model.fit(train, train.nobody(), None, stream(0))
        last = model.eval().sequences.latest(torch.arange(240))[0][:, 5]
        score = model.score(torch.arange(240), model.encode(torch.arange(12), None))
        there = (score > score[:, 6:7]).sum(1).float() + 1
        ranks.append(there[last == 0].mean().item())
    assert len(after) == 240
    assert ranks[1] < ranks[0] - 2
