"""A shop whose features were made elsewhere: what works on it, and who is turned away."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from vrbench.attacks.embedding.perturbation import EmbeddingPGD, Embeddings
from vrbench.attacks.feature_budget import Rows
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.neighbours import SemanticProfiles
from vrbench.attacks.transplant import Transplant
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.core.errors import IncompatibleError
from vrbench.data.images import NoImages
from vrbench.data.sources.colours import colours
from vrbench.data.sources.with_features import with_features
from vrbench.extractors.ready import Ready
from vrbench.extractors.toy import Colour
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.ranking import rank
from vrbench.recommenders.visual.acf import ACF
from vrbench.recommenders.visual.amr import AMR
from vrbench.recommenders.visual.deepstyle import DeepStyle
from vrbench.recommenders.visual.dvbpr import DVBPR
from vrbench.recommenders.visual.fm import FM
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.recommenders.visual.vnpr import VNPR
from vrbench.testing.world import BRISK_LOOKS, parts
from vrbench.threats.objectives.misranking import Misrank
from vrbench.threats.objectives.promotion import Promote
from vrbench.threats.scenario.base import Scenario
from vrbench.threats.scenario.by_popularity import ByPopularity
from vrbench.threats.surfaces.features import Features
from vrbench.threats.surfaces.looks import Looks
from vrbench.threats.surfaces.none import Nobody
from vrbench.threats.surfaces.parameters import Parameters
from vrbench.threats.surfaces.profiles import Profiles
from vrbench.threats.threat import Threat

ALONE = {"threat": Threat(timing="none", surface=Nobody())}
VECTOR = {
    "threat": Threat(surface=Features()),
    "budget": Rows(eps=0.5),
    "objective": partial(Misrank),
}


def unpictured(shop):
    return replace(shop, catalogue=replace(shop.catalogue, images=NoImages(len(shop.catalogue))))


@pytest.fixture
def shop(tmp_path):
    """The toy world without its pictures: a colour is a vector, with noise and in any order."""
    return attached(tmp_path, np.random.default_rng(1).permutation(36))


def attached(folder, order, scale=1):
    world = colours()
    noise = np.random.default_rng(0).normal(0, 0.1, (36, 3))
    looks = scale * (np.eye(3)[world.catalogue.categories] + noise)
    file = folder / "looks.npz"
    np.savez(file, features=looks[order].astype(np.float16), ids=np.arange(36)[order])
    return with_features(unpictured(world), path=str(file))


def ran(tmp_path, shop, **changes):
    given = parts(dataset=shop, extractor=Ready()) | changes
    return run(**given, store=Store(tmp_path / "store"))


def liked(model, visuals, shop):
    """The share of held-out items among the first three of users who have three or more."""
    none = torch.empty(0, dtype=torch.int64)
    first = rank(model, visuals, shop.seen, shop.test, none, 3).ranking
    return float(shop.test.matrix().gather(1, first)[shop.test.counts >= 3].float().mean())


@pytest.mark.parametrize("kind", [VBPR, AMR, DeepStyle, FM, VNPR])
def test_what_features_decide_is_ranked_first(kind, shop, tmp_path):
    gently = {"eps": 0.05} if kind is AMR else {}
    settings = {"factors": 8, **BRISK_LOOKS, "epochs": 60, **gently}
    found = ran(tmp_path, shop, recommender=partial(kind, **settings), **ALONE)
    assert liked(found.models["before"], shop.catalogue.features, shop) > 0.9


def test_the_order_of_rows_makes_no_stage_anew(tmp_path):
    ran(tmp_path, attached(tmp_path, np.arange(36)), **ALONE)
    looks = Store(tmp_path / "store", dry=True)
    again = parts(dataset=attached(tmp_path, np.arange(36)[::-1]), extractor=Ready()) | ALONE
    assert run(**again, store=looks) is not None
    other = attached(tmp_path, np.arange(36), scale=2)
    assert run(**again | {"dataset": other}, store=looks) is None


def test_features_of_every_item_are_attacked(shop, tmp_path):
    taught = {"recommender": partial(VBPR, **BRISK_LOOKS)}
    found = ran(tmp_path, shop, **taught, **VECTOR)
    (row,) = (row for row in found.rows if row.metric == "nDCG@5")
    assert row.after < row.before
    lists = {name: view.lists.ranking for name, view in found.lists.items()}
    assert not lists["before"].equal(lists["after"])


def test_parameters_looks_and_profiles_go_without_pictures(shop, tmp_path):
    weights = {
        "threat": Threat(surface=Parameters()),
        "attack": EmbeddingPGD(),
        "budget": Embeddings(eps=1.0),
    }
    looks = {
        "threat": Threat(surface=Looks()),
        "attack": Transplant(),
        "budget": replace(parts()["budget"], eps=float("inf")),
    }
    fakes = {
        "threat": Threat(timing="poisoning", surface=Profiles()),
        "attack": SemanticProfiles(by="features", items=8),
        "budget": FakeUsers(eps=0.1, length=5),
        "scenario": ByPopularity(rule="popular", share=0.1, max_items=1),
    }
    for given in (weights, looks, fakes):
        found = ran(tmp_path, shop, **given)
        assert all(row.after is not None for row in found.rows), given
    (target,) = found.case.items.tolist()
    category = shop.catalogue.categories
    for own in found.fakes.matrix():
        assert set(category[own > 0].tolist()) == {int(category[target])}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "has no pictures: choose one that has; PGD changes them: threat=vector"),
        ({"recommender": partial(ACF)} | ALONE, "has no pictures.*; ACF looks at them: vbpr, amr"),
        ({"recommender": partial(DVBPR)} | ALONE, "has no pictures.*; DVBPR looks at them"),
        ({"extractor": Colour()} | ALONE, "brings features and no pictures: extractor=ready"),
        (
            VECTOR | {"objective": partial(Promote)},
            "Promote judges pictures, .*: take objective=misrank, or",
        ),
        (VECTOR | {"scenario": Scenario(labels="own")}, "a network is to label them"),
        ({"recommender": partial(BPRMF)}, "has no pictures: choose one that has; PGD changes"),
    ],
)
def test_who_looks_at_pictures_is_told_before_anything_is_made(changes, message, shop, tmp_path):
    with pytest.raises(IncompatibleError, match=message) as told:
        ran(tmp_path, shop, **changes)
    assert "\n" not in str(told.value)
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_a_shop_without_features_says_how_to_attach_them(tmp_path):
    with pytest.raises(IncompatibleError, match="brings none: dataset=features attaches yours"):
        ran(tmp_path, colours(), **ALONE)
    with pytest.raises(IncompatibleError, match="or attach features with dataset=features"):
        ran(tmp_path, unpictured(colours()), extractor=Colour(), **ALONE)


def test_pictures_and_features_stand_side_by_side(shop, tmp_path):
    both = replace(shop, catalogue=replace(shop.catalogue, images=colours().catalogue.images))
    assert ran(tmp_path, both, extractor=Colour()).rows[0].after is not None
    assert ran(tmp_path, both, **ALONE).rows
    with pytest.raises(IncompatibleError, match="sees no picture; PGD changes them"):
        ran(tmp_path, both)
