"""Shoppers who follow pictures as far as the dial says; and that attacks then find it."""

from functools import partial

import pytest
import torch

from vrbench.attacks.budget import Linf
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.noise import Noise
from vrbench.attacks.transplant import Transplant
from vrbench.bench.machine import Machine
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream
from vrbench.data.sources.boutique import boutique
from vrbench.data.sources.colours import colours
from vrbench.data.sources.dial import appeals, dealt, dial
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.toy import Colour
from vrbench.extractors.training.standard import Standard
from vrbench.metrics.category import CHR
from vrbench.recommenders.var2021.vbpr import VBPR2021
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.threats.objectives.misclassification import TargetClass
from vrbench.threats.scenario.base import Scenario
from vrbench.threats.surfaces.looks import Looks
from vrbench.threats.threat import Threat

SHOP = boutique(num_items=160, num_users=10)


def bought(shop):
    """How much more often each category is bought than its size says, and its appeal."""
    kinds = shop.catalogue.categories
    counts = torch.bincount(kinds[shop.train.items], minlength=len(shop.catalogue.names))
    return (counts / torch.bincount(kinds)).double(), appeals(shop.catalogue)


def slope(counts, appeal):
    """By which share of the mean a category is bought more often for each unit of its appeal."""
    away = appeal - appeal.mean()
    return float((counts @ away) / (away @ away) / counts.mean())


def test_pictures_tell_what_is_bought_as_far_as_the_dial_says():
    found = [slope(*bought(dial(SHOP, pictures=p))) for p in (0.0, 0.5, 1.0)]
    assert abs(found[0]) < 0.1
    assert 0.25 < found[1] < found[2] - 0.1


def test_how_unequal_items_are_does_not_depend_on_it():
    none, half, full = (dial(SHOP, pictures=p).train.popularity.double() for p in (0.0, 0.5, 1.0))
    for counts in (none, half):
        assert counts.std() == pytest.approx(float(full.std()), rel=0.25)


def test_without_appeal_or_taste_nothing_is_liked():
    counts, appeal = bought(dial(SHOP, appeal=0.0, taste=0.0))
    assert abs(slope(counts, appeal)) < 0.1
    assert float(counts.std() / counts.mean()) < 0.15


@pytest.mark.parametrize("sizes", [[40, 40, 40], [3, 50, 7, 20], [1], [5, 0, 5]])
def test_what_is_dealt_tells_nothing_of_a_category(sizes):
    own = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    own = own[torch.randperm(len(own), generator=stream(0, "dealt"))]
    other = dealt(own, torch.arange(len(sizes)), Dice(0, "dealt"))
    assert torch.equal(other.sort().values, own.sort().values)
    both = torch.zeros(len(sizes), len(sizes)).index_put_(
        (own, other), torch.ones(len(own)), accumulate=True
    )
    size = torch.tensor(sizes).float()
    assert (both - size[:, None] * size / size.sum()).abs().max() <= 2


def test_it_is_the_same_every_time_and_keeps_the_pictures():
    one, again, other = dial(SHOP), dial(SHOP), dial(SHOP, pictures=0.5)
    assert one.catalogue is SHOP.catalogue
    assert torch.equal(one.train.items, again.train.items)
    assert one.spec == again.spec != other.spec
    assert one.item_ids == SHOP.item_ids


@pytest.mark.parametrize("wrong", [{"pictures": 1.5}, {"pictures": -0.1}, {"taste": -1.0}])
def test_what_is_no_dial_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"expected pictures in \[0, 1\]"):
        dial(SHOP, **wrong)


def effect(shop, extractor, recommender, attack, budget, threat, store, seed=0, k=20):
    """Return what the least liked category gains when it is taken for the most liked one.

    In lifts: 1 is what chance gives a category of its size.
    """
    names, order = shop.catalogue.names, appeals(shop.catalogue, seed=seed)
    scenario = Scenario(source=names[int(order.argmin())], target=names[int(order.argmax())])
    found = run(
        dataset=shop,
        extractor=extractor,
        recommender=recommender,
        attack=attack,
        budget=budget,
        objective=partial(TargetClass),
        scenario=scenario,
        threat=threat,
        metrics=[CHR(k=k)],
        store=store,
        machine=Machine(),
        seed=seed,
    )
    size = float((found.case.labels == names.index(found.case.source)).double().mean())
    return (found.rows[0].after - found.rows[0].before) / (k * size)


SHOP_MODEL = partial(
    VBPR,
    factors=8,
    visual_factors=8,
    epochs=15,
    batch_size=256,
    lr=0.005,
    visual_lr=0.02,
    l2=0.3,
    patience=15,
)
ORACLE = (Transplant(), Linf(eps=float("inf")), Threat(surface=Looks()))
SEARCHED = (PGD(steps=5), Linf(eps=128), Threat())
CHANCE = (Noise(), Linf(eps=16), Threat())


def test_the_effect_is_there_at_full_strength_and_absent_at_none(tmp_path):
    """In a single shop chance may favour a category that nobody looks at, but not in the mean."""
    pictures, store = colours(num_items=120, size=8), Store(tmp_path)

    def gained(strength, means):
        shops = [dial(pictures, pictures=strength, num_users=300, seed=seed) for seed in range(3)]
        return [
            effect(shop, Colour(), SHOP_MODEL, *means, store, seed, k=40)
            for seed, shop in enumerate(shops)
        ]

    for means in (ORACLE, SEARCHED):
        full, none = gained(1.0, means), gained(0.0, means)
        assert min(full) > 0.3  # .39 and more
        assert min(full) > max(none) + 0.1  # .19 at most
        assert sum(none) / 3 < 0.1  # below zero in the mean
    assert max(map(abs, gained(1.0, CHANCE))) < 0.05


@pytest.mark.slow
def test_the_drawn_shop_with_a_taught_network_shows_it_too(tmp_path):
    network, store = Standard(SmallCNN(), epochs=12), Store(tmp_path)
    pictures = boutique(num_users=10)
    found = {
        strength: [
            effect(
                dial(pictures, pictures=strength, seed=seed),
                network,
                partial(VBPR2021, epochs=200),  # ranks by pictures alone
                *ORACLE,
                store,
                seed,
            )
            for seed in range(3)
        ]
        for strength in (0.0, 1.0)
    }
    assert min(found[1.0]) > 0.5
    assert sum(found[1.0]) / 3 > sum(found[0.0]) / 3 + 1
