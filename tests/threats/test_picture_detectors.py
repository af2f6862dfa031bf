"""Detectors of attacked pictures: what they see, whom they find, and who evades them."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.ndimage import median_filter

from tests.attacks.profile.world import row
from vrbench.attacks.base import Attack
from vrbench.attacks.budget import Linf
from vrbench.attacks.goal import TwoSpeed, Verdict
from vrbench.attacks.gradient.pgd import PGD
from vrbench.bench.detection import watch
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import stream
from vrbench.core.spec import digest
from vrbench.extractors.defences.median import MedianFilter
from vrbench.extractors.toy import Colour
from vrbench.metrics.audience import ItemHR
from vrbench.metrics.picture_detection import PictureDetectionAUC, PicturesFound
from vrbench.metrics.view import Views, Watched
from vrbench.testing.surfaces import SurfaceContract
from vrbench.testing.views import two_users
from vrbench.testing.world import parts, toy_world
from vrbench.threats.detectors.feature_classifier import FeatureClassifier
from vrbench.threats.detectors.feature_squeezing import FeatureSqueezing
from vrbench.threats.detectors.pictures import PictureDetector, Watch
from vrbench.threats.evading import Evading, evading
from vrbench.threats.objectives.misclassification import TargetClass
from vrbench.threats.surfaces.pixels import Pixels
from vrbench.threats.threat import Threat

METRICS = [PictureDetectionAUC(), PicturesFound(share=0.1), ItemHR(k=5)]
EVERY = [FeatureSqueezing(), FeatureSqueezing(compared="features"), FeatureClassifier(lessons=12)]


class Grain(PictureDetector):
    """How much neighbouring pixels differ, whatever the network makes of them."""

    def suspicion(self, network, pixels, learnt):
        return pixels.diff(dim=-1).square().mean((1, 2, 3))


class Pale(PictureDetector):
    """How little colour a picture has."""

    def suspicion(self, network, pixels, learnt):
        mean = pixels.mean((2, 3))
        return mean.amin(1) - mean.amax(1)


class Brighter(Attack):
    """Adds the same to every pixel, as far as it may."""

    paper = ""

    def search(self, clean, items, goal, budget, rng):
        return budget.project(clean + budget.eps / 255, clean)


class Checkered(Attack):
    """Adds the same pattern to every picture."""

    paper = ""

    def search(self, clean, items, goal, budget, rng):
        rows, columns = torch.arange(clean.shape[2]), torch.arange(clean.shape[3])
        sign = (rows[:, None] + columns) % 2 * 2.0 - 1
        return budget.project(clean + sign * budget.eps / 255, clean)


def found(folder, detector, evades=0.0, **changes):
    threat = Threat(surface=Pixels(detector=detector, evades=evades))
    given = parts(threat=threat, metrics=METRICS) | changes
    return run(**given, store=Store(folder))


class TestPixelsThatAreWatched(SurfaceContract):
    def given(self, eps):
        surface = Pixels(detector=FeatureSqueezing(), evades=1.0)
        threat = Threat(surface=surface)
        return {"threat": threat, "attack": PGD(steps=2), "budget": Linf(eps=eps)}


def test_the_median_is_scipys():
    pixels = torch.rand(2, 3, 7, 9, generator=stream(0))
    for window in (1, 2, 3):
        expected = median_filter(pixels.numpy(), (1, 1, window, window), mode="nearest")
        found = MedianFilter(Colour(), window=window).front(pixels)
        assert np.array_equal(found.numpy(), expected)


def test_a_picture_that_squeezing_changes_is_suspected_by_how_far_it_goes():
    """Colour's features are the mean of each channel: .4 goes to 0 at one bit, and 1 stays."""
    picture = torch.ones(1, 3, 4, 4)
    picture[:, 0] = 0.4
    features = FeatureSqueezing(bits=1, window=1, compared="features")
    network = Colour().eval()
    before = network(picture).vector[0]
    after = network((picture > 0.5).float()).vector[0]
    expected = float((before - after).norm() / before.norm())
    assert expected > 0.05
    assert features.suspicion(network, picture, {}).item() == pytest.approx(expected, abs=1e-5)
    probabilities = [network(x).logits.softmax(1) for x in (picture, (picture > 0.5).float())]
    classes = FeatureSqueezing(bits=1, window=1).suspicion(network, picture, {})
    assert classes.item() == pytest.approx(float((probabilities[0] - probabilities[1]).abs().sum()))


def test_the_squeezer_that_changes_most_counts():
    """A lone red pixel is on the grid of one bit, and gone in a median; flat pink is neither."""
    speck, pale = torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    speck[:, 0, 3, 3], pale[:, 0] = 1.0, 0.3
    for picture, bits, window in ((speck, 1, 3), (pale, 1, 3)):
        one, other, both = (
            FeatureSqueezing(bits=b, window=w).suspicion(Colour().eval(), picture, {}).item()
            for b, w in ((bits, 1), (8, window), (bits, window))
        )
        assert both == pytest.approx(max(one, other), abs=1e-4)
        assert min(one, other) < 0.02 < both


@pytest.mark.parametrize("detector", EVERY, ids=lambda d: d.spec["name"])
class TestEveryDetector:
    def test_company_and_time_change_nothing(self, detector):
        shop = toy_world().catalogue
        learnt = detector.learn(Colour(), shop.images, torch.arange(12))
        pixels = shop.images[torch.arange(12, 20)]
        together = detector.suspicion(Colour(), pixels, learnt)
        alone = [detector.suspicion(Colour(), picture[None], learnt) for picture in pixels]
        torch.testing.assert_close(torch.cat(alone), together, rtol=1e-4, atol=1e-5)
        assert together.shape == (8,)
        assert together.isfinite().all()

    def test_the_adversary_can_descend_it(self, detector):
        shop = toy_world().catalogue
        learnt = detector.learn(Colour(), shop.images, torch.arange(12))
        noise = 0.1 * torch.randn(4, 3, *shop.images.shape[1:], generator=stream(0))
        pixels = (shop.images[torch.arange(4)] + noise).clamp(0, 1).requires_grad_()
        (slope,) = torch.autograd.grad(detector.suspicion(Colour(), pixels, learnt).sum(), pixels)
        assert slope.isfinite().all()
        assert slope.abs().sum() > 0


def test_attacked_pictures_that_stand_apart_are_all_found(tmp_path):
    """The toy world's pictures have far less grain than a chequered change of 60 grey levels."""
    result = found(tmp_path, Grain(), attack=Checkered(), budget=Linf(eps=60))
    assert row(result, "picture detection AUC").after == 1.0
    assert row(result, "pictures found at 10 % false").after == 1.0


@pytest.mark.parametrize("detector", [*EVERY, Grain()], ids=lambda d: d.spec["name"])
def test_unchanged_pictures_are_suspected_as_they_were(detector, tmp_path):
    result = found(tmp_path, detector, budget=Linf(eps=0))
    auc = row(result, "picture detection AUC")
    assert auc.after == auc.before


def test_clean_pictures_beside_clean_ones_come_to_a_half():
    """Of 400 pictures of noise, 40 that nobody changed, and the same a little brighter."""
    honest, same = torch.rand(400, generator=stream(0)), torch.rand(40, generator=stream(1))
    seen = Watched(honest, same, same + 2)
    before, shop = two_users()
    views = Views(before, watched=seen)
    auc = PictureDetectionAUC().values(views, shop)
    assert 0.4 < float(auc["before"]) < 0.6
    assert float(auc["after"]) == 1.0
    caught = PicturesFound(share=0.05).values(views, shop)
    assert float(caught["before"].mean()) < 0.15
    assert float(caught["after"].mean()) == 1.0
    assert not PicturesFound().applies(Views(before))


def test_no_more_than_the_share_of_honest_pictures_is_above_the_bar():
    honest = torch.tensor([0.0] * 10 + [1.0] * 10)
    assert PicturesFound(share=0.05).measure(honest, honest).sum() == 0
    apart = torch.arange(100.0)
    assert PicturesFound(share=0.05).measure(apart, apart).sum() == 5
    assert PicturesFound(share=0.0).measure(apart, apart).sum() == 0


def test_a_classifier_knows_attacks_like_its_lessons():
    """Taught by brighter pictures, it finds them among others, and chequered ones it does not."""
    shop, network = toy_world().catalogue, Colour().eval()
    detector = FeatureClassifier(lesson=Brighter(), budget=Linf(eps=20), lessons=20, cost=10.0)
    learnt = detector.learn(network, shop.images, torch.arange(20))
    clean = shop.images[torch.arange(20, 36)]
    again = detector.learn(network, shop.images, torch.arange(20))
    assert all(torch.equal(again[name], value) for name, value in learnt.items())
    rows = torch.arange(clean.shape[2])[:, None] + torch.arange(clean.shape[3])
    chequered = clean + (rows % 2 * 2.0 - 1) * 20 / 255
    brighter = (clean + 20 / 255).clamp(0, 1)
    told = [detector.suspicion(network, x, learnt) for x in (clean, brighter, chequered)]
    assert PictureDetectionAUC().measure(told[0], told[1]).item() == 1.0
    assert 0.3 < PictureDetectionAUC().measure(told[0], told[2]).item() < 0.7


def test_who_evades_pays_for_what_is_above_the_median():
    """Five honest pictures of suspicion 0 to 4: the median is 2, the most suspect twentieth 3.8."""

    class Red(PictureDetector):
        def suspicion(self, network, pixels, learnt):
            return pixels[:, 0].mean((1, 2))

    class Aim:
        def judge(self, x, items):
            return Verdict(torch.tensor([5.0, 6.0]), torch.tensor([-1.0, -9.0]))

    seen = Watch(Red(), Colour(), {}, torch.arange(5.0))
    pixels = torch.tensor([1.0, 3.8]).reshape(2, 1, 1, 1).expand(2, 3, 2, 2)
    assert seen.excess(pixels).tolist() == pytest.approx([-1 / 1.8, 1.0])
    loss, margin = Evading(Aim(), seen, 10.0).judge(pixels, torch.arange(2))
    assert loss.tolist() == pytest.approx([5.0, 16.0])
    assert margin.tolist() == pytest.approx([-1 / 1.8, 1.0])
    both = evading(TwoSpeed(Aim(), Aim()), seen, 10.0)
    assert both.confirm(pixels, torch.arange(2)).loss.tolist() == pytest.approx([5.0, 16.0])
    assert Evading(Aim(), seen, 10.0).redrawn(1)._weight == 10.0


def test_who_knows_the_detector_is_suspected_less(tmp_path):
    """A red picture on its way to blue has less colour, unless the adversary minds."""
    given = {"attack": PGD(steps=10), "budget": Linf(eps=60), "objective": partial(TargetClass)}
    blind = found(tmp_path, Pale(), **given)
    known = found(tmp_path, Pale(), evades=100.0, **given)
    suspected = [row(result, "picture detection AUC").after for result in (blind, known)]
    assert suspected[0] > 0.65
    assert suspected[1] < 0.4
    assert not torch.equal(blind.crafted.attacked, known.crafted.attacked)


def test_a_detector_changes_no_picture_and_no_other_number(tmp_path):
    watched = found(tmp_path, FeatureSqueezing())
    bare = run(**parts(metrics=METRICS), store=Store(tmp_path))
    assert torch.equal(watched.crafted.attacked, bare.crafted.attacked)
    assert {r.metric for r in bare.rows} == {"item HR@5"}
    assert row(watched, "item HR@5").after == row(bare, "item HR@5").after


def test_keys_tell_detectors_apart_and_without_one_stay(tmp_path):
    assert digest(Threat(surface=Pixels())) == digest(Threat())
    surfaces = [
        Pixels(),
        Pixels(detector=FeatureSqueezing()),
        Pixels(detector=FeatureSqueezing(bits=4)),
        Pixels(detector=FeatureSqueezing(), evades=1.0),
    ]
    assert len({digest(surface) for surface in surfaces}) == 4


def test_a_detector_needs_pictures_that_nobody_attacks(tmp_path):
    images = toy_world().catalogue.images
    with pytest.raises(IncompatibleError, match="at least four that nobody attacks"):
        watch(Store(tmp_path), Grain(), Colour(), images, torch.arange(34))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(FeatureSqueezing, bits=9), "bits from 1 to 8"),
        (partial(FeatureSqueezing, compared="pixels"), "classes or features"),
        (partial(FeatureClassifier, lessons=1), "lessons >= 2"),
        (partial(MedianFilter, Colour(), window=0), "expected 1 or more, got 0"),
        (partial(Pixels, evades=1.0), "with a detector that is evaded"),
        (partial(Pixels, detector=Grain(), evades=-1.0), "expected 0, or a weight above 0"),
        (partial(PicturesFound, share=1.0), "a share below 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
