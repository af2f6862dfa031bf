"""Items nobody has bought: whoever sees an item's own picture finds them; nobody else can."""

from functools import partial

import pytest
import torch

from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.splits.assignment import hold_out
from vrbench.extractors.small import SmallCNN
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.visual.acf import ACF
from vrbench.recommenders.visual.deepstyle import DeepStyle
from vrbench.recommenders.visual.dvbpr import DVBPR
from vrbench.recommenders.visual.fm import FM
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.recommenders.visual.vnpr import VNPR

LOOP = {"factors": 8, "epochs": 40, "batch_size": 64, "lr": 0.05, "l2": 0.01}
VISUAL = LOOP | {"visual_lr": 0.05}


def deep(sizes):
    network = SmallCNN(width=4)
    changes = {"epochs": 12, "lr": 0.1, "l2": 0.001}
    return DVBPR(sizes, network, **LOOP | changes, network_lr=0.003, trains="all")


@pytest.mark.parametrize(
    ("make", "least"),
    [
        (partial(VBPR, **VISUAL), 0.9),
        (partial(FM, **VISUAL), 0.9),
        (partial(FM, **VISUAL, second_order=True), 0.9),
        (partial(DeepStyle, **VISUAL), 0.9),
        (deep, 0.9),
        (partial(VNPR, **VISUAL), 0.7),
        (partial(ACF, **VISUAL, attention=8), None),
        (partial(BPRMF, **LOOP), None),
    ],
    ids=["VBPR", "FM", "FM2", "DeepStyle", "DVBPR", "VNPR", "ACF", "BPRMF"],
)
def test_cold_items_are_found_by_those_who_see_them(world, extractor, make, least):
    """``least`` is an AUC; None for those to whom a cold item's picture is nothing."""
    cold = hold_out(world, share=0.3)
    items = torch.arange(36)
    signal = Signal.PIXELS if make is deep else getattr(make, "func", make).signal
    visuals = cold.catalogue.images
    if signal in (Signal.VECTOR, Signal.MAPS):
        visuals = Table(signal, extractor.see(visuals[items], signal), None)
    model = make(Sizes(30, 36, visuals.shape, cold.catalogue.categories))
    model.fit(cold.train, cold.valid, visuals, stream(0))
    with torch.no_grad():
        scores = model.eval().score(torch.arange(30), model.encode(cold.cold_items, visuals))
    liked = cold.test.matrix()[:, cold.cold_items]
    right = (scores[:, :, None] > scores[:, None]).float()[liked[:, :, None] & ~liked[:, None]]
    auc = right.mean().item()  # among cold items alone: warm ones were taught to be low, or high
    shown = visuals.overlay(cold.cold_items, visuals[cold.cold_items.flip(0)])
    with torch.no_grad():
        swapped = model.score(torch.arange(30), model.encode(cold.cold_items, shown))
    assert torch.equal(scores, swapped) == (least is None)
    assert least is None or auc > least, auc
