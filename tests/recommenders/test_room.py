"""What does not fit into memory is one line, before it is made, and names what to lower."""

from functools import partial

import pytest
import torch

from vrbench.core import memory
from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import stream
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.collaborative.ease import EASE
from vrbench.recommenders.collaborative.multivae import MultiVAE
from vrbench.recommenders.collaborative.neumf import NeuMF
from vrbench.recommenders.collaborative.slim import SLIM
from vrbench.recommenders.collaborative.svd import PureSVD
from vrbench.recommenders.gan.cfgan import CFGAN
from vrbench.recommenders.room import make_recommender, require_room_to_learn
from vrbench.recommenders.visual.vbpr import VBPR

LARGE = Sizes(20_000, 93_000, (2048,))


@pytest.mark.parametrize("recommender", [BPRMF, VBPR, NeuMF, PureSVD])
def test_tables_that_no_machine_holds_are_not_made(recommender):
    sizes, factors = LARGE, 10**9
    if recommender is PureSVD:  # it has no more axes than there are users and items
        sizes, factors = Sizes(10**7, 10**7, ()), 10**7
    with pytest.raises(
        IncompatibleError, match=rf"GiB .* lower recommender\.factors \(now {factors}\)"
    ):
        make_recommender(partial(recommender, factors=factors), sizes)


def test_the_widest_layer_is_what_to_lower(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2**28)
    with pytest.raises(IncompatibleError, match=r"lower recommender\.hidden \(now 600\)"):
        make_recommender(partial(MultiVAE, anneal_steps=3000), LARGE)


def test_a_function_that_makes_a_recommender_is_bounded_too():
    with pytest.raises(IncompatibleError, match="the recommender needs"):
        make_recommender(lambda sizes: BPRMF(sizes, factors=10**9), LARGE)


def test_what_training_keeps_is_counted(monkeypatch):
    model = MultiVAE(Sizes(10, 100, ()), hidden=64, latent=2)
    size = sum(4 * p.numel() for p in model.parameters())
    monkeypatch.setattr(memory, "available", lambda: 5 * size)
    with pytest.raises(IncompatibleError, match=r"training MultiVAE .* recommender\.hidden"):
        require_room_to_learn(model)
    monkeypatch.setattr(memory, "available", lambda: 6 * size)
    require_room_to_learn(model)
    with pytest.raises(IncompatibleError):
        require_room_to_learn(model, 1)


@pytest.mark.parametrize(
    "recommender", [EASE, CFGAN, SLIM, MultiVAE, NeuMF], ids=lambda made: made.__name__
)
def test_a_fit_that_does_not_fit_is_refused(recommender, world, monkeypatch):
    if recommender is SLIM:
        pytest.importorskip("sklearn")
    model = recommender(Sizes(world.train.num_users, world.train.num_items, ()))
    monkeypatch.setattr(memory, "available", lambda: 1000)
    with pytest.raises(IncompatibleError, match=rf"(?i)ing {recommender.__name__} needs about"):
        model.fit(world.train, world.valid, None, stream(0))


def test_rows_of_all_users_for_all_items_are_counted(monkeypatch):
    model = CFGAN(Sizes(100, 50, ()))
    assert model.encode(torch.arange(50), None).shape == (50, 100)
    monkeypatch.setattr(memory, "available", lambda: 2 * 4 * 50 * 100 - 1)
    with pytest.raises(IncompatibleError, match="ranking by CFGAN"):
        model.encode(torch.arange(50), None)
