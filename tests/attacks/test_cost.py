"""What an attack says it needs is what it takes."""

import pytest
import torch

from vrbench.attacks.base import BlackBox, Cost
from vrbench.attacks.black_box.gradient_estimation import NES, SPSA
from vrbench.attacks.black_box.hopskipjump import HopSkipJump
from vrbench.attacks.black_box.regression import FeatureRegression
from vrbench.attacks.black_box.square import Square
from vrbench.attacks.black_box.zoo import ZOO
from vrbench.attacks.budget import Linf
from vrbench.attacks.ensemble import Ensemble
from vrbench.attacks.gradient.adam import AdamPGD
from vrbench.attacks.gradient.apgd import TargetedAutoPGD
from vrbench.attacks.gradient.eot import Expected
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
from vrbench.attacks.minimum_norm.lbfgs import LBFGS
from vrbench.attacks.noise import Noise
from vrbench.attacks.semantic.background import Background
from vrbench.attacks.semantic.colour_curve import ColourCurve
from vrbench.attacks.semantic.compose import Compose
from vrbench.attacks.semantic.patch import Patch
from vrbench.core.seeds import Streams
from vrbench.testing.attacks import Classified, victim

EXACT = [
    (Noise(), Cost(0, 0)),
    (Compose(), Cost(0, 0)),
    (PGD(steps=3), Cost(3, 3)),
    (PGD(steps=3, restarts=2), Cost(8, 6)),
    (AdamPGD(steps=4), Cost(4, 4)),
    (MIFGSM(steps=3), Cost(3, 3)),
    (TransferFGSM(steps=3, scales=2, neighbours=3), Cost(24, 24)),
    (CW(search_steps=2, steps=5, progress=0, warm_start=False), Cost(10, 11)),
    (CW(search_steps=2, steps=5, progress=0, initial_c=1.0), Cost(10, 10)),
    (Expected(PGD(steps=2), samples=3), Cost(6, 6)),
    (Reencoded(PGD(steps=2), samples=3), Cost(6, 6)),
    (Universal(steps=3), Cost(4, 3)),
    (Patch(area=5.0, steps=3), Cost(4, 3)),
    (ColourCurve(steps=3), Cost(4, 3)),
    (Background(steps=3), Cost(4, 3)),
    (Ensemble(attacks={"a": PGD(steps=3), "b": MIFGSM(steps=2)}), Cost(7, 5)),
    (Square(queries=20, enough=None), Cost(20, 0)),
    (SPSA(queries=30, directions=5, enough=None), Cost(30, 0)),
    (FeatureRegression(queries=32, directions=7, enough=None), Cost(32, 4)),
]
AT_MOST = [
    DDN(steps=6),
    FAB(steps=4, targets=2),
    TargetedAutoPGD(steps=4, targets=2),
    FMN(steps=6),
    DeepFool(steps=4, candidates=2),
    LBFGS(search_steps=2, steps=5),
    NES(queries=34, directions=5),
    HopSkipJump(queries=150, directions=10),
    ZOO(queries=100, coordinates=5),
    Ensemble(attacks={"a": DDN(steps=3), "b": Square(queries=20)}),
]


class _Counting(torch.autograd.Function):
    @staticmethod
    def forward(x, goal, items):
        return x.clone()

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, ctx.goal, ctx.items = inputs

    @staticmethod
    def backward(ctx, slope):
        ctx.goal.backward[ctx.items] += 1
        return slope, None, None


class Counting(Classified):
    """A goal about classes that counts, per item, how often it is asked and differentiated."""

    def __init__(self, clean, **aim):
        super().__init__(victim(), **aim)
        self.clean, self.used = clean, set()
        self.forward, self.backward = torch.zeros(2, len(clean), dtype=torch.int64)

    def classes(self, x, items):
        self.forward += torch.bincount(items, minlength=len(self.clean))
        self.used.add("asked")
        if x.requires_grad:
            self.used.add("gradients")
        return super().classes(_Counting.apply(x, self, items), items)

    def example(self, items):
        self.used.add("another picture")
        return self.clean.flip(0)[items]

    def see(self, x):
        self.used.add("the extractor")
        apart = torch.cdist(x.detach().flatten(1), self.clean.flatten(1))
        every = apart.argmin(1) if x.requires_grad else torch.zeros(0, dtype=torch.int64)
        return self.network(_Counting.apply(x, self, every))

    def redrawn(self, salt):
        drawn = Counting(self.clean, towards=self.towards, away=self.away)
        drawn.forward, drawn.backward, drawn.used = self.forward, self.backward, self.used
        return drawn


@pytest.fixture
def clean(world):
    return world.catalogue.images[torch.arange(6)].clone()


def attacked(attack, clean, **aim):
    goal = Counting(clean, **aim)
    attack(clean, torch.arange(len(clean)), goal, Linf(eps=8), Streams(0))
    return goal


@pytest.mark.parametrize(("attack", "cost"), EXACT, ids=lambda a: getattr(a, "name", None))
def test_what_always_goes_on_takes_exactly_that(clean, attack, cost):
    goal = attacked(attack, clean, towards=1)
    assert attack.cost == cost
    assert goal.forward.tolist() == [cost.forward] * len(clean)
    assert goal.backward.tolist() == [cost.backward] * len(clean)


@pytest.mark.parametrize("aim", ["towards", "away"])
@pytest.mark.parametrize("attack", AT_MOST, ids=lambda a: a.name)
def test_what_may_stop_early_takes_no_more(clean, attack, aim):
    seen = victim()(clean)[0]  # what the first picture is, or is least of all, taken for
    goal = attacked(attack, clean, **{aim: int(seen.argmax() if aim == "away" else seen.argmin())})
    assert 0 < goal.forward.max() <= attack.cost.forward
    assert goal.backward.max() <= attack.cost.backward
    assert (goal.backward.max() > 0) == (attack.cost.backward > 0)


@pytest.mark.parametrize("attack", [a for a, _ in EXACT] + AT_MOST, ids=lambda a: a.name)
def test_the_adversary_uses_what_it_says_it_knows(clean, attack):
    used = attacked(attack, clean, towards=1).used
    for what in ("gradients", "the extractor", "another picture"):
        assert (what in used) == (what in attack.knows), what
    assert ("asked" in used) == ("nothing" not in attack.knows)
    if isinstance(attack, BlackBox):
        assert ("yes or no" in attack.knows) == attack.decisions
        assert ("scores" in attack.knows) != attack.decisions
