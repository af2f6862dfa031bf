"""Everything an artifact depends on is in its key: change any input, and it is made anew."""

import inspect
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from tests.bench.test_run import FAST
from vrbench.attacks.black_box.hopskipjump import HopSkipJump
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.embedding.perturbation import EmbeddingNoise, Embeddings
from vrbench.attacks.ensemble import Ensemble
from vrbench.attacks.feature_budget import Rows
from vrbench.attacks.gradient.eot import Expected
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.profile.base import ProfileAttack
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.draft import Profiles
from vrbench.attacks.semantic.compose import Compose
from vrbench.bench import detection, proposals, stages
from vrbench.bench.machine import Machine
from vrbench.bench.run import run
from vrbench.bench.stages import parameters, profiles
from vrbench.bench.store import Store
from vrbench.core.spec import digest
from vrbench.core.visuals import OnDemand, Signal
from vrbench.data.sources.colours import colours
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.toy import Colour
from vrbench.extractors.training.standard import Standard
from vrbench.generators.design import Design
from vrbench.generators.lsgan import LSGAN
from vrbench.metrics.success import FeatureLoss
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.threats.detectors.feature_classifier import FeatureClassifier
from vrbench.threats.detectors.feature_squeezing import FeatureSqueezing
from vrbench.threats.detectors.unsupervised import DegreeSAD, PCASelectUsers
from vrbench.threats.objectives.base import Objective
from vrbench.threats.objectives.feature_matching import MatchFeatures
from vrbench.threats.objectives.misclassification import TargetClass, Untargeted
from vrbench.threats.objectives.misranking import Misrank
from vrbench.threats.scenario.base import Scenario
from vrbench.threats.threat import Threat

WORLD, OTHER = colours(), colours(seed=1)
IMAGES, CATALOGUE = WORLD.catalogue.images, WORLD.catalogue
ONE_EPOCH = FAST | {"epochs": 1}
# The goal is the objective as the adversary computes it; the pictures that are learnt from are
# the catalogue's; the first of two stages sees none; a taste is the model's, and so are its lists.
# How a machine shares out the work changes no number; its precision does, where it attacks.
STANDS_FOR_ANOTHER = {
    "decode_images": {"machine"},
    "teach": {"images"},
    "train_gan": {"images"},
    "extract_features": {"machine"},
    "craft": {"goal"},
    "ranking": {"machine"},
    "retrieve_candidates": {"images"},
    "propose": {"taste"},
    "register": {"ranking"},
}
WHERE = {"store", "device"}


class Drawn(OnDemand):
    """Pictures of one grey each."""

    def __init__(self, grey):
        self.shape, self.spec, self.grey = (3, 16, 16), ["drawn", grey], grey

    def __len__(self):
        return 4

    def decode(self, items):
        return torch.full((len(items), *self.shape), self.grey, dtype=torch.uint8)


class Nosy(ProfileAttack):
    """Reads all that a shop tells anybody; profiles of targets alone."""

    asks_lists = asks_features = reads_categories = reads_names = True

    def __init__(self, *, fakes: int = 1) -> None:
        self.fakes = fakes

    def search(self, shop, targets, budget, lengths, dice):
        ends = np.arange(len(lengths) + 1)
        return Profiles(ends, np.full(len(lengths), targets[0]), None)


def case(labels=None, **changes):
    labels = CATALOGUE.categories if labels is None else labels
    base = Scenario(source="red", target="blue").choose(torch.zeros(3), labels, CATALOGUE.names)
    return replace(base, **changes)


def refiled(categories, item, kind):
    """Return a catalogue in which an item has another category, as a corrected file has."""
    changed = categories.index_fill(0, torch.tensor([item]), kind)
    return replace(CATALOGUE, categories=changed, spec=["refiled", item, kind, CATALOGUE.spec])


def features(store, images=IMAGES):
    return stages.extract_features(store, Machine(), images, Colour(), Signal.VECTOR)


def _model(store, cls, seed):
    made = stages.trained(store, WORLD, partial(cls, **ONE_EPOCH), features(store), seed, "cpu")
    return made[0]


def _network(epochs=1):
    return Standard(SmallCNN(width=4), epochs=epochs)


def painter(epochs=1):
    return LSGAN(size=16, width=4, latent=8, batch_size=12, average=0.9, epochs=epochs)


def calls(store) -> dict[str, tuple[dict[str, Any], dict[str, list[Any]]]]:
    """Return, per stage, its arguments and, for each of them, others."""
    table = features(store)
    victim, other_victim = (_model(store, VBPR, seed) for seed in (0, 1))
    blind = _model(store, BPRMF, 0)
    at, extractor = case(), Colour()
    goal = TargetClass(at, extractor)
    knows = {"case": at, "extractor": extractor}
    misrank = Misrank(WORLD.train, victim, table)
    first = torch.tensor([0])
    offered, fewer = (
        stages.retrieve_candidates(store, blind, IMAGES, WORLD.seen, first, n) for n in (9, 8)
    )
    of_catalogue = {
        "catalogue": [OTHER.catalogue, refiled(CATALOGUE.categories, 2, 1)],
        "seed": [1],
    }
    adversary = stages.Adversary(PGD(steps=2), Linf(eps=8), goal, knows, 0)
    told = [
        {"attack": PGD(steps=3)},
        {"objective": Untargeted(at, extractor)},
        {"knows": knows | {"case": case(target="green")}},
        {"knows": knows | {"extractor": Colour(grid=2)}},
        {"knows": {**knows, "images": IMAGES}},
        {"seed": 1},
    ]
    misled = replace(adversary, budget=Rows(eps=0.1), objective=misrank, knows={"visuals": table})
    ranked = {
        "model": [other_victim],
        "visuals": [features(store, OTHER.catalogue.images)],
        "relevant": [WORLD.valid],
    }
    training = (
        {
            "data": WORLD,
            "factory": partial(VBPR, **ONE_EPOCH),
            "visuals": table,
            "seed": 0,
        },
        {
            "data": [
                replace(WORLD, train=OTHER.train),
                replace(WORLD, valid=OTHER.valid),
            ],
            "factory": [partial(VBPR, **FAST | {"epochs": 2}), partial(BPRMF, **ONE_EPOCH)],
            "visuals": [features(store, OTHER.catalogue.images)],
            "seed": [1],
        },
    )
    return {
        "decode_images": (
            {"machine": Machine(), "images": Drawn(1)},
            {"images": [Drawn(2)]},
        ),
        "teach": (
            {"extractor": _network(), "catalogue": CATALOGUE, "images": IMAGES, "seed": 0},
            of_catalogue | {"extractor": [_network(2)]},
        ),
        "train_gan": (
            {"generator": painter(), "catalogue": CATALOGUE, "images": IMAGES, "seed": 0},
            of_catalogue | {"generator": [painter(2)]},
        ),
        "extract_features": (
            {
                "machine": Machine(),
                "images": IMAGES,
                "extractor": Colour(),
                "signal": Signal.VECTOR,
            },
            {
                "images": [OTHER.catalogue.images],
                "extractor": [Colour(grid=2)],
                "signal": [Signal.MAPS],
            },
        ),
        "label": (
            {"images": IMAGES, "extractor": Colour()},
            {"images": [OTHER.catalogue.images], "extractor": [Colour(grid=2)]},
        ),
        "train": training,
        "trained": training,
        "craft": (
            {
                "machine": Machine(),
                "adversary": adversary,
                "goal": goal,
                "images": IMAGES,
                "items": at.items[:3],
            },
            {
                "machine": [Machine(precision="bfloat16")],
                "adversary": [
                    replace(adversary, **other)
                    for other in ({"budget": Linf(eps=9)}, {"budget": L2(eps=8)}, *told)
                ],
                "images": [OTHER.catalogue.images],
                "items": [at.items[:2]],
            },
        ),
        "perturb_features": (
            {"adversary": misled, "clean": table, "only": None},
            {
                "adversary": [
                    replace(misled, **other) for other in ({"budget": Rows(eps=0.2)}, *told)
                ],
                "clean": [features(store, OTHER.catalogue.images)],
                "only": [at.items[:2]],
            },
        ),
        "ranking": (
            {
                "machine": Machine(),
                "model": victim,
                "visuals": table,
                "seen": WORLD.seen,
                "relevant": WORLD.test,
                "targets": at.items,
                "k": 5,
                "cold": torch.tensor([1]),
                "offered": WORLD.valid,
            },
            ranked
            | {
                "seen": [WORLD.train],
                "targets": [at.items[:2]],
                "k": [6],
                "cold": [None, torch.tensor([1, 2])],
                "offered": [None, WORLD.test],
            },
        ),
        "retrieve_candidates": (
            {
                "model": victim,
                "images": table,
                "seen": WORLD.seen,
                "cold": torch.tensor([0]),
                "n": 9,
            },
            {
                "model": [other_victim],
                "seen": [WORLD.train],
                "cold": [torch.tensor([1])],
                "n": [8],
            },
        ),
        "injection": (
            {
                "model": victim,
                "visuals": table,
                "offered": offered,
                "relevant": WORLD.test,
                "items": torch.tensor([0]),
                "cold": torch.tensor([0]),
            },
            ranked
            | {
                "offered": [fewer],
                "items": [torch.tensor([3])],
                "cold": [torch.tensor([0, 3])],
            },
        ),
        "propose": (
            {
                "design": Design(painter()),
                "model": blind,
                "taste": None,
                "catalogue": CATALOGUE,
                "images": IMAGES,
                "users": first,
                "asked": first,
                "seed": 0,
            },
            of_catalogue
            | {
                "design": [Design(painter(), starts=2)],
                "model": [_model(store, BPRMF, 1)],
                "images": [OTHER.catalogue.images],
                "users": [first + 1],
                "asked": [first + 3],
            },
        ),
        "register": (
            {
                "data": WORLD,
                "items": torch.tensor([0]),
                "attack": Nosy(),
                "budget": FakeUsers(eps=0.1),
                "seed": 0,
                "model": victim,
                "visuals": table,
                "ranking": torch.zeros(WORLD.train.num_users, 3, dtype=torch.int64),
                "features": table,
            },
            {
                "data": [
                    replace(WORLD, train=OTHER.train),
                    replace(WORLD, valid=OTHER.valid),  # what a user has seen is in no list
                    replace(WORLD, catalogue=refiled(CATALOGUE.categories, 2, 1)),
                    replace(WORLD, item_ids=tuple("abcdefghijklmnopqrstuvwxyz0123456789")),
                ],
                "items": [torch.tensor([1])],
                "attack": [Nosy(fakes=2)],
                "budget": [FakeUsers(eps=0.2)],
                "seed": [1],
                "model": [other_victim],
                "visuals": [features(store, OTHER.catalogue.images)],
                "features": [features(store, OTHER.catalogue.images)],
            },
        ),
        "detect": (
            {"train": WORLD.train, "detector": DegreeSAD()},
            {"train": [OTHER.train], "detector": [DegreeSAD(share=0.1), PCASelectUsers()]},
        ),
        "watch": (
            {
                "detector": FeatureSqueezing(),
                "network": Colour(),
                "images": IMAGES,
                "items": at.items[:3],
            },
            {
                "detector": [FeatureClassifier()],
                "network": [Colour(grid=2)],
                "images": [OTHER.catalogue.images],
                "items": [at.items[:2]],
            },
        ),
        "perturb": (
            {
                "model": victim,
                "data": WORLD,
                "visuals": table,
                "attack": EmbeddingNoise(),
                "budget": Embeddings(eps=0.5),
                "seed": 0,
            },
            {
                "model": [other_victim],
                "data": [replace(WORLD, train=OTHER.train)],
                "visuals": [features(store, OTHER.catalogue.images)],
                "attack": [EmbeddingNoise(rows="reached")],
                "budget": [Embeddings(eps=0.6)],
                "seed": [1],
            },
        ),
    }


def _stages():
    """Return every function of the bench that is given a store and returns what is in it."""
    found = {}
    for module in (stages, parameters, profiles, detection, proposals):
        for name, made in vars(module).items():
            own = inspect.isfunction(made) and made.__module__.startswith(module.__name__)
            if own and next(iter(inspect.signature(made).parameters), None) == "store":
                found[name] = made
    return found


def _address(store, stage, given):
    """Return the last address that a stage asks for; nothing is made."""
    dry, known = Store(store.root, dry=True), inspect.signature(stage).parameters
    where = {"store": dry} | ({"device": torch.device("cpu")} if "device" in known else {})
    with suppress(AssertionError):  # of a stage that needs what is missing
        stage(**where, **given)
    return dry.log[-1]["address"]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    return store, calls(store)


@pytest.mark.parametrize("name", _stages())
def test_each_input_of_each_stage_is_in_its_key(given, name):
    store, known = given
    stage, (base, others) = _stages()[name], known[name]
    expected = set(inspect.signature(stage).parameters) - WHERE
    assert set(base) == expected
    assert set(others) == expected - STANDS_FOR_ANOTHER.get(name, set())
    seen = {_address(store, stage, base): "as it was"}
    assert _address(store, stage, base) in seen, "the same inputs have one key"
    for parameter, values in others.items():
        for value in values:
            address = _address(store, stage, base | {parameter: value})
            assert address not in seen, f"{parameter} or {seen[address]}"
            seen[address] = parameter


def test_no_case_is_of_a_stage_that_is_gone(given):
    assert set(given[1]) == set(_stages())


HOOKED = partial(MatchFeatures)
SHOP = partial(MatchFeatures, hook="shop")
NAMED = partial(MatchFeatures, hook="item", hook_item="b")


@pytest.mark.parametrize("goal", [TargetClass, Untargeted, HOOKED, SHOP, NAMED], ids=str)
@pytest.mark.parametrize(
    "search",
    [
        PGD(steps=3),
        Compose(border=0),
        HopSkipJump(queries=60, directions=5),
        Ensemble(attacks={"pasted": Compose(border=0)}),
        Expected(Compose(border=0)),
    ],
    ids=lambda a: a.name,
)
def test_an_edited_file_leaves_no_old_attack(tmp_path, goal, search):
    """What an objective reads of labels and names is in the attack's key, and no more than that."""
    ids = tuple("abcdefghijklmnopqrstuvwxyz0123456789")
    lead = Colour()(IMAGES[torch.arange(36)]).logits.softmax(1)[:, 2]
    bluest = int(lead.masked_fill(CATALOGUE.categories != 2, -1).argmax())
    popular = int(WORLD.train.popularity.masked_fill(CATALOGUE.categories != 2, -1).argmax())
    worlds = [
        replace(WORLD, item_ids=ids),
        # the most popular blue item was green all the time
        replace(WORLD, item_ids=ids, catalogue=refiled(CATALOGUE.categories, popular, 1)),
        # the bluest, which is an example, too; and a name that is used for another
        replace(WORLD, item_ids=ids, catalogue=refiled(CATALOGUE.categories, bluest, 1)),
        replace(WORLD, item_ids=("a", "c", "b", *ids[3:])),
    ]
    common = Store(tmp_path / "common")
    for n, world in enumerate(worlds):
        made = [_attacked(world, goal, search, s) for s in (common, Store(tmp_path / str(n)))]
        assert torch.equal(*made)


def _attacked(world, goal, search, store):
    result = run(
        dataset=world,
        extractor=Colour(),
        recommender=partial(VBPR, **ONE_EPOCH),
        attack=search,
        budget=L2(eps=600),
        objective=partial(goal),
        scenario=Scenario(source="red", target="blue", max_items=3),
        threat=Threat(),
        metrics=[FeatureLoss()],
        store=store,
        machine=Machine(),
    )
    return result.crafted.attacked


def test_an_objective_that_says_nothing_is_keyed_by_the_whole_case():
    class Own(Objective):
        name = "test.Own"

        def __init__(self, case):
            self.case = case

        def judge(self, x, items):
            raise AssertionError

    def told(at):
        return digest(Own(at).told(at, example=False))

    labels = CATALOGUE.categories.index_fill(0, torch.tensor([1]), 2)
    assert told(case()) == told(case())
    assert len({told(case()), told(case(labels)), told(case(item_ids=("a",)))}) == 3
