"""A ranking and pictures that were made on a CUDA device give the metrics of those made here."""

import inspect
from dataclasses import replace

import pytest
import torch

import vrbench.metrics
from tests.gpu.device import PLAYED, each, everywhere, libraries, on_device
from vrbench.attacks.budget import Linf
from vrbench.attacks.gradient.pgd import PGD
from vrbench.bench.views import view_of
from vrbench.core.seeds import Streams, stream
from vrbench.core.spec import parameters
from vrbench.core.visuals import Signal, Table
from vrbench.extractors.toy import Colour
from vrbench.metrics.base import Cutoff, Metric
from vrbench.metrics.view import Counted, Crafted, Views
from vrbench.recommenders.ranking import rank
from vrbench.recommenders.two_stage_ranking import inject
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.recommenders.visual_share import visual_share
from vrbench.testing.views import all_there_is
from vrbench.testing.world import taught, toy_case, toy_visuals, toy_world
from vrbench.threats.objectives.misclassification import TargetClass

ITEMS = torch.arange(0, 36, 3)
NO_DEVICE = ("fakes", "suspicion", "left_out", "watched")  # of profiles and of suspicion: by hand


def kinds():
    every = [getattr(vrbench.metrics, name) for name in dir(vrbench.metrics)]
    return {
        kind.__name__: kind
        for kind in every
        if inspect.isclass(kind) and issubclass(kind, Metric) and not inspect.isabstract(kind)
    }


CASES = {name: kind for name, kind in kinds().items() if kind is not Cutoff}


def of_five(kind):
    return kind(k=5) if any(p.name == "k" for p in parameters(kind)) else kind()


def shop():
    """Return the toy world, in which purchases have stars, as some metrics need."""
    world = toy_world()
    stars = [
        replace(part, ratings=torch.randint(1, 6, (len(part),), generator=stream(n)).float())
        for n, part in enumerate((world.train, world.test))
    ]
    return replace(world, train=stars[0], test=stars[1])


def view(model, visuals):
    """Return what metrics are shown of a ranking that was made where a model is."""
    world, labels = shop(), toy_world().catalogue.categories
    ranked = rank(model, visuals, world.seen, world.test, ITEMS, 5, cold=torch.arange(8))
    offered = torch.arange(10).expand(30, -1)
    injected = inject(model, visuals, offered, world.test, ITEMS, torch.arange(2))
    share = visual_share(model, visuals, 30)
    counted = Counted(labels=labels, source=0, target=1)
    audience = (torch.arange(30)[:, None] + ITEMS) % 3 == 0
    return view_of(ranked, ITEMS, counted, audience=audience, injected=injected, visual_share=share)


def attacked(device):
    """Return pictures that were attacked on a device, and all that was computed of them there."""
    network, clean = Colour().eval().to(device), toy_world().catalogue.images[ITEMS]
    goal, items, shown = TargetClass(toy_case(), network), ITEMS.to(device), clean.to(device)
    found = PGD(steps=3)(shown, items, goal, Linf(eps=32), Streams(0))
    with torch.no_grad():
        verdict = goal.judge(found, items)
        before, after = network(shown), network(found)
    return Crafted(
        clean=clean,
        attacked=found.cpu(),
        reached=(verdict.margin < 0).cpu(),
        loss=verdict.loss.cpu(),
        margin=verdict.margin.cpu(),
        predicted=after.logits.argmax(1).cpu(),
        predicted_before=before.logits.argmax(1).cpu(),
        vector_before=before.vector.cpu(),
        vector_after=after.vector.cpu(),
        queries=torch.full((len(ITEMS),), 3),
        target=1,
    )


def views_on(device):
    """Return all that a metric may see, as far as a device computes it."""
    model = taught(VBPR, epochs=4, factors=4, batch_size=64).to(device)
    visuals, crafted = toy_visuals(Signal.VECTOR), attacked(device)
    rows = visuals[torch.arange(36)].clone()
    rows[ITEMS] = crafted.vector_after
    other = Table(Signal.VECTOR, rows, None).to(device)
    before, after = view(model, visuals.to(device)), view(model, other)
    by_hand = {name: getattr(all_there_is()[0], name) for name in NO_DEVICE}
    return Views(before, after, control=before, crafted=crafted, random=after, **by_hand)


@pytest.fixture(scope="module")
def seen():
    """Return what metrics are shown of a ranking here, and of one on the device."""
    found = []

    def kept(device):
        found.append(views_on(device))

    everywhere(kept)
    return found


@on_device
@each(CASES)
def test_a_metric_says_there_what_it_says_here(case, seen):
    """Counts and ranks are equal but where two scores are equal within rounding.

    No two of these are: so a metric may differ by what a score may, a ten-thousandth.
    """
    if PLAYED and issubclass(case, vrbench.metrics.VisualShare):
        pytest.skip("not played")
    if case is vrbench.metrics.LPIPS:
        pytest.importorskip("lpips")
    if any(detected in case.__name__ for detected in ("Detection", "Fakes", "Honest")):
        pytest.skip("of suspicion alone, which no device computes")
    with libraries():  # LPIPS asks for weights
        metric, data = of_five(case), shop()
    if not all(metric.applies(views) for views in seen):
        pytest.skip("is not about this world")
    here, found = (metric.values(views, data) for views in seen)
    assert found.keys() == here.keys()
    for name, values in here.items():
        torch.testing.assert_close(found[name], values, rtol=1e-3, atol=1e-4, equal_nan=True)


@on_device
def test_what_metrics_are_shown_is_on_the_processor(seen):
    for part in (seen[1].before.lists, seen[1].before.attacked, seen[1].before.tested):
        held = [value for value in vars(part).values() if isinstance(value, torch.Tensor)]
        assert held
        assert {value.device.type for value in held} == {"cpu"}
    assert not torch.equal(seen[1].before.attacked.scores, seen[1].after.attacked.scores)
