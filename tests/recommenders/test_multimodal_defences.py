"""Modality dropout and Mirror Gradient, settings of every multimodal recommender."""

import numpy as np
import pytest
import torch

from vrbench.core.dropout import RowDropout
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.recommenders import BM3, FREEDOM, LATTICE, MGCN, MMGCN, SLMRec
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.training.epochs import Steps, descend
from vrbench.testing.world import BRISK, favourites, taught

EVERY = pytest.mark.parametrize("cls", [BM3, FREEDOM, LATTICE, MGCN, MMGCN, SLMRec])
USERS, ITEMS = 6, 9
LOOKS = Table(Signal.VECTOR, torch.rand(ITEMS, 5, generator=stream(2)), None)
OWNED = torch.rand(USERS, ITEMS, generator=stream(3)) < 0.5
TRAIN = Interactions.of(*OWNED.nonzero(as_tuple=True), USERS, ITEMS)
NONE = Interactions.of(*torch.empty(2, 0, dtype=torch.int64), USERS, ITEMS)
# what else draws in training is off; users' and items' edges are all kept
CALM = {BM3: {"dropout": 0.0}, FREEDOM: {"drop": 0.0, "alignment": 0.5}}


def small(cls, **changes):
    words = torch.rand(ITEMS, 4, generator=stream(4))
    settings = {"factors": 4, "epochs": 2, "batch_size": 8, "lr": 0.01, "scale": "none"}
    return cls(Sizes(USERS, ITEMS, (5,), text=words), **settings | CALM.get(cls, {}) | changes)


def begun(cls, **changes):
    model = small(cls, **changes)
    model.take(TRAIN)
    model.begin(LOOKS, stream(0))
    return model


def test_whole_rows_are_left_out_and_the_mean_stays():
    thin = RowDropout(0.25)
    thin.rng = stream(0)
    rows = thin(torch.ones(4000, 3))
    assert rows.eq(rows[:, :1]).all()
    assert torch.allclose(rows.unique(), torch.tensor([0, 4 / 3]))
    assert 0.22 < rows[:, 0].eq(0).float().mean() < 0.28
    assert torch.equal(thin.eval()(rows), rows)


@EVERY
def test_a_modality_is_missing_in_training_alone(cls):
    whole, thin = begun(cls), begun(cls, modality_dropout=0.5)
    thin.load_state_dict(whole.state_dict())
    batch = next(iter(whole.batches(TRAIN, stream(1))))
    losses = [thin.batch_loss(batch, LOOKS).item() for _ in range(6)]
    assert max(losses) - min(losses) > 1e-4
    every = torch.arange(ITEMS)
    a, b = (model.eval().encode(every, LOOKS) for model in (whole, thin))
    assert torch.equal(a.user, b.user)
    assert torch.equal(a.item, b.item)


def test_a_missing_picture_leaves_what_words_say():
    """Half of all rows: each item's view is that without dropout, doubled, or nothing."""
    model = begun(MGCN, modality_dropout=0.5)
    whole = model.eval().modality("image")(torch.arange(ITEMS), LOOKS)
    thin = model.train().modality("image")(torch.arange(ITEMS), LOOKS)
    missing = thin.eq(0).all(1)
    assert 0 < missing.sum() < ITEMS
    assert torch.allclose(thin[~missing], 2 * whole[~missing])


def test_lattice_keeps_the_graph_of_whole_views():
    model = small(LATTICE, modality_dropout=0.5)
    model.fit(TRAIN, NONE, LOOKS, stream(0))
    kept = model.similar.value.clone()
    model.freeze(LOOKS)
    assert torch.equal(model.similar.value, kept)


class Adam:
    """Adam, as its paper writes it, in numpy."""

    def __init__(self, lr):
        self.lr, self.steps, self.first, self.second = lr, 0, 0, 0

    def __call__(self, x, slope):
        self.steps += 1
        self.first = 0.9 * self.first + 0.1 * slope
        self.second = 0.999 * self.second + 0.001 * slope**2
        first, second = (
            self.first / (1 - 0.9**self.steps),
            self.second / (1 - 0.999**self.steps),
        )
        return x - self.lr * first / (np.sqrt(second) + 1e-8)


def rises(cls, mirror, descent):
    """Return how much the loss of a batch rises in each step after the one down."""
    model = begun(cls, mirror=mirror, mirror_every=3)
    optimisers, rng, found = descent(model), stream(1), []
    vars(model)["_stepping"] = Steps(model, optimisers, LOOKS)

    @torch.no_grad()
    def loss():
        return model.batch_loss(batch, LOOKS).item()

    for _ in range(8):
        for batch in model.train().batches(TRAIN, rng):
            descend(model.batch_loss(batch, LOOKS), *optimisers)
            before = loss()
            model.stepped(batch)
            found.append(loss() - before)
    return [rise for rise in found if rise]  # where none was taken, it is zero


@EVERY
def test_the_step_against_the_loss_climbs_by_plain_descent_and_not_by_adam(cls):
    plain = rises(cls, 0.2, lambda model: [torch.optim.SGD(model.parameters(), lr=0.05)])
    assert len(plain) > 6
    assert min(plain) > 0
    assert np.mean(np.array(rises(cls, 0.2, cls._optimisers)) < 0) > 0.6  # its momentum outweighs


def test_every_third_step_is_followed_by_a_small_one_against_it():
    model, twin = small(MMGCN, mirror=0.2), begun(MMGCN)
    seen = []
    batches = model.batches

    def noted(*args):
        for batch in batches(*args):
            seen.append(batch)
            yield batch

    model.batches = noted
    model.fit(TRAIN, NONE, LOOKS, stream(0))
    adam = {name: Adam(0.01) for name, _ in twin.named_parameters()}
    assert len(seen) > 6
    for number, batch in enumerate(seen):
        for weight in (1.0, -0.2) if number % 3 == 0 else (1.0,):
            twin.zero_grad()
            twin.batch_loss(batch, LOOKS).backward()
            for name, parameter in twin.named_parameters():
                slope = weight * parameter.grad.double().numpy()
                now = adam[name](parameter.data.double().numpy(), slope)
                parameter.data = torch.from_numpy(now).float()
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter, twin.get_parameter(name), atol=1e-4), name


@EVERY
def test_without_them_nothing_is_drawn_and_no_step_is_added(cls):
    plain, asked = small(cls), small(cls, modality_dropout=0.0, mirror=0.0, mirror_every=1)
    for model in (plain, asked):
        model.fit(TRAIN, NONE, LOOKS, stream(0))
    for name, value in plain.state_dict().items():
        assert torch.equal(value, asked.state_dict()[name]), name
    up = small(cls, mirror=0.3, mirror_every=1)
    up.fit(TRAIN, NONE, LOOKS, stream(0))
    assert not torch.allclose(up.item.weight, plain.item.weight, atol=1e-4)


def test_a_model_learns_with_both():
    assert favourites(taught(MGCN, factors=8, modality_dropout=0.2, mirror=0.2, **BRISK)) > 0.8


@pytest.mark.parametrize(
    "wrong", [{"modality_dropout": 1.0}, {"mirror": -0.1}, {"mirror_every": 0}]
)
def test_settings_out_of_range_are_named(wrong):
    with pytest.raises(ConfigError, match=f"MGCN.*{next(iter(wrong))}"):
        small(MGCN, **wrong)
