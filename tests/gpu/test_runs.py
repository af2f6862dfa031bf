"""Whole runs with a CUDA device and the adversary's network in bfloat16, beside the processor's."""

from functools import partial

import pytest

from tests.gpu.device import NAME, on_hardware
from vrbench.attacks.budget import Linf
from vrbench.attacks.feature_budget import Rows
from vrbench.attacks.gradient.pgd import PGD
from vrbench.bench.machine import Machine
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.training.standard import Standard
from vrbench.metrics.category import CHR
from vrbench.metrics.ranking import AUC
from vrbench.recommenders.baselines import Popular
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.collaborative.ease import EASE
from vrbench.recommenders.collaborative.neighbours import ItemKNN
from vrbench.recommenders.var2021.acf import ACF2021
from vrbench.recommenders.var2021.amr import AMR2021
from vrbench.recommenders.var2021.fm import FM2021
from vrbench.recommenders.var2021.vbpr import VBPR2021
from vrbench.recommenders.visual.acf import ACF
from vrbench.recommenders.visual.amr import AMR
from vrbench.recommenders.visual.deepstyle import DeepStyle
from vrbench.recommenders.visual.dvbpr import DVBPR
from vrbench.recommenders.visual.fm import FM
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.recommenders.visual.vnpr import VNPR
from vrbench.threats.objectives.misclassification import TargetClass
from vrbench.threats.objectives.misranking import Misrank
from vrbench.threats.scenario.base import Scenario
from vrbench.threats.surfaces.features import Features
from vrbench.threats.threat import Threat

LOOP = {"factors": 8, "epochs": 15, "batch_size": 64, "lr": 0.05, "l2": 0.01}
VISUAL = LOOP | {"visual_lr": 0.05}
SMALL = {"factors": 8, "epochs": 15, "batch_size": 32}
MODELS = {
    "BPRMF": partial(BPRMF, **LOOP),
    "VBPR": partial(VBPR, **VISUAL),
    "AMR": partial(AMR, **VISUAL, adversarial_epochs=5),
    "FM": partial(FM, **VISUAL, second_order=True),
    "DeepStyle": partial(DeepStyle, **VISUAL),
    "VNPR": partial(VNPR, **VISUAL),
    "ACF": partial(ACF, **VISUAL, attention=8),
    "Popular": Popular,
    "EASE": EASE,
    "ItemKNN": ItemKNN,
    "DVBPR": partial(DVBPR, **LOOP, trains="last"),
    "DVBPR of 32 px": partial(DVBPR, **LOOP, trains="all", network=SmallCNN(width=4)),
    "VBPR2021": partial(VBPR2021, **SMALL),
    "AMR2021": partial(AMR2021, **SMALL),
    "FM2021": partial(FM2021, **SMALL),
    "ACF2021": partial(ACF2021, **SMALL, attention=8),
}
IN_PIXELS = {"budget": Linf(eps=16), "objective": partial(TargetClass), "threat": Threat()}
IN_FEATURES = {
    "budget": Rows(eps=0.1),
    "objective": partial(Misrank),
    "threat": Threat(surface=Features()),
}


def measured(world, store, machine, name, told=IN_PIXELS):
    result = run(
        dataset=world,
        extractor=Standard(SmallCNN(width=4), epochs=4, batch_size=8),
        recommender=MODELS[name],
        attack=PGD(steps=3),
        scenario=Scenario(source="red", target="blue"),
        metrics=[CHR(k=5), AUC()],
        store=Store(store),
        machine=machine,
        **told,
    )
    return {row.metric: row.before for row in result.rows}


def on_both(world, folder, *told):
    here = measured(world, folder / "here", Machine(device="cpu"), *told)
    quick = Machine(device=NAME, precision="bfloat16" if NAME.startswith("cuda") else "float32")
    return here, measured(world, folder / "there", quick, *told)


@on_hardware
@pytest.mark.parametrize("name", MODELS)
def test_every_recommender_is_measured_alike(world, tmp_path, name):
    here, there = on_both(world, tmp_path, name)
    assert there["AUC"] == pytest.approx(here["AUC"], abs=0.1)


@on_hardware
def test_features_are_attacked_there_too(world, tmp_path):
    here, there = on_both(world, tmp_path, "VBPR", IN_FEATURES)
    assert there["AUC"] == pytest.approx(here["AUC"], abs=0.1)


@pytest.mark.parametrize("name", MODELS)
def test_the_same_cells_run_on_the_processor(world, tmp_path, name):
    assert 0 <= measured(world, tmp_path, Machine(device="cpu"), name)["AUC"] <= 1
