"""Everything runs unchanged on a CUDA device, and says the same within its rounding."""

import inspect
from contextlib import contextmanager, nullcontext
from functools import partial

import pytest
import torch

from vrbench import attacks, recommenders
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.feature_budget import Rows
from vrbench.attacks.finite import looked_at_later
from vrbench.attacks.gradient.adam import AdamPGD
from vrbench.attacks.gradient.mifgsm import MIFGSM
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.wrapped import _own_dice
from vrbench.bench.machine import Machine
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.core.philox import Key, in_numpy, in_torch, words
from vrbench.core.seeds import Streams, stream
from vrbench.core.spec import inputs_of, settings
from vrbench.extractors.inference_copy import swift
from vrbench.extractors.pretrained.torchvision_networks import Torchvision
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.training.standard import Standard
from vrbench.metrics.category import CHR
from vrbench.metrics.ranking import AUC
from vrbench.recommenders.base import Recommender, Sizes
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
from vrbench.testing.world import toy_case, toy_visuals, toy_world
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
    "DVBPR 32 px": partial(DVBPR, **LOOP, trains="all", network=SmallCNN(width=4)),
    "VBPR2021": partial(VBPR2021, **SMALL),
    "AMR2021": partial(AMR2021, **SMALL),
    "FM2021": partial(FM2021, **SMALL),
    "ACF2021": partial(ACF2021, **SMALL, attention=8),
}


def measured(world, folder, device, name, **changes):
    result = run(
        dataset=world,
        extractor=Standard(SmallCNN(width=4), epochs=4, batch_size=8),
        recommender=MODELS[name],
        attack=PGD(steps=3),
        scenario=Scenario(source="red", target="blue"),
        metrics=[CHR(k=5), AUC()],
        store=Store(folder / device),
        machine=Machine(device=device, precision="bfloat16" if device == "cuda" else "float32"),
        **{"budget": Linf(eps=16), "objective": partial(TargetClass), "threat": Threat()} | changes,
    )
    return {row.metric: row.before for row in result.rows}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", MODELS)
def test_every_recommender_is_measured_alike(world, tmp_path, name):
    cpu, gpu = (measured(world, tmp_path, device, name) for device in ("cpu", "cuda"))
    assert gpu["AUC"] == pytest.approx(cpu["AUC"], abs=0.1)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_features_are_attacked_there_too(world, tmp_path):
    threat = {"threat": Threat(surface=Features()), "budget": Rows(eps=0.1)}
    cpu, gpu = (
        measured(world, tmp_path, device, "VBPR", objective=partial(Misrank), **threat)
        for device in ("cpu", "cuda")
    )
    assert gpu["AUC"] == pytest.approx(cpu["AUC"], abs=0.1)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_items_draw_there_what_they_draw_on_the_processor():
    items = torch.arange(300)
    cpu, gpu = Streams(0, "x"), Streams(0, "x")
    for kind, shape in [("uniform", (3, 5, 7)), ("normal", (3, 5, 7)), ("signs", (70,))]:
        expected = getattr(cpu, kind)(items, *shape)
        assert torch.equal(getattr(gpu, kind)(items.cuda(), *shape).cpu(), expected)
    expected = cpu.integers(items[:9], -3, 4, 11)
    assert torch.equal(gpu.integers(items[:9].cuda(), -3, 4, 11).cpu(), expected)
    key, item, draw = Key.of("x"), items[:4].cuda(), items[:4].cuda()
    plain = in_torch(key, item, draw, 300)
    assert torch.equal(words(key, item, draw, 1200), plain)
    assert torch.equal(plain.cpu(), in_numpy(key, items[:4], items[:4], 300))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("attack", [PGD(), AdamPGD(steps=10), MIFGSM()])
@pytest.mark.parametrize("budget", [Linf(eps=8), L2(eps=64)])
def test_a_search_there_waits_for_nothing(attack, budget):
    made = SmallCNN(width=4)
    made.build(("red", "green", "blue"))
    goal = TargetClass(toy_case(), swift(made.cuda(), dtype=torch.bfloat16))
    items = torch.arange(4, device="cuda")
    clean = toy_world().catalogue.images[torch.arange(4)].cuda()
    attack(clean, items, goal, budget, Streams(0))  # what is made once is made
    torch.cuda.set_sync_debug_mode("error")
    try:
        with looked_at_later():
            attack.search(clean, items, goal, budget, Streams(0))
            torch.cuda.set_sync_debug_mode("default")
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ["BPRMF", "VBPR", "FM", "DeepStyle"])
def test_steps_that_are_captured_are_the_processors(name, caplog):
    shop, tables = toy_world(), []
    for device in ("cpu", "cuda"):
        visuals = toy_visuals(MODELS[name].func.signal)
        sizes = Sizes(
            shop.train.num_users, shop.train.num_items, visuals.shape, shop.catalogue.categories
        )
        model = MODELS[name](sizes, batch_size=8, patience=99).to(device)
        model.fit(shop.train, shop.valid, visuals.to(device), stream(0))
        tables.append(model.user.weight.detach().cpu())
    assert not [r for r in caplog.records if "captured" in r.getMessage()]
    torch.testing.assert_close(*tables, rtol=0.05, atol=0.02)


SMALLEST = {
    "epochs": 2,
    "batch_size": 16,
    "factors": 4,
    "visual_factors": 4,
    "adversarial_epochs": 1,
    "pretrain_epochs": 1,
    "patience": 9,
    "network": SmallCNN(width=4),
}
BRIEF = {
    "steps": 6,
    "search_steps": 2,
    "queries": 60,
    "restarts": 1,
    "directions": 4,
    "enough": None,
    "draws": 2,
}
SEARCHES = [
    *("AdamPGD", "CW", "DDN", "DeepFool", "FMN", "FeatureRegression", "JSMA", "LBFGS"),
    *("MIFGSM", "NES", "Noise", "PGD", "SPSA", "Square", "ZOO"),
]


def brief(kind, values):
    """Return the component with those of ``values`` that it has a setting for."""
    return partial(kind, **{k: v for k, v in values.items() if k in settings(kind)})


def shipped():
    """Return every recommender of ``vrbench.recommenders`` that is made of sizes alone."""
    kinds = [getattr(recommenders, name) for name in sorted(dir(recommenders))]
    kinds = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Recommender)]
    kinds = [kind for kind in kinds if not inspect.isabstract(kind)]
    return [kind for kind in kinds if "network" not in inputs_of(kind)]


def scored(kind, device):
    """Return everyone's scores by a recommender that learnt a little on a device."""
    shop, visuals = toy_world(), toy_visuals(kind.signal)
    labels = shop.catalogue.categories
    sizes = Sizes(shop.train.num_users, shop.train.num_items, visuals.shape, labels)
    model = brief(kind, SMALLEST)(sizes).to(device)
    visuals = visuals.to(device)
    model.fit(shop.train, shop.valid, visuals, stream(0))
    model.eval()
    with torch.no_grad():
        users, items = (torch.arange(n, device=device) for n in sizes[:2])
        return model.score(users, model.encode(items, visuals)).cpu()


def found_by(kind, device):
    """Return the margins of a goal after an attack searched on a device."""
    made = SmallCNN(width=4)
    made.build(("red", "green", "blue"))
    made.redraw(stream(0))
    goal = TargetClass(toy_case(), swift(made.to(device)))
    items, pictures = torch.arange(4), toy_world().catalogue.images[torch.arange(4)]
    items, pictures = items.to(device), pictures.to(device)
    found = brief(kind, BRIEF)()(pictures, items, goal, L2(eps=600), Streams(0))
    return goal.judge(found, items).margin.cpu()


def close(one, other):
    """Assert that scores are near: sums round otherwise there, and comparisons fall otherwise."""
    together = torch.stack([one.flatten(), other.flatten()]).double()
    assert together.isfinite().all()
    assert torch.corrcoef(together)[0, 1] > 0.9, together


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", shipped(), ids=lambda kind: kind.__name__)
def test_every_shipped_recommender_learns_there_what_it_learns_here(kind):
    close(scored(kind, "cpu"), scored(kind, "cuda"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", SEARCHES)
def test_every_search_finds_there_what_it_finds_here(name):
    kind = getattr(attacks, name)
    here, there = (found_by(kind, device) for device in ("cpu", "cuda"))
    assert there.mean() < here.mean() + 0.1, (here, there)  # it gets as far


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("arch", ["resnet18", "vgg11", "densenet121"])
@pytest.mark.parametrize("after", [None, 2])
def test_a_network_that_is_fused_answers_there_as_it_did(arch, after, caplog):
    made = Torchvision(arch=arch, size=64)
    made.build(("red", "green", "blue"))
    made.redraw(stream(0))
    made.cuda().eval().requires_grad_(False)
    quick = swift(made, dtype=torch.bfloat16, compile_after=after)
    pixels = torch.rand(8, 3, 64, 64, device="cuda")
    for _ in range(4):
        answers = []
        for network in (made, quick):
            x = pixels.clone().requires_grad_()
            answer = network(x).vector
            (slope,) = torch.autograd.grad(answer.square().sum(), x)
            answers.append((answer.detach(), slope))
        for exact, found in zip(*answers, strict=True):
            assert (found - exact).norm() < 0.1 * exact.norm()
    assert not [r for r in caplog.records if "fails here" in r.getMessage()]


@pytest.mark.parametrize("name", MODELS)
def test_the_same_cells_run_on_the_processor(world, tmp_path, name):
    assert 0 <= measured(world, tmp_path, "cpu", name)["AUC"] <= 1


def test_a_library_draws_on_the_device_it_computes_on(monkeypatch):
    """Not on the one that happens to be current."""
    current, seeded = [0], []

    @contextmanager
    def on(device):
        current.append(device.index)
        yield
        current.pop()

    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: nullcontext())
    monkeypatch.setattr(torch.cuda, "device", on)
    monkeypatch.setattr(torch.cuda, "manual_seed", lambda seed: seeded.append((current[-1], seed)))
    with _own_dice(7, torch.device("cuda:1")):
        assert seeded == [(1, 7)]
