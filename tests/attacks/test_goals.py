"""White-box attacks on every kind of goal, through the bench, as pictures of the 8-bit grid."""

from functools import partial

import pytest
import torch

from vrbench.attacks.budget import L2
from vrbench.attacks.minimum_norm.ddn import DDN
from vrbench.attacks.minimum_norm.deepfool import DeepFool
from vrbench.attacks.minimum_norm.fmn import FMN
from vrbench.attacks.minimum_norm.jsma import JSMA
from vrbench.attacks.minimum_norm.lbfgs import LBFGS
from vrbench.bench.machine import Machine
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.extractors.toy import Colour
from vrbench.metrics.success import AimReached
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.threats.objectives.feature_matching import MatchFeatures
from vrbench.threats.objectives.misclassification import TargetClass, Untargeted
from vrbench.threats.objectives.promotion import Promote
from vrbench.threats.scenario.base import Scenario
from vrbench.threats.threat import Threat

FAST = {"epochs": 10, "batch_size": 64, "lr": 0.05, "visual_lr": 0.05, "l2": 0.01}
ATTACKS = {
    "deepfool": DeepFool(),
    "jsma": JSMA(gamma=0.8),
    "lbfgs": LBFGS(),
    "fmn": FMN(steps=60),
    "ddn": DDN(steps=60),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("goal", [TargetClass, Untargeted, MatchFeatures, Promote])
@pytest.mark.parametrize("attack", ATTACKS)
def test_every_goal_is_reached_after_rounding(world, store, attack, goal, precision):
    result = run(
        dataset=world,
        extractor=Colour(),
        recommender=partial(VBPR, **FAST),
        attack=ATTACKS[attack],
        budget=L2(eps=float("inf")),
        objective=partial(goal),
        scenario=Scenario(source="red", target="blue"),
        threat=Threat(),
        metrics=[AimReached()],
        store=store,
        machine=Machine(precision=precision),
    )
    x = result.crafted.attacked
    assert torch.allclose(x * 255, (x * 255).round(), atol=1e-4)
    assert result.rows[0].after == 1
    assert (x != result.crafted.clean).flatten(1).any(1).all() or goal is Promote
