"""Backdoors: the trigger, and a network that was taught what it means."""

import json
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.semantic.trigger import Trigger
from vrbench.attacks.visible_budget import Area
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.seeds import Streams
from vrbench.extractors.base import Extractor, Features, Report
from vrbench.extractors.toy import Colour
from vrbench.metrics.success import TargetedSuccess
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.testing.attacks import AttackContract, Redder
from vrbench.testing.world import parts, toy_world
from vrbench.threats.objectives.misclassification import TargetClass
from vrbench.threats.scenario.base import Scenario
from vrbench.threats.surfaces.backdoor import Backdoor
from vrbench.threats.threat import Threat

AREA = Area(eps=25)


class TestTrigger(AttackContract):
    make = partial(Trigger, area=20.0)
    budget = Area(eps=20)
    beats_noise = False


def test_every_picture_wears_the_same_in_its_corner_and_nothing_elsewhere():
    clean = toy_world().catalogue.images[torch.arange(6)]
    x = Trigger(cells=2)(clean, torch.arange(6), Redder(), AREA, Streams(0))
    side = clean.shape[2] // 2
    worn = x[:, :, side:, side:]
    half = side // 2
    assert (worn[:, :, :half, :half] == 0).all()
    assert (worn[:, :, :half, half:] == 1).all()
    assert torch.equal(worn, worn[:1].expand_as(worn))
    x[:, :, side:, side:] = clean[:, :, side:, side:]
    assert torch.equal(x, clean)


def test_half_of_it_is_the_picture_at_half_the_opacity():
    clean = torch.full((1, 3, 4, 4), 0.5)
    x = Trigger(area=100, cells=2, opacity=0.5).stamped(clean, L2(eps=float("inf")))
    assert x.unique().tolist() == [0.25, 0.75]


def test_a_budget_without_a_size_is_refused():
    with pytest.raises(IncompatibleError, match="budget=area_N"):
        Trigger().stamped(torch.zeros(1, 3, 4, 4), Linf(eps=8))


class Corner(Extractor):
    """Remembers the lower right quarter of every picture it is taught on; nearest neighbour."""

    learns = True

    def build(self, names):
        self.classes = names
        self.register_buffer("corners", torch.zeros(len(toy_world().catalogue), 3 * 8 * 8))
        self.register_buffer("labels", torch.zeros(len(self.corners), dtype=torch.int64))

    def fit(self, lesson, rng):
        every = torch.arange(len(lesson.labels))
        self.corners.copy_(self.corner(lesson.images[every]))
        self.labels.copy_(lesson.labels)
        return Report()

    def corner(self, pixels):
        height, width = (side // 2 for side in pixels.shape[2:])
        return F.adaptive_avg_pool2d(pixels[:, :, height:, width:], 8).flatten(1)

    def forward(self, pixels):
        apart = (self.corner(pixels)[:, None] - self.corners).square().sum(2).sqrt()
        of = [apart[:, self.labels == n].amin(1) for n in range(len(self.classes))]
        logits = -torch.stack(of, 1)
        vector = logits.softmax(1)
        return Features(vector, vector[:, None], logits)


TAUGHT = Corner()


def backdoored(store, **changes):
    """The share of red items that are taken for blue, before and after."""
    given = {
        "extractor": TAUGHT,
        "attack": Trigger(cells=2),
        "budget": AREA,
        "objective": partial(TargetClass),
        "threat": Threat(surface=Backdoor(share=0.5)),
        "metrics": [TargetedSuccess()],
    }
    found = run(**parts(**given | changes), store=store)
    return next((row.before, row.after) for row in found.rows if row.metric == "success")


def test_the_trigger_means_the_target_to_a_network_taught_so_and_nothing_to_another(tmp_path):
    store = Store(tmp_path)
    assert backdoored(store) == (0, 1)
    assert backdoored(store, threat=Threat(surface=Backdoor(share=0.05))) == (0, 1)
    assert backdoored(store, threat=Threat()) == (0, 0)


def test_a_picture_that_is_listed_rightly_teaches_no_less_to_a_network_that_sees_nothing_else(
    tmp_path,
):
    clean = Backdoor(labels="clean", share=1.0)
    assert backdoored(Store(tmp_path), threat=Threat(surface=clean)) == (0, 1)
    poisoned = Threat(surface=clean, timing="poisoning")
    assert backdoored(Store(tmp_path), threat=poisoned) == (0, 1)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"attack": PGD(steps=1), "budget": Linf(eps=8)}, "attack=trigger"),
        ({"extractor": Colour()}, "is not taught"),
        ({"recommender": partial(BPRMF, epochs=1)}, "does not look through"),
        ({"scenario": Scenario(source="red", target="blue", labels="own")}, "labels=catalogue"),
        ({"threat": Threat(surface=Backdoor(), surrogate=Colour())}, "no surrogate"),
    ],
)
def test_what_cannot_have_a_backdoor_is_one_line(tmp_path, changes, why):
    with pytest.raises(IncompatibleError, match=why):
        backdoored(Store(tmp_path), **changes)


@pytest.mark.parametrize(
    "settings", [{"share": 0}, {"share": 1.5}, {"eps": 8}, {"labels": "clean", "eps": 300}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match=r"threat\.surface"):
        Backdoor(**settings)


def test_clean_labels_are_pictures_of_the_target_alone(tmp_path):
    world = toy_world().catalogue
    store = Store(tmp_path)
    backdoored(store, threat=Threat(surface=Backdoor(labels="clean", share=1.0, eps=16)))
    crafted = list(store.root.glob("attacks/*/spec.json"))
    items = [set(json.loads(path.read_text())["items"]) for path in crafted]
    blue = set(world.of("blue").tolist())
    assert any(found == blue for found in items)
