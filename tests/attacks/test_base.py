"""What the call of every attack, and the gradient they share, guarantee."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.goal import Classes, TwoSpeed, Verdict, classes_of, gradient
from vrbench.attacks.gradient.mifgsm import MIFGSM
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.minimum_norm.cw import CW
from vrbench.attacks.minimum_norm.ddn import DDN
from vrbench.attacks.minimum_norm.deepfool import DeepFool
from vrbench.attacks.minimum_norm.fab import FAB
from vrbench.attacks.minimum_norm.fmn import FMN
from vrbench.attacks.minimum_norm.jsma import JSMA
from vrbench.attacks.minimum_norm.lbfgs import LBFGS
from vrbench.core.errors import DivergedError, VRBenchError
from vrbench.core.seeds import Streams
from vrbench.core.spec import describe
from vrbench.testing.attacks import Redder, victim

WHITE_BOX = [CW, DDN, DeepFool, FAB, FMN, JSMA, LBFGS, MIFGSM, PGD]


class Broken:
    """NaN for item 7 from the first look on, or only in its gradient."""

    name = "Broken"

    def __init__(self, *, only_the_slope=False):
        self.only_the_slope = only_the_slope

    def judge(self, x, items):
        loss = x.flatten(1).mean(1)
        ill = items == 7
        if self.only_the_slope:  # sqrt(0): a number whose slope is not one
            loss = loss.index_add(0, torch.nonzero(ill)[:, 0], (loss[ill] * 0).sqrt())
        else:
            loss = torch.where(ill, torch.nan, loss)
        return Verdict(loss, loss + 1)


@pytest.mark.parametrize("make", WHITE_BOX)
@pytest.mark.parametrize("only_the_slope", [False, True])
def test_numbers_that_are_none_end_in_an_error(make, only_the_slope):
    clean, items = torch.full((3, 3, 8, 8), 0.5), torch.tensor([4, 7, 2])
    goal = Broken(only_the_slope=only_the_slope)
    with pytest.raises(DivergedError, match="Broken gives item 7 a loss or a gradient"):
        make()(clean, items, goal, Linf(eps=8), Streams(0))
    assert issubclass(DivergedError, VRBenchError)


@pytest.mark.parametrize("make", [DeepFool, JSMA])
def test_so_do_logits(make):
    def classes(x, items):
        logits = x.flatten(1)[:, :4] * torch.tensor([1.0, torch.nan, 1.0, 1.0])
        return Classes(logits, 0, None)

    clean, items = torch.full((2, 3, 8, 8), 0.5), torch.arange(2)
    goal = SimpleNamespace(judge=Redder().judge, classes=classes, name="Ill")
    with pytest.raises(DivergedError, match="Ill gives item 0 a loss"):
        make()(clean, items, goal, Linf(eps=8), Streams(0))


def test_the_gradient_is_of_what_was_asked_for():
    x, items = torch.rand(2, 3, 4, 4), torch.arange(2)

    def judge(x, items):
        mean = x.flatten(1).mean(1)
        return Verdict(2 * mean, 3 * mean)

    goal = SimpleNamespace(judge=judge)
    assert torch.allclose(gradient(goal, x, items)[0], torch.full_like(x, 2 / 48))
    assert torch.allclose(gradient(goal, x, items, of="margin")[0], torch.full_like(x, 3 / 48))


@pytest.mark.parametrize(("towards", "away"), [(1, None), (None, 1)])
def test_classes_know_their_margin(towards, away):
    logits = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    lead, margin = Classes(logits, towards, away).ahead()
    other = logits[:, [0, 2, 3]].amax(1)
    expected = logits[:, 1] - other if towards is None else other - logits[:, 1]
    assert torch.allclose(margin, expected)
    assert torch.allclose(lead[:, [0, 2, 3]], logits[:, 1:2] - logits[:, [0, 2, 3]])
    assert lead[:, 1].isinf().all()


def test_goals_without_classes_are_told_apart():
    x, items = torch.rand(2, 3, 16, 16), torch.arange(2)
    network = victim()
    about = SimpleNamespace(
        judge=Redder().judge, classes=lambda x, items: Classes(network(x), 0, None)
    )
    assert classes_of(Redder(), x, items) is None
    assert classes_of(TwoSpeed(Redder(), Redder()), x, items) is None
    assert classes_of(about, x, items).logits.shape == (2, 4)
    assert classes_of(TwoSpeed(about, about), x, items).towards == 0


@pytest.mark.parametrize("make", [DeepFool, partial(JSMA, gamma=1.0), LBFGS, FMN, DDN])
@pytest.mark.parametrize("store", ["round", "float"])
def test_who_is_there_already_stays(make, store):
    """Bit for bit, and looked at once; once more where pictures are rounded."""
    asked = []

    def judge(x, items):
        asked.extend(items.tolist())
        margin = x.flatten(1).mean(1) - 0.5
        return Verdict(margin, margin)

    clean = torch.tensor([100, 200, 127, 220]).div(255)[:, None, None, None].expand(4, 3, 8, 8)
    there = torch.tensor([True, False, True, False])
    budget = L2(eps=float("inf"), store=store)
    x = make()(clean, torch.arange(4), SimpleNamespace(judge=judge), budget, Streams(0))
    assert torch.equal(x[there], clean[there])
    assert (x[~there] != clean[~there]).flatten(1).any(1).all()
    assert (x.flatten(1).mean(1) < 0.5).all()
    looks = torch.bincount(torch.tensor(asked), minlength=4)
    once = 2 if store == "round" else 1
    assert (looks[there] <= once).all()
    assert (looks[~there] > once).all()


@pytest.mark.parametrize("make", [DeepFool, JSMA, LBFGS, FMN, DDN])
def test_yaml_and_python_make_the_same_attack(make):
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    path = Path(__file__).parents[2] / "conf" / "attack" / f"{make.name.lower()}.yaml"
    assert describe(instantiate(OmegaConf.load(path))) == describe(make())
