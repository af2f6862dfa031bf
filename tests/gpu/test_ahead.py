"""Searches and steps of training run ahead of a CUDA device, and captured steps are the plain ones.

How a step is captured: ``vrbench.recommenders.training.captured``.
"""

from collections import Counter
from contextlib import nullcontext
from functools import partial

import pytest
import torch

from tests.gpu.device import HERE, NAME, on_hardware, there
from tests.gpu.waiting import nothing_waits
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.finite import looked_at_later
from vrbench.attacks.gradient.adam import AdamPGD
from vrbench.attacks.gradient.mifgsm import MIFGSM
from vrbench.attacks.gradient.pgd import PGD
from vrbench.core.seeds import Streams, stream
from vrbench.extractors.compiled import OFTEN, Compiled
from vrbench.extractors.inference_copy import swift
from vrbench.extractors.small import SmallCNN
from vrbench.recommenders import (
    AMR,
    APR,
    BPRMF,
    BPRSLIM,
    DMF,
    FISM,
    FM,
    VBPR,
    AdversarialFISM,
    DeepStyle,
    MultiDAE,
    MultiVAE,
    SVDpp,
)
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.training.captured import WARM, Captured
from vrbench.recommenders.training.epochs import Steps
from vrbench.testing.world import toy_case, toy_visuals, toy_world
from vrbench.threats.objectives.misclassification import TargetClass

ON_GPU = NAME.startswith("cuda")
ATTACKS = {"PGD": PGD(), "AdamPGD": AdamPGD(steps=10), "MIFGSM": MIFGSM()}
BUDGETS = {"Linf": Linf(eps=8), "L2": L2(eps=64)}


@on_hardware
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("budget", BUDGETS)
def test_a_search_there_waits_for_nothing(attack, budget):
    made = SmallCNN(width=4)
    made.build(("red", "green", "blue"))
    made.redraw(stream(0))
    attack, budget = ATTACKS[attack], BUDGETS[budget]
    with there() as device:
        quick = swift(made.to(device), dtype=torch.bfloat16 if ON_GPU else torch.float32)
        goal, items = TargetClass(toy_case(), quick), torch.arange(4, device=device)
        clean = toy_world().catalogue.images[torch.arange(4)].to(device)
        attack(clean, items, goal, budget, Streams(0))
        settled(quick, lambda: attack.search(clean, items, goal, budget, Streams(0)))
        with looked_at_later(), nothing_waits():  # the first looks when it is left, and waits then
            found = attack.search(clean, items, goal, budget, Streams(0))
        assert (found != clean).any()


def settled(quick, search):
    """Search until a network answers every kind of batch as it will from then on."""
    if not ON_GPU:
        return
    assert isinstance(quick.inner, Compiled)
    for _ in range(OFTEN + 2):
        search()
        if min(quick.inner._asked.values()) > OFTEN:
            break
    assert quick.inner._replayed
    assert not quick.inner._fails


LOOP = {"factors": 8, "epochs": 4, "batch_size": 8, "lr": 0.05, "l2": 0.01, "eval_every": 99}
VISUAL = LOOP | {"visual_lr": 0.05}
ONE, TWO = 1, 2  # phases, of a graph each
STEPPED = {
    "BPRMF": (partial(BPRMF, **LOOP), ONE),
    "VBPR": (partial(VBPR, **VISUAL), ONE),
    "FM": (partial(FM, **VISUAL, second_order=True), ONE),
    "DeepStyle": (partial(DeepStyle, **VISUAL), ONE),
    "APR": (partial(APR, **LOOP, adversarial_epochs=3), TWO),
    "AMR": (partial(AMR, **VISUAL, adversarial_epochs=3), TWO),
}


ENCODER = {"hidden": 8, "latent": 4, "epochs": 8, "batch_size": 8, "lr": 0.05, "eval_every": 99}
PLAIN = {
    "FISM": partial(FISM, **LOOP),
    "AdversarialFISM": partial(AdversarialFISM, **LOOP, adversarial_epochs=3),
    "SVDpp": partial(SVDpp, **LOOP, negatives=2),
    "DMF": partial(DMF, **LOOP, hidden=16),
    "BPRSLIM": partial(BPRSLIM, **{k: v for k, v in LOOP.items() if k != "factors"}),
    "MultiDAE": partial(MultiDAE, **ENCODER),
    "MultiVAE": partial(MultiVAE, **ENCODER),
}  # steps of many kernels, each started by Python


def trained(make, device, seed=0):
    """Return the users' rows after training on a device."""
    return fitted(make, device, seed).user.weight.detach().cpu()


def fitted(make, device, seed=0):
    """Return a model that was trained on a device."""
    shop, labels = toy_world(), toy_world().catalogue.categories
    visuals = toy_visuals(make.func.signal)
    sizes = Sizes(shop.train.num_users, shop.train.num_items, visuals.shape, labels)
    model = make(sizes).to(device)
    model.fit(shop.train, shop.valid, visuals.to(device), stream(seed))
    return model


def apart(one, other):
    return float((one - other).norm() / other.norm())


@pytest.fixture
def graphs(monkeypatch):
    """Return a list that grows with each graph of a step."""
    made, plain = [], Captured._capture

    def noted(self, batch):
        plain(self, batch)
        made.append(self._graph)

    monkeypatch.setattr(Captured, "_capture", noted)
    return made


@on_hardware
@pytest.mark.parametrize("name", STEPPED)
def test_steps_that_are_captured_are_the_processors(name, graphs, caplog):
    """The same draws and batches; what a graph forgot would be another training.

    Sums round otherwise, and Adam's first steps make much of small slopes: with noise of a
    millionth of the largest slope in every step, rows end up to .0002 of their norm apart on the
    processor. Those of another seed are more than their norm apart.
    """
    make, phases = STEPPED[name]
    expected = trained(make, HERE)
    with there() as device:
        found = trained(make, device)
    assert not [r.getMessage() for r in caplog.records if "captured" in r.getMessage()]
    if ON_GPU:
        assert len(graphs) == phases
        assert None not in graphs
    assert apart(found, expected) < 0.005
    assert apart(trained(make, HERE, seed=1), expected) > 0.5


@on_hardware
@pytest.mark.parametrize("name", STEPPED)
def test_a_step_there_waits_for_nothing(name, monkeypatch):
    """From the first that is a graph on; batches are drawn for an epoch at once, before it."""
    make, phases = STEPPED[name]
    plain, ahead = Captured.__call__, []

    def strictly(self, batch):
        if self._graph is None or len(batch[0]) != self._size:
            return plain(self, batch)
        ahead.append(self)
        with nothing_waits():
            return plain(self, batch)

    monkeypatch.setattr(Captured, "__call__", strictly)
    with there() as device:
        assert trained(make, device).isfinite().all()
    if ON_GPU:
        assert len({id(phase) for phase in ahead}) == phases
        assert len(ahead) > 20


@on_hardware
@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_step_there_waits_for_nothing(name, monkeypatch):
    """But the first, which make what is made once; the entries of rows are not counted there."""
    plain, taken = Steps._take, Counter()

    def strictly(self, batch):
        taken[id(self)] += 1
        with nothing_waits() if taken[id(self)] > WARM else nullcontext():
            plain(self, batch)

    monkeypatch.setattr(Steps, "_take", strictly)
    with there() as device:
        model = fitted(PLAIN[name], device)
        assert all(part.isfinite().all() for part in model.parameters())
    assert sum(taken.values()) > 20
