"""Numbers are API: when one of these moves, raise the component's version and tell the changelog.

``python -m tests.golden.test_golden`` writes the present numbers.
"""

import json
import tempfile
from functools import partial
from pathlib import Path

import pytest
import torch

from vrbench.attacks.black_box.gradient_estimation import NES, SPSA
from vrbench.attacks.budget import Linf
from vrbench.attacks.gradient.mifgsm import MIFGSM
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.minimum_norm.cw import CW
from vrbench.attacks.noise import Noise
from vrbench.bench.machine import Machine
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.data.sources.colours import colours
from vrbench.extractors.toy import Colour
from vrbench.metrics.category import CHR, NCDCG
from vrbench.metrics.perceptual import L2, SSIM
from vrbench.metrics.ranking import NDCG
from vrbench.metrics.shift import PredictionShift
from vrbench.recommenders.visual.amr import AMR
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.threats.objectives.misclassification import TargetClass
from vrbench.threats.objectives.promotion import Promote
from vrbench.threats.scenario.base import Scenario
from vrbench.threats.threat import Threat

FILE = Path(__file__).with_name("numbers.json")
FAST = {"epochs": 10, "batch_size": 64, "lr": 0.05, "visual_lr": 0.05, "l2": 0.01}
ATTACKS = {
    "pgd": PGD(),
    "fgsm": PGD(steps=1, step=1.0, random_start=False),
    "mifgsm": MIFGSM(),
    "cw": CW(steps=40),
    "spsa": SPSA(queries=200, directions=10),
    "nes": NES(queries=200, directions=10),
    "noise": Noise(),
}
CASES = [(a, "VBPR", "TargetClass") for a in ATTACKS] + [("pgd", "AMR", "Promote")]


def numbers(attack, recommender, objective, store):
    made = {"VBPR": partial(VBPR, **FAST), "AMR": partial(AMR, **FAST, adversarial_epochs=4)}
    result = run(
        dataset=colours(),
        extractor=Colour(),
        recommender=made[recommender],
        attack=ATTACKS[attack],
        budget=Linf(eps=64),
        objective=partial({"TargetClass": TargetClass, "Promote": Promote}[objective]),
        scenario=Scenario(source="red", target="blue"),
        threat=Threat(),
        metrics=[CHR(k=5), NCDCG(k=5), NDCG(k=5), PredictionShift(), L2(), SSIM()],
        store=store,
        machine=Machine(),
    )
    return {row.metric: row.after for row in result.rows}


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_numbers_have_not_moved(case, tmp_path):
    known = json.loads(FILE.read_text())["-".join(case)]
    assert numbers(*case, Store(tmp_path)) == pytest.approx(known, rel=0.02, abs=0.02)


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as root:
        found = {"-".join(case): numbers(*case, Store(Path(root))) for case in CASES}
    FILE.write_text(json.dumps(found, indent=1) + "\n")
