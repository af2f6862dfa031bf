"""LATTICE, against dense products, and its gradient through the rebuilt graph."""

from functools import partial

import pytest
import torch
from torch.nn.functional import normalize

from tests.recommenders.on_graphs import Begun, slopes
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.objectives import Promote
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.multimodal.lattice import LATTICE

pytestmark = pytest.mark.slow  # a minute and more together

FAST = {"factors": 8, "epochs": 15, "batch_size": 64, "lr": 0.05, "neighbours": 6}


class TestRebuilt(Begun):
    make = partial(LATTICE, **FAST, graph="rebuilt")


def small(world, graph="frozen", text=None, **changes):
    rows = torch.rand(36, 5, generator=stream(4)) - 0.2
    model = LATTICE(Sizes(30, 36, (5,), text=text), graph=graph, **FAST | changes)
    looks = Table(Signal.VECTOR, rows, None)
    model.take(world.train)
    model.begin(looks, stream(0))
    return model.eval(), looks


def dense(unit, count):
    """Return the normalised graph as one writes it down."""
    cosine = unit @ unit.T
    kept = torch.zeros_like(cosine)
    for row, best in enumerate(cosine.argsort(descending=True)[:, :count]):
        kept[row, best] = cosine[row, best].clamp(min=0)
    scale = kept.sum(1).rsqrt()
    return scale[:, None] * kept * scale


@pytest.mark.parametrize("layers", [1, 2])
def test_scores_are_those_of_dense_products(world, layers):
    words = torch.rand(36, 4, generator=stream(6))
    frozen, looks = small(world, text=words, item_layers=layers, given=0.7)
    frozen.blend.data = torch.tensor([0.0, 1.0])
    frozen.freeze(looks)
    rebuilt, _ = small(world, "rebuilt", words, item_layers=layers, given=0.7)
    rebuilt.load_state_dict(frozen.state_dict())
    every = torch.arange(36)
    share, graph = torch.tensor([0.0, 1.0]).softmax(0), 0
    for weight, (name, table) in zip(share, frozen.tables(looks).items(), strict=True):
        views = normalize(frozen.modality(name)(every, table), dim=1)
        given = dense(normalize(table[every], dim=1), 6)
        graph = graph + weight * (0.7 * given + 0.3 * dense(views, 6))
    smooth = frozen.item.weight
    for _ in range(layers):
        smooth = graph @ smooth
    user, item = frozen.propagate()
    wanted = user @ (item + normalize(smooth, dim=1)).T
    for model in (frozen, rebuilt):
        found = model.score(torch.arange(30), model.encode(every, looks))
        assert torch.allclose(found, wanted, atol=1e-5)


def test_the_gradient_through_the_rebuilt_graph_is_the_finite_difference(world):
    model, looks = small(world, "rebuilt")
    found = list(slopes(model, looks, 30, [(0, 0), (1, 2), (1, 4)]))
    assert max(abs(slope) for slope, _ in found) > 1e-5
    for slope, difference in found:
        assert difference == pytest.approx(slope, rel=1e-3, abs=1e-8)


def test_views_learn_from_the_first_step_of_an_epoch(world):
    model, looks = small(world)
    model.train()
    for batch, learns in zip(model.batches(world.train, stream(1)), (True, False), strict=False):
        model.zero_grad()
        model.batch_loss(batch, looks).backward()
        slope = model.modality("image").project.weight.grad
        assert (slope is not None and bool(slope.abs().sum() > 0)) == learns


def test_a_frozen_graph_is_that_of_the_epoch_kept(world, extractor):
    model, looks = small(world)
    model.train().fit(world.train, world.valid, looks, stream(0))
    again, _ = small(world, "rebuilt")
    again.load_state_dict(model.eval().state_dict())
    every = torch.arange(36)
    rows = [one.encode(every, looks).item for one in (model, again)]
    assert torch.allclose(*rows, atol=1e-5)
    with pytest.raises(IncompatibleError, match="does not see its picture"):
        Promote(world.train, extractor, model, looks)
    with pytest.raises(ConfigError, match=r"LATTICE.*given"):
        small(world, given=1.5)
