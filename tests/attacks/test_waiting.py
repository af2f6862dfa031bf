"""A search on a device runs ahead of it: nothing in its loop waits, and nothing is copied there."""

from collections import Counter
from functools import partial

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.finite import EVERY
from vrbench.attacks.goal import Verdict
from vrbench.attacks.gradient.adam import AdamPGD
from vrbench.attacks.gradient.mifgsm import MIFGSM
from vrbench.attacks.gradient.pgd import PGD
from vrbench.core.errors import DivergedError
from vrbench.core.seeds import Streams
from vrbench.extractors.inference_copy import swift
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.toy import Colour
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.testing.world import taught, toy_case, toy_visuals, toy_world
from vrbench.threats.objectives.misclassification import TargetClass, Untargeted
from vrbench.threats.objectives.promotion import Promote

# To read a number, to select by a mask, and to bring a list of Python's over.
WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "lift_fresh", "unique2")


class Waits(TorchDispatchMode):
    """Counts what would wait for a device, or copy something to it."""

    def __init__(self):
        super().__init__()
        self.found = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.__name__.partition(".")[0]
        masks = name in ("index", "index_put_", "index_put") and any(
            i is not None and i.dtype == torch.bool for i in args[1]
        )
        if name in WAITS or masks:
            self.found[name] += 1
        return func(*args, **kwargs or {})


def network():
    made = SmallCNN(width=4)
    made.build(("red", "green", "blue"))
    made.redraw(torch.Generator().manual_seed(0))
    return swift(made)


def promote():
    shop, model = toy_world(), taught(partial(VBPR, epochs=1))
    return Promote(shop.train, Colour(), model, toy_visuals(model.signal), k=5)


AIMS = {
    "target": lambda: TargetClass(toy_case(), network()),
    "untargeted": lambda: Untargeted(toy_case(), network()),
    "promote": promote,
}
ATTACKS = {"pgd": PGD, "adam": AdamPGD, "mifgsm": MIFGSM}


def waits(attack, goal, budget):
    clean, items = toy_world().catalogue.images[torch.arange(4)], torch.arange(4)
    attack(clean, items, goal, budget, Streams(0))  # what is made once is made
    with Waits() as counted:
        attack(clean, items, goal, budget, Streams(0))
    return counted.found


@pytest.mark.parametrize("budget", [Linf(eps=8), Linf(eps=8, space="normalised"), L2(eps=64)])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_step_neither_waits_nor_copies(attack, budget):
    goal = AIMS["target"]()
    few, many = (waits(ATTACKS[attack](steps=n), goal, budget) for n in (2, 9))
    assert few == many


@pytest.mark.parametrize("aim", AIMS)
def test_no_aim_does_so_at_a_step(aim):
    goal = AIMS[aim]()
    few, many = (waits(PGD(steps=n), goal, Linf(eps=8)) for n in (2, 9))
    assert few == many


def test_the_counter_counts():
    with Waits() as counted:
        x = torch.arange(3)
        assert bool((x >= 0).all())
        x[x > 1] = torch.tensor([5])
    assert counted.found["_local_scalar_dense"] == 1
    assert counted.found["index_put_"] == 1
    assert counted.found["lift_fresh"] >= 1


class Breaks:
    """Answers with numbers, until it has been asked a few times."""

    def __init__(self, good, item=None):
        self.good, self.item, self.asked = good, item, 0

    def judge(self, x, items):
        self.asked += 1
        loss = x.flatten(1).sum(1)
        if self.asked > self.good:
            bad = items == self.item if self.item is not None else items >= 0
            loss = torch.where(bad, loss * torch.nan, loss)
        return Verdict(loss, loss.detach() * 0)


def attacked(attack, goal):
    clean = torch.full((3, 3, 4, 4), 0.5)
    return attack(clean, torch.tensor([4, 7, 9]), goal, Linf(eps=8), Streams(0))


def test_what_diverged_is_told_when_the_search_is_over_and_names_the_item():
    goal = Breaks(good=2, item=7)
    with pytest.raises(DivergedError, match="Breaks gives item 7 a loss or a gradient"):
        attacked(PGD(steps=5), goal)
    assert goal.asked == 5


def test_a_long_search_that_diverged_ends_early():
    goal = Breaks(good=0)
    with pytest.raises(DivergedError, match="Breaks gives item 4 "):
        attacked(PGD(steps=10 * EVERY), goal)
    assert goal.asked <= EVERY


class Stumbles(PGD):
    """An attack that cannot go on without numbers."""

    def search(self, clean, items, goal, budget, rng):
        super().search(clean, items, goal, budget, rng)
        raise IndexError("no picture is left")


def test_what_an_attack_stumbles_over_is_the_number_that_was_none():
    with pytest.raises(DivergedError, match="Breaks gives item 4 ") as told:
        attacked(Stumbles(steps=2), Breaks(good=0))
    assert isinstance(told.value.__cause__, IndexError)
    with pytest.raises(IndexError, match="no picture is left"):
        attacked(Stumbles(steps=2), Breaks(good=9))
