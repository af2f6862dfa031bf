"""Defences in front of a network, taught, kept and attacked in a whole run."""

from functools import partial

import pytest
import torch
from safetensors.torch import load_file

from vrbench.attacks.budget import Linf
from vrbench.attacks.gradient.eot import Expected
from vrbench.attacks.gradient.pgd import PGD
from vrbench.bench import stages
from vrbench.bench.machine import Machine
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.extractors.defences.base import JPEG, BitDepth
from vrbench.extractors.defences.denoiser import Denoised
from vrbench.extractors.defences.random_resize import RandomResize
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.toy import Colour
from vrbench.extractors.training.standard import Standard
from vrbench.metrics.shift import PredictionShift
from vrbench.metrics.success import TargetedSuccess
from vrbench.recommenders.visual.dvbpr import DVBPR
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.threats.objectives.misclassification import TargetClass
from vrbench.threats.objectives.misranking import Misrank
from vrbench.threats.objectives.promotion import Promote
from vrbench.threats.scenario.base import Scenario
from vrbench.threats.surfaces.features import Features
from vrbench.threats.threat import Threat

FAST = {"epochs": 20, "batch_size": 64, "lr": 0.05, "l2": 0.01}


def standard():
    return Standard(SmallCNN(width=2), epochs=2, batch_size=8)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def attack(world, store):
    return partial(
        run,
        dataset=world,
        extractor=BitDepth(Colour(), bits=2),
        recommender=partial(VBPR, **FAST, visual_lr=0.05, l2_visual=0.0001),
        attack=PGD(),
        budget=Linf(eps=60),
        objective=partial(TargetClass),
        scenario=Scenario(source="red", target="blue"),
        threat=Threat(),
        metrics=[PredictionShift(), TargetedSuccess()],
        store=store,
        machine=Machine(),
    )


def row(result, metric):
    return next(r for r in result.rows if r.metric == metric).after


def teach(store, world, extractor, seed=0):
    return stages.teach(store, extractor, world.catalogue, world.catalogue.images, seed, "cpu")


def specs(store, stage):
    return [p.read_text() for p in store.root.glob(f"{stage}/*/spec.json")]


def test_one_network_is_taught_once_for_all_that_stands_in_front_of_it(store, world):
    plain, _ = teach(store, world, standard())
    _, notes = teach(store, world, JPEG(standard(), quality=50))
    both, _ = teach(store, world, BitDepth(JPEG(standard(), quality=50), bits=3))
    teach(store, world, Denoised(standard(), width=2, epochs=1, batch_size=8, steps=1))
    assert set(notes["final"]) == {"clean_accuracy", "robust_accuracy"}
    taught = [s for s in specs(store, "extractors") if '"name": "SmallCNN"' in s]
    assert len(taught) == 1
    # The network, JPEG, bits over JPEG, denoiser: each but the first names its inner by address.
    assert len(specs(store, "extractors")) == 4
    assert sum(plain.spec in s for s in specs(store, "extractors")) == 2
    for ours, theirs in zip(both.undefended.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_what_is_kept_of_a_step_is_what_the_step_has_learnt(store, world):
    first, notes = teach(store, world, Denoised(standard(), width=2, epochs=1, batch_size=8))
    assert "features_recovered" in notes["final"]
    kept = load_file(store.root / first.spec / "tensors.safetensors")
    assert kept
    assert all(name.startswith("front.") for name in kept)
    store.log.clear()
    again, _ = teach(store, world, Denoised(standard(), width=2, epochs=1, batch_size=8))
    assert all(step["cached"] for step in store.log)
    assert again.spec == first.spec
    for ours, theirs in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_same_step_over_another_network_or_seed_is_another_extractor(store, world):
    wide = Standard(SmallCNN(width=3), epochs=2, batch_size=8)
    made = [
        teach(store, world, JPEG(standard())),
        teach(store, world, JPEG(standard(), quality=50)),
        teach(store, world, JPEG(wide)),
        teach(store, world, JPEG(standard()), seed=1),
        teach(store, world, JPEG(standard())),
    ]
    addresses = [extractor.spec for extractor, _ in made]
    assert len(set(addresses)) == 4
    assert addresses[0] == addresses[4]


def test_a_step_before_a_network_that_learns_nothing_is_told_apart(store, world):
    first, _ = teach(store, world, BitDepth(Colour(), bits=2))
    other, _ = teach(store, world, BitDepth(Colour(grid=2), bits=2))
    assert first.spec != other.spec
    assert specs(store, "extractors") == []


def test_who_is_unaware_attacks_the_network_without_its_defence(attack):
    """The pictures are those made against the undefended shop, to the last bit."""
    bits = BitDepth(standard(), bits=2)
    unaware = attack(extractor=bits, threat=Threat(aware=False)).crafted.attacked
    against_none = attack(extractor=standard()).crafted.attacked
    aware = attack(extractor=bits).crafted.attacked
    assert torch.equal(unaware, against_none)
    assert not torch.equal(unaware, aware)


def promoted(attack, shop, aware):
    found = attack(extractor=shop, objective=partial(Promote), threat=Threat(aware=aware))
    return row(found, "prediction shift")


def test_who_is_aware_of_jpeg_gets_further(attack):
    """Promotion through the defence moves the shop's scores more than promotion past it.

    The margin is a third of the least seen over four networks, so that another processor's rounding
    of a training does not decide.
    """
    shop = JPEG(Standard(SmallCNN(width=4), epochs=6, batch_size=8), quality=10)
    assert promoted(attack, shop, aware=True) > 1.05 * promoted(attack, shop, aware=False) > 0


@pytest.mark.parametrize("aware", [True, False])
def test_promotion_gets_past_coarse_colours(attack, aware):
    """Whether knowing of it helps cannot be told: over four networks it did in two."""
    shop = BitDepth(Standard(SmallCNN(width=4), epochs=6, batch_size=8), bits=2)
    assert promoted(attack, shop, aware) > 0


def test_the_unaware_promote_by_the_shops_own_model(attack, store):
    attack(objective=partial(Promote), threat=Threat(aware=False))
    assert len(specs(store, "models")) == 1
    assert len(specs(store, "features")) == 2
    attack(objective=partial(Promote))
    assert len(specs(store, "models")) == 1
    assert len(specs(store, "attacks")) == 2


def test_one_attack_by_the_unaware_serves_all_defences_of_one_network(attack, store):
    for bits in (1, 2, 3):
        attack(extractor=BitDepth(Colour(), bits=bits), threat=Threat(aware=False))
    assert len(specs(store, "attacks")) == 1


def test_a_taught_and_defended_shop_is_attacked_and_reported(attack):
    result = attack(extractor=JPEG(standard()), threat=Threat(timing="poisoning", aware=False))
    assert {r.metric for r in result.rows} >= {
        "extractor clean accuracy",
        "extractor robust accuracy",
    }
    half = attack(extractor=JPEG(standard()), machine=Machine(precision="bfloat16"))
    assert half is not None


def test_promotion_averages_over_draws(attack):
    shop = RandomResize(Colour(), reach=0.5)
    for a in (PGD(steps=3), Expected(PGD(steps=3), samples=2)):
        assert row(attack(extractor=shop, attack=a, objective=partial(Promote)), "prediction shift")


def test_impossible_knowledge_is_refused(attack):
    with pytest.raises(IncompatibleError, match="no step stands in front of Colour"):
        attack(extractor=Colour(), threat=Threat(aware=False))
    with pytest.raises(IncompatibleError, match="DVBPR looks at pictures through the defence"):
        attack(
            extractor=JPEG(standard()),
            recommender=partial(DVBPR, trains="head", epochs=1, batch_size=64),
            objective=partial(Promote),
            threat=Threat(aware=False),
        )
    with pytest.raises(IncompatibleError, match="Misrank judges what a recommender is shown, not"):
        attack(objective=partial(Misrank))
    with pytest.raises(ConfigError, match=r"with a threat\.surrogate the adversary holds another"):
        Threat(aware=False, surrogate=Colour())
    with pytest.raises(ConfigError, match=r"threat\.surface is vector"):
        Threat(aware=False, surface=Features())
    with pytest.raises(ConfigError, match="SmallCNN has no weights: wrap it in a training regime"):
        attack(extractor=JPEG(SmallCNN()))
