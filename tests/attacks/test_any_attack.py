"""No attack of the house leaves its budget, whatever the pictures, the norm and the radius."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attacks.test_promises import NOT_FINITE, NOT_ONE_PICTURE_EACH, TOO_FAR, Own
from vrbench.attacks.black_box.gradient_estimation import NES, SPSA
from vrbench.attacks.black_box.hopskipjump import HopSkipJump
from vrbench.attacks.black_box.regression import FeatureRegression
from vrbench.attacks.black_box.square import Square
from vrbench.attacks.black_box.zoo import ZOO
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.gradient.adam import AdamPGD
from vrbench.attacks.gradient.mifgsm import MIFGSM
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.gradient.reencoded import Reencoded
from vrbench.attacks.gradient.transfer import TransferFGSM
from vrbench.attacks.gradient.universal import Universal
from vrbench.attacks.minimum_norm.cw import CW
from vrbench.attacks.minimum_norm.ddn import DDN
from vrbench.attacks.minimum_norm.deepfool import DeepFool
from vrbench.attacks.minimum_norm.fab import FAB
from vrbench.attacks.minimum_norm.fmn import FMN
from vrbench.attacks.minimum_norm.jsma import JSMA
from vrbench.attacks.minimum_norm.lbfgs import LBFGS
from vrbench.attacks.noise import Noise
from vrbench.attacks.semantic.background import Background
from vrbench.attacks.semantic.colour_curve import ColourCurve
from vrbench.attacks.semantic.compose import Compose
from vrbench.attacks.semantic.patch import Patch
from vrbench.core.errors import VRBenchError
from vrbench.core.seeds import Streams, stream
from vrbench.testing.attacks import Redder, victim

HOUSE = [
    AdamPGD(steps=3),
    Background(steps=3),
    ColourCurve(steps=3),
    Compose(border=0),
    CW(search_steps=2, steps=5),
    DDN(steps=4),
    DeepFool(steps=4),
    FAB(steps=4),
    FMN(steps=4),
    HopSkipJump(queries=120, directions=5),
    JSMA(),
    LBFGS(search_steps=2, steps=4),
    MIFGSM(steps=3),
    NES(queries=20, directions=5),
    Noise(),
    Patch(area=10.0, steps=3),
    PGD(steps=3),
    Reencoded(PGD(steps=2), samples=1),
    TransferFGSM(steps=2, diversity=0.5, kernel=3, scales=2, nesterov=True, neighbours=1),
    Universal(steps=3),
    FeatureRegression(queries=18, directions=5),
    SPSA(queries=20, directions=5),
    Square(queries=20),
    ZOO(queries=60, coordinates=5),
]
CHEATS = [
    Own(made) for wrong in (TOO_FAR, NOT_ONE_PICTURE_EACH, NOT_FINITE) for made in wrong.values()
]


class Hooked(Redder):
    """As little red as can be; its example is a black page, its extractor a small network's."""

    def example(self, items):
        return torch.zeros(len(items), 3, 16, 16)

    def see(self, x):
        return victim()[:-1](x)


def outcome(attack, clean, budget, rng):
    """The pictures, or the line that refuses them."""
    try:
        return attack(clean, torch.tensor([3, 8]), Hooked(), budget, rng), None
    except VRBenchError as error:
        return None, str(error)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    attack=st.sampled_from(HOUSE + CHEATS),
    norm=st.sampled_from([Linf, L2]),
    eps=st.floats(1, 2000, width=32),
    store=st.sampled_from(["round", "float", "truncate"]),
    seed=st.integers(0, 2**16),
    span=st.sampled_from([(0, 256), (0, 2), (250, 256), (127, 128)]),
)
def test_no_attack_leaves_its_budget(attack, norm, eps, store, seed, span):
    budget, rng = norm(eps=eps, store=store), stream(seed)
    clean = torch.randint(*span, (2, 3, 16, 16), generator=rng).float() / 255
    kept = clean.clone()
    x, refused = outcome(attack, clean, budget, Streams(seed))
    assert torch.equal(clean, kept)
    if x is None:
        assert isinstance(attack, Own), refused
        assert "\n" not in refused
        return
    assert x.shape == clean.shape
    assert x.isfinite().all()
    assert x.min() >= 0
    assert x.max() <= 1
    change = (x.double() - clean) * 255
    lost = 1 if store == "truncate" else 0
    far = change.abs().amax() if norm is Linf else change.flatten(1).norm(dim=1).amax()
    widest = lost if norm is Linf else lost * clean[0].numel() ** 0.5
    assert far <= eps * (1 + 1e-5) + widest + 1e-2
    if store != "float":
        assert torch.allclose(x * 255, (x * 255).round(), atol=1e-3)
