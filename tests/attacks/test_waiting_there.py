"""How often every search waits for a device, as one without hardware counts it.

That sees what the processor does not: what is copied to the device and from it.
"""

from functools import partial

import pytest
import torch

import vrbench.attacks
from tests.another_device import WAITED, taken_for_a_gpu
from tests.gpu.device import shipped
from tests.gpu.test_attacks import ITEMS, Ones, pictures
from vrbench.attacks import (
    CW,
    DDN,
    FAB,
    FMN,
    JSMA,
    LBFGS,
    NES,
    PGD,
    SPSA,
    ZOO,
    AdamPGD,
    AutoPGD,
    ColourCurve,
    DeepFool,
    Expected,
    FeatureRegression,
    HopSkipJump,
    Patch,
    Reencoded,
    Square,
    TargetedAutoPGD,
    TransferFGSM,
    Universal,
)
from vrbench.attacks.base import Attack
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.visible_budget import Area
from vrbench.core.seeds import Streams

STRAIGHT = {  # as functions of the steps
    "AdamPGD": AdamPGD,
    "AutoPGD": AutoPGD,
    "ColourCurve": ColourCurve,
    "Expected": lambda steps: Expected(PGD(steps=steps), samples=2),
    "MIFGSM": vrbench.attacks.MIFGSM,
    "PGD": PGD,
    "Patch": Patch,
    "TargetedAutoPGD": TargetedAutoPGD,
    "TransferFGSM, all but inputs": partial(
        TransferFGSM, kernel=5, nesterov=True, scales=2, neighbours=2
    ),
}
# Pictures leave one by one, questions are counted, and what is cropped is a matter of Python.
LEAVING = {
    "AdamPGD": AdamPGD(steps=9, enough=0.0),
    "CW": CW(search_steps=2, steps=8),
    "DDN": DDN(steps=8),
    "DeepFool": DeepFool(steps=8),
    "FAB": FAB(steps=6),
    "FMN": FMN(steps=8),
    "FeatureRegression": FeatureRegression(queries=30, directions=5),
    "HopSkipJump": HopSkipJump(queries=80, directions=10),
    "JSMA": JSMA(gamma=0.01),
    "LBFGS": LBFGS(search_steps=2, steps=5),
    "NES": NES(queries=60, directions=10),
    "PGD": PGD(steps=9, enough=0.0),
    "Reencoded": Reencoded(PGD(steps=3), samples=2),
    "SPSA": SPSA(queries=60, directions=10),
    "Square": Square(queries=12),
    "Square, in L2": Square(queries=12),
    "TransferFGSM": TransferFGSM(steps=5, diversity=0.7),
    "Universal": Universal(steps=5),
    "ZOO": ZOO(queries=150),
}
NO_LOOP = {"Background", "Compose", "Corruption", "CWRows", "Imported", "Noise", "Trigger"}
OF_OTHERS = {"Ensemble", "Generated", "Wrapped"} | {f"StandardAttack{n}" for n in ("", 2, 3)}
ONCE = 16  # waits of a whole search: constants are copied, its numbers and budget looked at
EACH = 3  # waits for a pass of a network


def test_every_attack_is_here():
    known = {name.partition(",")[0] for name in [*STRAIGHT, *LEAVING]}
    assert shipped(vrbench.attacks, Attack) == known | NO_LOOP | OF_OTHERS


@pytest.fixture
def there():
    with taken_for_a_gpu() as device:
        yield device


def waits(attack, device, budget):
    """Return how often a search waits, by what and where, and the passes that it takes."""
    goal, items, clean = Ones(device), ITEMS.to(device), pictures().to(device)
    goal.forwards = 0
    WAITED.clear()
    attack(clean, items, goal, budget, Streams(0))
    return WAITED.copy(), goal.forwards


def budget_of(name):
    return Area(eps=20) if name == "Patch" else Linf(eps=8)


@pytest.mark.parametrize("name", STRAIGHT)
def test_a_step_neither_waits_nor_copies(name, there):
    given = there, budget_of(name)
    waits(STRAIGHT[name](steps=2), *given)  # what is made once is made
    few, many = (waits(STRAIGHT[name](steps=n), *given) for n in (2, 5))
    assert few[0] == many[0]
    assert few[1] < many[1]
    assert few[0].total() < ONCE


@pytest.mark.parametrize("name", LEAVING)
def test_a_search_waits_seldom(name, there):
    """Once to know who stays, not for every table that is cut."""
    budget = L2(eps=60) if "in L2" in name else Linf(eps=8)
    found, passes = waits(LEAVING[name], there, budget)
    assert passes > 2
    assert found.total() <= ONCE + EACH * passes, found


def test_the_device_counts(there):
    WAITED.clear()
    x = torch.arange(3).to(there)
    assert bool((x >= 0).all())
    x[x > 1] = torch.tensor(5)
    x.cpu(), x.tolist(), x[torch.tensor([0])]
    found = {name.partition(" ")[0]: count for name, count in WAITED.items()}
    once = ("_local_scalar_dense", "index_put_", "tolist", "index")
    assert found == {"_to_copy": 2} | dict.fromkeys(once, 1)
