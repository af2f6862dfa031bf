"""FREEDOM, against answers made by hand and dense products."""

from functools import partial

import pytest
import torch
from torch.nn.functional import logsigmoid

from tests.recommenders.on_graphs import Begun, WithWords, with_words
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.objectives import Promote
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.multimodal.base import Multimodal
from vrbench.recommenders.multimodal.freedom import FREEDOM, remaining

FAST = {"factors": 8, "epochs": 15, "batch_size": 64, "lr": 0.05, "drop": 0.2, "neighbours": 6}


class TestFrozen(Begun):
    make = partial(FREEDOM, **FAST)
    serves = False


class TestRebuilt(Begun):
    make = partial(FREEDOM, **FAST, graph="rebuilt")


class TestRebuiltByCosines(Begun):
    make = partial(FREEDOM, **FAST, graph="rebuilt", edges="cosine", item_layers=2)


def worded(sizes):
    return FREEDOM(with_words(sizes), **FAST, graph="rebuilt", image_share=0.5)


class TestWithWords(WithWords):
    make = worded


# Two users, four items; items 0 and 1 look alike, and so do 2 and 3.
LOOKS = Table(Signal.VECTOR, torch.tensor([[1.0, 0], [2, 0.1], [0, 1], [0.1, 3]]), None)
TRAIN = Interactions.of(torch.tensor([0, 0, 1]), torch.tensor([0, 2, 2]), 2, 4)


def tiny(**changes):
    settings = {"factors": 2, "neighbours": 2, "layers": 1, "drop": 0.0, "alignment": 0.5}
    model = FREEDOM(Sizes(2, 4, (2,)), **settings | {"scale": "none"} | changes)
    model.take(TRAIN)
    model.begin(LOOKS, stream(0))
    return model


def test_the_score_is_what_one_writes_down():
    model = tiny()
    p, q = model.user.weight, model.item.weight
    # degrees: user 0 has two items, user 1 one; item 0 has one user, item 2 two
    user = (p[0] + q[0] / 2**0.5 + q[2] / 2) / 2
    item = (q[2] + p[0] / 2 + p[1] / 2**0.5) / 2 + (q[2] + q[3]) / 2
    alone = q[1] / 2 + (q[0] + q[1]) / 2
    found = model.score(torch.tensor([0]), model.encode(torch.tensor([2, 1]), LOOKS))
    assert torch.allclose(found[0], torch.stack([user @ item, user @ alone]), atol=1e-6)


def test_the_loss_is_the_papers():
    model = tiny()
    users, liked, other = torch.tensor([0, 1]), torch.tensor([0, 2]), torch.tensor([3, 1])
    seen = model.encode(torch.arange(4), LOOKS)
    view = LOOKS[torch.arange(4)] @ model.modality("image").project.weight.T
    wanted = 0.0
    for rows, weight in ((seen.item, 1.0), (view, 0.5)):
        score = seen.user @ rows.T
        wanted -= weight * logsigmoid(score[users, liked] - score[users, other]).mean()
    assert model.loss(users, liked, other, LOOKS).item() == pytest.approx(wanted.item(), abs=1e-6)


@pytest.mark.parametrize("edges", ["binary", "cosine"])
@pytest.mark.parametrize("layers", [1, 2])
def test_rebuilt_on_the_same_pictures_is_the_frozen_graph(edges, layers):
    frozen, rebuilt = (
        tiny(graph=graph, edges=edges, item_layers=layers) for graph in ("frozen", "rebuilt")
    )
    every = torch.arange(4)
    rows = [model.encode(every, LOOKS).item for model in (frozen, rebuilt)]
    assert torch.allclose(*rows, atol=1e-6)


def test_words_have_what_pictures_leave():
    words = torch.tensor([[1.0, 0], [0, 1], [1, 0.1], [0, 2]])  # 0 with 2, 1 with 3
    model = FREEDOM(Sizes(2, 4, (2,), text=words), factors=2, neighbours=2, image_share=0.25)
    model.take(TRAIN)
    model.begin(LOOKS, stream(0))
    q = model.item.weight
    by_looks, by_words = (q[0] + q[1]) / 2, (q[0] + q[2]) / 2
    assert torch.allclose(model.smooth()[0], by_looks / 4 + by_words * 3 / 4, atol=1e-6)
    assert not model.own_picture
    assert set(model.state_dict()) & {"text"} == set()


def test_a_frozen_graph_cannot_be_promoted_in(world, extractor):
    with pytest.raises(IncompatibleError, match="does not see its picture"):
        Promote(TRAIN, extractor, tiny(), LOOKS)
    Promote(TRAIN, extractor, tiny(graph="rebuilt"), LOOKS)


def test_an_epoch_keeps_edges_of_the_less_connected():
    users = torch.arange(4).repeat_interleave(50)
    items = torch.cat([torch.arange(50) + 50 * (u > 1) * u for u in range(4)])  # 0, 1 share items
    train = Interactions.of(users, items, 4, 200)
    kept = torch.stack([remaining(train, 0.75, stream(n)) for n in range(400)]).float()
    assert kept.sum(1).eq(50).all()
    shared = kept.mean(0)[train.users < 2].mean() / kept.mean(0)[train.users > 1].mean()
    # drawn in proportion to 1 and sqrt(2), a quarter of them, without replacement
    assert 1 / 2**0.5 < shared < 1 / 2**0.5 + 0.08


def test_settings_out_of_range_are_named():
    for wrong in ({"drop": 1.0}, {"neighbours": 0}, {"edges": "soft"}, {"graph": "cold"}):
        with pytest.raises(ConfigError, match=f"FREEDOM.*{next(iter(wrong))}"):
            tiny(**wrong)
    assert issubclass(FREEDOM, Multimodal)
