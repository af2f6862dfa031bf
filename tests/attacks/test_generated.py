from functools import partial

import pytest
import torch

from tests.generators.test_design import Flat
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.semantic.generated import Generated
from vrbench.core.errors import DivergedError, IncompatibleError
from vrbench.core.seeds import Streams
from vrbench.generators.design import Design
from vrbench.testing.attacks import AttackContract, Redder

FREE = L2(eps=float("inf"))


class TestGenerated(AttackContract):
    make = partial(Generated, Design(Flat(), starts=4, realism=0.0))
    budget = FREE

    @pytest.mark.parametrize("budget", [FREE, Linf(eps=float("inf")), Linf(eps=0)], ids=repr)
    def test_result_could_have_been_uploaded(self, clean, budget):
        super().test_result_could_have_been_uploaded(clean, budget)

    def test_beats_noise(self, clean):
        """No noise of an infinite budget is worth a comparison: against what is there."""
        x = self.run(clean[2:], torch.arange(2, 6), Redder())
        assert (Redder().judge(x, torch.arange(4)).loss < 0.5).all()

    def test_the_clean_picture_is_not_read(self, clean):
        items = torch.arange(6)
        assert torch.equal(
            self.run(clean, items, Redder()), self.run(clean.flip(0), items, Redder())
        )


def test_more_steps_reach_further(world):
    items, clean = torch.arange(4), world.catalogue.images[torch.arange(4)]
    short, long = (
        Redder().judge(
            Generated(Design(Flat(), starts=2, steps=steps, realism=0.0))(
                clean, items, Redder(), FREE, Streams(0)
            ),
            items,
        )
        for steps in (1, 60)
    )
    assert (long.loss < short.loss - 0.2).all()


def test_what_cannot_be_is_refused(world):
    items, clean = torch.arange(2), world.catalogue.images[torch.arange(2)]
    attack = Generated(Design(Flat(), starts=2))
    for budget in (Linf(eps=8), L2(eps=500)):
        with pytest.raises(IncompatibleError, match="needs budget=free"):
            attack(clean, items, Redder(), budget, Streams(0))

    class Broken(Redder):
        def judge(self, x, items):
            return super().judge(x * torch.nan, items)

    with pytest.raises(DivergedError, match="not finite"):
        attack(clean, items, Broken(), FREE, Streams(0))


def test_it_costs_what_it_says(world):
    class Counting(Redder):
        asked = 0

        def judge(self, x, items):
            Counting.asked += len(x)
            return super().judge(x, items)

    items, clean = torch.arange(3), world.catalogue.images[torch.arange(3)]
    attack = Generated(Design(Flat(), starts=2, steps=5))
    attack.search(clean, items, Counting(), FREE, Streams(0))
    assert Counting.asked == 3 * attack.cost.forward == 3 * 2 * (5 + 1)
    assert attack.cost.backward == 2 * 5
