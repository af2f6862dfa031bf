"""Every network, defence, regime, detector, certificate and GAN does there what it does here."""

from functools import partial

import pytest
import torch

import tests.extractors
import tests.threats
import vrbench.detectors
import vrbench.extractors
import vrbench.objectives
from tests.contracts import contracts
from tests.gpu.device import (
    HERE,
    alike,
    close,
    each,
    everywhere,
    home,
    made_by,
    on_device,
    on_hardware,
    shipped,
    there,
)
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal
from vrbench.detectors import FeatureClassifier, FeatureSqueezing
from vrbench.extractors import (
    Adversarial,
    Denoised,
    Distilled,
    Extractor,
    Free,
    Ready,
    Regime,
    SmallCNN,
    Standard,
    Torchvision,
)
from vrbench.extractors.base import Lesson
from vrbench.extractors.toy import Colour
from vrbench.testing.extractors import ExtractorContract
from vrbench.testing.objectives import ObjectiveContract
from vrbench.testing.world import taught, toy_visuals, toy_world
from vrbench.threats.certificates.entry import entry
from vrbench.threats.certificates.lipschitz import lipschitz
from vrbench.threats.certificates.smoothing import Smoothing
from vrbench.threats.detectors.pictures import PictureDetector, Watch


class Small:
    """A case of a network, as the contracts have it."""

    smooth = True

    def __init__(self, make):
        self.make = make


CASES = contracts(tests.extractors, ExtractorContract)
CASES["pretrained.ResNet"] = Small(partial(Torchvision, arch="resnet18", size=32))
ELSEWHERE = {
    "Timm",  # torchvision's networks of another library
    "Ready",  # a network of somebody's own behind a name
    "Purified",  # of which every shipped defence is a kind
}
REGIMES = {
    "Standard": partial(Standard, SmallCNN(width=4, size=32)),
    "Adversarial": partial(Adversarial, SmallCNN(width=4, size=32)),
    "Free": partial(Free, SmallCNN(width=4, size=32)),
    "Distilled": partial(Distilled, SmallCNN(width=4, size=32), temperature=5.0),
}
DETECTORS = {
    "FeatureSqueezing": FeatureSqueezing(),
    "FeatureSqueezing of features": FeatureSqueezing(compared="features"),
    "FeatureClassifier": FeatureClassifier(lessons=12),
}
OBJECTIVES = contracts(tests.threats, ObjectiveContract)


def test_every_network_defence_and_detector_is_here():
    covered = {made_by(case).__name__ for case in CASES.values()} | REGIMES.keys()
    assert not shipped(vrbench.extractors, Extractor) - covered - ELSEWHERE
    assert shipped(vrbench.extractors, Regime) == REGIMES.keys()
    found = {type(detector).__name__ for detector in DETECTORS.values()}
    assert shipped(vrbench.detectors, PictureDetector) == found
    assert Ready.__name__ in ELSEWHERE


def pictures(count=6):
    return toy_world().catalogue.images[torch.arange(count)].clone()


def drawn(case):
    made = case.make()
    made.build(toy_world().catalogue.names)
    made.redraw(stream(0))
    return made.eval().requires_grad_(False)


def lesson():
    items, shop = torch.arange(36), toy_world().catalogue
    return Lesson(shop.images, shop.categories, shop.names, items[:27], items[27:])


@on_device
@each(CASES)
def test_a_picture_is_seen_there_as_here(case):
    """One forward pass; sums of some thousand float32 products in another order.

    Tolerance: a thousandth, and of numbers near zero a ten-thousandth of the largest.
    """
    network = drawn(case)

    def seen(device):
        found = network.to(device)(pictures().to(device))
        return [found.vector, found.maps, found.logits]

    expected, found = everywhere(seen)
    for one, other in zip(found, home(expected), strict=True):
        close(one, other, rtol=1e-3, atol=1e-4 * float(other.abs().max()))
        assert other.std() > 0


@on_device
@each(CASES)
def test_its_slope_in_a_picture_is_the_same_there(case):
    """One backward pass. A ReLU at zero may open on one side only: so nearly all, not each.

    Of the vector along a direction, for the length of a layer-normed one is constant and its slope
    rounding alone. Of pictures without equal pixels: a median's slope goes to one of them, and
    which that is a sort may choose.
    """
    if not case.smooth:
        pytest.skip("has no gradient")
    network = drawn(case)
    shown = 0.99 * pictures() + 0.01 * torch.rand(pictures().shape, generator=stream(3))

    def slope(device):
        leaf = shown.to(device).requires_grad_()
        vector = network.to(device)(leaf).vector
        along = torch.randn(vector.shape[1], generator=stream(4)).to(device)
        return torch.autograd.grad((vector * along).sum(), leaf)[0]

    expected, found = everywhere(slope)
    assert expected.abs().max() > 1e-5
    assert float((found - expected).norm() / expected.norm()) < 0.01


@on_hardware
@pytest.mark.parametrize("regime", REGIMES)
def test_a_network_learns_there(regime):
    """What it can do after eight epochs, by the bar that it passes on the processor.

    Some hundred steps away its weights are others; three colours it tells apart all the same.
    """
    with there() as device:
        made = REGIMES[regime](epochs=8, batch_size=9)
        made.build(toy_world().catalogue.names)
        report = made.to(device).fit(lesson(), stream(0))
    assert report.final["clean_accuracy"] > 0.85  # chance: a third
    assert report.final["robust_accuracy"] > 0.7


@on_hardware
@pytest.mark.parametrize("regime", REGIMES)
def test_its_first_steps_there_are_those_here(regime):
    """One epoch, three steps, from the same draws: nothing of it is drawn on the device."""

    def answers(device):
        made = REGIMES[regime](epochs=1, batch_size=9, lr=0.01)
        made.build(toy_world().catalogue.names)
        made.to(device).fit(lesson(), stream(0))
        return made.eval()(pictures(36).to(device)).logits

    expected, found = everywhere(answers)
    assert alike(found, home(expected)) > 0.99


@on_hardware
def test_a_denoiser_learns_there():
    with there() as device:
        made = Denoised(Colour(), width=4, epochs=4, batch_size=9)
        made.build(toy_world().catalogue.names)
        report = made.to(device).fit(lesson(), stream(0))
    here = Denoised(Colour(), width=4, epochs=4, batch_size=9)
    here.build(toy_world().catalogue.names)
    expected = here.fit(lesson(), stream(0)).final
    for name, value in expected.items():  # shares; a training of a dozen steps
        assert report.final[name] == pytest.approx(value, abs=0.1), name


@on_device
@each(DETECTORS)
def test_a_picture_is_as_suspect_there(case):
    """A few forward passes; the lesson's attack is ten steps, and its regression smooth."""
    shop = toy_world().catalogue

    def suspicion(device):
        network = Colour().eval().to(device)
        learnt = case.learn(network, shop.images, torch.arange(24))
        watch = Watch(case, network, learnt, torch.linspace(0, 1, 20))
        shown = (pictures() + 0.2 * torch.rand(6, 3, 1, 1, generator=stream(2))).clamp(0, 1)
        leaf = shown.to(device).requires_grad_()
        excess = watch.excess(leaf)
        return [watch.of(shown), torch.autograd.grad(excess.sum(), leaf)[0]]

    expected, found = everywhere(suspicion)
    scale = float(home(expected)[0].abs().max())
    close(found[0], expected[0], rtol=0.02, atol=0.02 * scale)
    assert expected[0].std() > 0


@on_device
@each(OBJECTIVES)
def test_a_goal_judges_there_as_here(case):
    """A verdict and its slope: a forward pass, a recommender's scores, and one backward pass.

    ``PromoteTo`` ranks: a place in a list may change where two scores are equal within rounding.
    """
    items = torch.tensor([9, 3, 0, 30, 12, 6])
    shown = case().known["visuals" if case.of_features else "images"][items]
    other = shown + 0.1 * torch.randn(shown.shape, generator=stream(0))
    other = other if case.of_features else other.clamp(0, 1)

    def verdict(device):
        known = {name: moved(part, device) for name, part in case().known.items()}
        aim = case.make(**{name: known[name] for name in asked(case)})
        leaf = other.to(device).requires_grad_(case.smooth)
        found = aim.judge(leaf, items.to(device))
        if not case.smooth:
            return [found.loss, found.margin]
        return [found.loss, found.margin, torch.autograd.grad(found.loss.sum(), leaf)[0]]

    try:
        expected, found = everywhere(verdict)
    finally:
        for part in case().known.values():
            moved(part, HERE)
    for one, wanted in zip(found, home(expected), strict=True):
        close(one, wanted, rtol=1e-3, atol=1e-4 * max(1e-3, float(wanted.abs().max())))
    assert home(expected)[0].std() > 0


def asked(case):
    from vrbench.core.spec import inputs_of

    return inputs_of(case.make)


def moved(part, device):
    """Return what an adversary knows on a device, if it computes; feedback and case stay."""
    if isinstance(part, torch.nn.Module) or hasattr(part, "signal"):
        return part.to(device)
    return part


@on_device
def test_what_is_certified_there_is_certified_here():
    """Bounds of scores that are sums of a few numbers; noise is drawn on the processor.

    A draw whose score is the bar within rounding may count otherwise: two of a hundred at most.
    """
    visuals, items = toy_visuals(Signal.VECTOR), torch.arange(0, 36, 3)

    def certified(device):
        from vrbench.recommenders.visual.vbpr import VBPR

        model = taught(VBPR, epochs=4, factors=4, batch_size=64).to(device)
        model.zero_grad()
        table = visuals.to(device)
        stand = entry(model, table, toy_world().seen, items, 5)
        counts = Smoothing(sigma=0.5, draws=100).entered(model, table, stand)
        radii = lipschitz(model, stand)
        return [stand.scores, stand.bars, radii.clamp(max=1e6), counts]

    expected, found = everywhere(certified)
    for one, wanted in zip(found[:3], expected[:3], strict=True):
        close(one, wanted, rtol=1e-3, atol=1e-4)
    assert (found[3] - expected[3]).abs().max() <= 2
    assert expected[3].max() > 0
