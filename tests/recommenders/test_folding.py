"""Users the model was not trained on, made from what they own."""

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import minimize

from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.interactions import Interactions
from vrbench.extractors.small import SmallCNN
from vrbench.recommenders.base import Side, Sizes
from vrbench.recommenders.fold_in import folded
from vrbench.recommenders.var2021.vbpr import VBPR2021
from vrbench.recommenders.visual.amr import AMR
from vrbench.recommenders.visual.deepstyle import DeepStyle
from vrbench.recommenders.visual.dvbpr import DVBPR
from vrbench.recommenders.visual.fm import FM
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.recommenders.visual.vnpr import VNPR

LOOP = {"epochs": 40, "batch_size": 64, "lr": 0.05, "l2": 0.01}
VISUAL = LOOP | {"visual_lr": 0.05, "l2_visual": 0.0001}
HALVES = {"factors": 8, "visual_factors": 8}


def deep(sizes):
    changes = {"epochs": 12, "lr": 0.1, "l2": 0.001}
    return DVBPR(
        sizes, SmallCNN(width=4), **LOOP | changes, factors=8, network_lr=0.003, trains="all"
    )


MODELS = {
    "VBPR": partial(VBPR, **VISUAL, **HALVES),
    "VBPR tied": partial(VBPR, **VISUAL, **HALVES, tied=True),
    "AMR": partial(AMR, **VISUAL, **HALVES, adversarial_epochs=10),
    "FM": partial(FM, **VISUAL, factors=8),
    "FM 2": partial(FM, **VISUAL, factors=8, second_order=True),
    "DeepStyle": partial(DeepStyle, **VISUAL, factors=8),
    "DVBPR": deep,
}


def test_the_row_minimises_the_loss_of_training():
    rng = stream(0, "folding")
    side = Side(torch.randn(12, 3, generator=rng), torch.randn(12, generator=rng))
    profiles, others, l2 = [[0, 5, 7], [3]], torch.tensor([0, 1, 2, 3, 4, 7, 8, 11]), 0.03
    users = torch.tensor([0, 0, 0, 1])
    histories = Interactions.of(users, torch.tensor([0, 5, 7, 3]), 3, 12)
    found = folded(histories, side, others, l2)
    for u, own in enumerate(profiles):
        rest = [int(j) for j in others if int(j) not in own]

        def loss(row, own=own, rest=rest):
            score = side.vector.double() @ torch.tensor(row) + side.bias
            gaps = score[own][:, None] - score[rest][None]
            fit = F.softplus(-gaps).mean()
            return float(fit + 0.5 * l2 * torch.tensor(row).square().sum())

        best = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-8}).x
        np.testing.assert_allclose(found[u], best, atol=1e-4)
    assert torch.equal(found[2], torch.zeros(3))  # owns nothing


def test_every_user_is_taken_in_on_their_own():
    rng = stream(1, "folding")
    side = Side(torch.randn(20, 4, generator=rng), torch.randn(20, generator=rng))
    owned = torch.rand(6, 20, generator=rng) < 0.3
    users, items = torch.nonzero(owned, as_tuple=True)
    together = folded(Interactions.of(users, items, 6, 20), side, torch.arange(20), 0.001)
    for u in range(6):
        own = items[users == u]
        alone = Interactions.of(torch.zeros_like(own), own, 1, 20)
        found = folded(alone, side, torch.arange(20), 0.001)[0]
        torch.testing.assert_close(found, together[u], atol=1e-4, rtol=1e-4)


def shown(world, extractor, signal):
    if signal is Signal.PIXELS:
        return world.catalogue.images
    items = torch.arange(len(world.catalogue))
    return Table(signal, extractor.see(world.catalogue.images[items], signal), None)


@pytest.mark.parametrize("name", MODELS)
def test_a_copy_of_a_trained_user_ranks_like_that_user(name, world, extractor):
    make = MODELS[name]
    cls = getattr(make, "func", DVBPR)
    visuals = shown(world, extractor, cls.signal)
    model = make(Sizes(30, 36, visuals.shape, world.catalogue.categories))
    model.fit(world.train, world.valid, visuals, stream(0))
    model.eval().requires_grad_(False)
    encoded = model.encode(torch.arange(36), visuals)
    trained = model.score(torch.arange(30), encoded)
    warm = torch.nonzero(world.train.popularity).squeeze(1)
    side = model.product(encoded)
    copies = model.fold_in(world.train, visuals, warm) @ side.vector.T + side.bias
    agreement = [
        torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(trained, copies, strict=True)
    ]
    assert torch.stack(agreement).mean() > (0.8 if name == "DVBPR" else 0.9), agreement
    colour = torch.arange(36) % 3
    for scores in (trained, copies):
        top = scores.topk(6).indices
        assert (colour[top] == torch.arange(30)[:, None] % 3).float().mean() > 0.85
    other = torch.corrcoef(torch.stack([trained[0], copies[1]]))[0, 1]
    assert other < torch.stack(agreement).mean() - 0.3


def test_a_newcomer_with_one_item_is_recommended_its_kind(world, extractor):
    """One red purchase, and red is what the list is made of."""
    visuals = shown(world, extractor, Signal.VECTOR)
    model = MODELS["VBPR"](Sizes(30, 36, visuals.shape))
    model.fit(world.train, world.valid, visuals, stream(0))
    model.eval().requires_grad_(False)
    side = model.product(model.encode(torch.arange(36), visuals))
    histories = Interactions.of(torch.arange(3), torch.tensor([0, 1, 2]), 3, 36)
    rows = model.fold_in(histories, visuals, torch.arange(36))
    top = (rows @ side.vector.T + side.bias).topk(8).indices
    assert ((top % 3) == torch.arange(3)[:, None]).all()


def test_models_that_cannot_say_so(world, extractor):
    visuals = shown(world, extractor, Signal.VECTOR)
    sizes = Sizes(30, 36, visuals.shape)
    with pytest.raises(IncompatibleError, match="no product with a row per user"):
        VNPR(sizes).fold_in(world.train, visuals, torch.arange(36))
    with pytest.raises(IncompatibleError, match="needs a penalty"):
        VBPR2021(sizes).fold_in(world.train, visuals, torch.arange(36))
