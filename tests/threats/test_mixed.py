"""Pictures and fake users together."""

from functools import partial

import pytest

from tests.threats.test_surfaces import SurfaceContract
from vrbench.attacks.budget import Linf
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.mixed import MixedAttack, MixedBudget
from vrbench.attacks.profile.budget import FakeUsers
from vrbench.attacks.profile.fillers import AverageProfiles, RandomProfiles
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.core.errors import IncompatibleError
from vrbench.metrics.audience import ItemHR
from vrbench.metrics.forged import ProfileLength
from vrbench.metrics.perceptual import Linf as Changed
from vrbench.metrics.ranking import NDCG
from vrbench.testing.world import parts
from vrbench.threats.surfaces.mixed import Mixed
from vrbench.threats.surfaces.pixels import Pixels
from vrbench.threats.surfaces.profiles import Profiles
from vrbench.threats.threat import Threat

METRICS = [ItemHR(k=5), NDCG(k=5), Changed(), ProfileLength()]
PICTURE, PROFILE = PGD(steps=2), AverageProfiles()
MIXED = MixedAttack(picture=PICTURE, profile=PROFILE)


def budget(levels, share):
    return MixedBudget(picture=Linf(eps=levels), profile=FakeUsers(eps=share))


def poisoned(folder, surface, attack, budget):
    threat = Threat(timing="poisoning", surface=surface)
    given = parts(threat=threat, attack=attack, budget=budget, metrics=METRICS)
    return run(**given, store=Store(folder))


class TestMixed(SurfaceContract):
    key = "dea7c86db750660e"

    def given(self, eps):
        threat = Threat(timing="poisoning", surface=Mixed())
        return {"threat": threat, "attack": MIXED, "budget": budget(eps, min(eps, 0.2))}


def test_both_halves_are_those_of_their_own_surfaces(tmp_path):
    both = poisoned(tmp_path, Mixed(), MIXED, budget(32, 0.2))
    pictures = poisoned(tmp_path, Pixels(), PICTURE, Linf(eps=32))
    profiles = poisoned(tmp_path, Profiles(), PROFILE, FakeUsers(eps=0.2))
    assert both.crafted.attacked.equal(pictures.crafted.attacked)
    assert both.fakes.items.equal(profiles.fakes.items)
    assert {row.metric for row in both.rows} >= {"item HR@5", "Linf change", "profile length"}
    after = [found.lists["after"].attacked.scores for found in (both, pictures, profiles)]
    assert not after[0].equal(after[1])
    assert not after[0].equal(after[2])


@pytest.mark.parametrize("without", ["profile", "picture"])
def test_one_half_without_a_budget_leaves_the_other(without, tmp_path):
    levels, share = (32, 0.0) if without == "profile" else (0.0, 0.2)
    both = poisoned(tmp_path, Mixed(), MIXED, budget(levels, share))
    if without == "profile":
        alone = poisoned(tmp_path, Pixels(), PICTURE, Linf(eps=32))
    else:
        alone = poisoned(tmp_path, Profiles(), PROFILE, FakeUsers(eps=0.2))
    for ours, other in zip(
        *(found.lists["after"].attacked.ranks for found in (both, alone)), strict=True
    ):
        assert ours.tolist() == other.tolist()


def test_random_profiles_stand_beside_with_the_same_pictures(tmp_path):
    random = MixedAttack(picture=PICTURE, profile=RandomProfiles())
    one = poisoned(tmp_path, Mixed(), MIXED, budget(32, 0.2))
    other = poisoned(tmp_path, Mixed(), random, budget(32, 0.2))
    assert one.rows[0].random == pytest.approx(other.rows[0].after)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attack": PICTURE}, "threat=mixed goes with attack=mixed and budget=mixed"),
        ({"budget": Linf(eps=8)}, "threat=mixed goes with attack=mixed and budget=mixed"),
        ({"threat": Threat(surface=Mixed())}, "goes with threat.timing=poisoning"),
        ({"threat": Threat(timing="poisoning")}, "pictures go with attack=pgd"),
        (
            {"threat": Threat(timing="poisoning", surface=Profiles())},
            "threat=profiles goes with an attack and a budget of fake users",
        ),
    ],
)
def test_what_does_not_go_with_it_is_refused(changes, message, tmp_path):
    given = parts(**TestMixed().given(8) | changes, objective=partial(parts()["objective"]))
    with pytest.raises(IncompatibleError, match=message):
        run(**given, store=Store(tmp_path))
