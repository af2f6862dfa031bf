from functools import partial
from types import SimpleNamespace

import pytest
import torch

from vrbench.attacks.base import Attack
from vrbench.attacks.black_box.gradient_estimation import NES
from vrbench.attacks.black_box.square import Square
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.ensemble import Ensemble, Ledger
from vrbench.attacks.goal import TwoSpeed, Verdict
from vrbench.attacks.gradient.mifgsm import MIFGSM
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.minimum_norm.cw import CW
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream
from vrbench.core.spec import describe, digest
from vrbench.testing.attacks import AttackContract, classified_as, victim


def members():
    return {
        "pgd": PGD(steps=5),
        "square": Square(queries=60),
        "mifgsm": MIFGSM(steps=5),
        "cw": CW(search_steps=2, steps=30, confidence=0.1),
    }


class TestEnsemble(AttackContract):
    make = partial(Ensemble, attacks=members())


class TestEnsembleThatStops(AttackContract):
    make = partial(Ensemble, attacks={"pgd": PGD(), "square": Square(queries=60)}, stop=True)


class Shift(Attack):
    """Adds a number to every item: a member with a known result."""

    name = "test.Shift"

    def __init__(self, *, by: tuple[float, ...]) -> None:
        self.by = by

    def search(self, clean, items, goal, budget, rng):
        return clean + torch.tensor(self.by)[items][:, None, None, None] / 255


def darker(limit):
    """Be dark, and darker than ``limit``."""

    def judge(x, items):
        loss = x.flatten(1).mean(1) * 255
        return Verdict(loss, loss - limit)

    return SimpleNamespace(judge=judge)


def test_it_is_at_least_as_strong_as_every_member_item_by_item():
    clean = torch.rand(10, 3, 16, 16, generator=stream(4)).mul(255).round().div(255)
    goal, items = classified_as(victim(), 1), torch.arange(10)
    winners = set()
    for budget in (Linf(eps=16), L2(eps=300)):
        x = Ensemble(attacks=members())(clean, items, goal, budget, Streams(3))
        loss, margin = goal.judge(x, items)
        for name, member in members().items():
            alone = member(clean, items, goal, budget, Streams(3))
            other, lost = goal.judge(alone, items)
            assert ((margin < 0) >= (lost < 0)).all(), name
            same = (margin < 0) == (lost < 0)
            assert (loss[same] <= other[same]).all(), name
            winners |= {name} if (x == alone).flatten(1).all(1).any() else set()
    assert winners, "every result must be that of a member"


def test_the_strongest_is_the_first_to_reach_and_then_the_least_loss():
    clean, items = torch.full((4, 3, 4, 4), 100 / 255), torch.arange(4)
    a, b = Shift(by=(-1.0, -8.0, -20.0, -3.0)), Shift(by=(-6.0, -2.0, -7.0, -3.0))
    ensemble = Ensemble(attacks={"a": a, "b": b})
    x = ensemble(clean, items, darker(95.0), Linf(eps=10), Streams(0))
    # item 2 asks for more than the budget has: what is compared is what the budget leaves of it
    assert (x[:, 0, 0, 0] * 255).round().tolist() == [94, 92, 90, 97]


def test_reached_comes_before_a_smaller_loss():
    clean, items = torch.full((2, 3, 4, 4), 100 / 255), torch.arange(2)

    def judge(x, items):
        value = x.flatten(1).mean(1) * 255
        return Verdict(value, 101 - value)  # the loss falls with darkness, the aim is light

    attacks = {"a": Shift(by=(-5.0, -5.0)), "b": Shift(by=(3.0, 0.0))}
    x = Ensemble(attacks=attacks)(
        clean, items, SimpleNamespace(judge=judge), Linf(eps=9), Streams(0)
    )
    assert (x[:, 0, 0, 0] * 255).round().tolist() == [103, 95]


def test_stopping_spares_reached_items_and_leads_as_many_to_the_aim():
    clean = torch.full((3, 3, 4, 4), 100 / 255)
    attacks = {"a": Shift(by=(-6.0, -1.0, -1.0)), "b": Shift(by=(-9.0, -8.0, -2.0))}
    found = {}
    for stop in (False, True):
        x = Ensemble(attacks=attacks, stop=stop)(
            clean, torch.arange(3), darker(95.0), Linf(eps=10), Streams(0)
        )
        found[stop] = (x[:, 0, 0, 0] * 255).round().tolist()
    assert found == {False: [91, 92, 98], True: [94, 92, 98]}


def test_white_boxes_go_first_and_the_way_of_writing_changes_nothing():
    attacks = {"z": Square(queries=50), "nes": NES(queries=60), "y": PGD(), "b": MIFGSM()}
    ensemble = Ensemble(attacks=attacks)
    assert ensemble.members == [attacks[name] for name in ("b", "y", "z", "nes")]
    backwards = Ensemble(attacks=dict(reversed(attacks.items())))
    assert backwards.members == ensemble.members
    assert digest(backwards) == digest(ensemble)


def test_its_key_holds_the_members_and_their_settings():
    one, other = (Ensemble(attacks={"pgd": PGD(steps=n)}) for n in (10, 11))
    assert describe(one)["attacks"]["pgd"] == describe(PGD(steps=10))
    assert digest(one) != digest(other)


def test_questions_of_all_members_are_added_up():
    clean, items = torch.full((3, 3, 8, 8), 128 / 255), torch.arange(3)
    attacks = {"pgd": PGD(), "square": Square(queries=20), "nes": NES(queries=30, directions=5)}
    inner = Ensemble(attacks={"square": Square(queries=7)})
    ledger = Ledger(darker(0.0))
    Ensemble(attacks=attacks | {"inner": inner})(clean, items, ledger, Linf(eps=8), Streams(0))
    assert ledger.asked(items).tolist() == [21 + 31 + 8] * 3
    ledger = Ledger(darker(300.0))  # reached from the start: Square stops after its first question
    Ensemble(attacks={"square": Square(queries=20)})(clean, items, ledger, Linf(eps=8), Streams(0))
    assert ledger.asked(items).tolist() == [2] * 3


def test_the_strongest_is_found_by_the_exact_judge():
    clean, items = torch.full((1, 3, 4, 4), 100 / 255), torch.arange(1)

    def lighter(x, items):
        loss = -x.flatten(1).mean(1) * 255
        return Verdict(loss, loss + 300)

    attacks = {"a": Shift(by=(-5.0,)), "b": Shift(by=(5.0,))}
    goal = TwoSpeed(SimpleNamespace(judge=lighter), darker(0.0))
    x = Ensemble(attacks=attacks)(clean, items, goal, Linf(eps=8), Streams(0))
    assert (x * 255).round().unique().tolist() == [95]


def test_the_bench_keeps_its_queries(world, extractor, tmp_path):
    from vrbench.bench import stages
    from vrbench.bench.machine import Machine
    from vrbench.bench.store import Store
    from vrbench.threats.objectives.misclassification import TargetClass
    from vrbench.threats.scenario.base import Scenario

    catalogue = world.catalogue
    case = Scenario(source="red", target="blue").choose(
        torch.zeros(3), catalogue.categories, catalogue.names
    )
    extractor.build(catalogue.names)
    goal = TargetClass(case, extractor)
    attack = Ensemble(attacks={"pgd": PGD(), "square": Square(queries=12, enough=None)})
    shown = (catalogue.images, case.items[:3], torch.device("cpu"))

    def craft(attack):
        who = stages.Adversary(attack, Linf(eps=8), goal, {"case": case}, 0)
        return stages.craft(Store(tmp_path), Machine(), who, goal, *shown)

    made = craft(attack)
    assert made.tensors["queries"].tolist() == [13, 13, 13]
    made = craft(PGD())
    assert made.tensors["queries"].tolist() == [0, 0, 0]


def test_the_configured_one_holds_what_its_members_files_say():
    from hydra.utils import instantiate

    from tests.test_conf import composed
    from vrbench.config import check

    cfg = composed("attack=ensemble", "+attack@attack.attacks.nes=nes")
    check(cfg)
    made = instantiate(cfg.attack, _convert_="all")
    assert set(made.attacks) == {"pgd", "mifgsm", "cw_margin", "square", "nes"}
    assert describe(made.attacks["cw_margin"]) == describe(CW(confidence=1.0))


def test_no_member_is_refused():
    with pytest.raises(ConfigError, match="expected members"):
        Ensemble(attacks={})
