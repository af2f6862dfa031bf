"""Attacks on words: inside their budget, and as good as trying everything."""

from itertools import combinations_with_replacement

import pytest
import torch

from vrbench.attacks.base import Cost
from vrbench.attacks.words import RandomWords, WordAttack, WordFlips, Words
from vrbench.core.errors import ConfigError, ContractError
from vrbench.core.seeds import Streams, stream

COUNTS = torch.tensor([[1.0, 0, 2, 0, 0], [0, 0, 0, 3, 1], [0, 0, 0, 0, 0]])
ITEMS = torch.tensor([4, 2, 9])
WEIGHT = torch.tensor([1.0, 2, 1.5, 1, 3])
AIM = torch.rand(3, 5, generator=stream(1)) - 0.3


def loss(counts):
    """Minus a product with each item's own aim, of vectors of length one."""
    return -(torch.nn.functional.normalize(counts * WEIGHT, dim=1) * AIM).sum(1)


@pytest.mark.parametrize("edit", ["add", "swap"])
@pytest.mark.parametrize("attack", [WordFlips(), WordFlips(candidates=9), RandomWords()])
def test_words_stay_in_their_budget(attack, edit):
    for eps in (0, 1, 3):
        found = attack(COUNTS, ITEMS, loss, Words(eps=eps, edit=edit), Streams(0))
        change = found - COUNTS
        assert (found >= 0).all()
        assert (change.clamp(min=0).sum(1) <= eps).all()
        assert change.sum(1).eq(0).all() or edit == "add"
        assert not change.clamp(max=0).any() or edit == "swap"
        assert edit == "add" or torch.equal(found[2], COUNTS[2]), "it has no word to swap"
        if eps == 0:
            assert torch.equal(found, COUNTS)
        if isinstance(attack, WordFlips):
            assert loss(found).sum() <= loss(COUNTS).sum()


def test_one_word_is_the_best_there_is_and_three_come_near_it():
    attack = WordFlips(candidates=5)
    for eps, near in ((1, 1e-6), (3, 0.02)):
        found = loss(attack(COUNTS, ITEMS, loss, Words(eps=eps), Streams(0)))
        least = loss(COUNTS)
        for words in combinations_with_replacement(range(5), eps):
            for n in range(eps + 1):
                added = COUNTS.clone()
                for word in words[:n]:
                    added[:, word] += 1
                least = torch.minimum(least, loss(added))
        assert (found - least).max() < near


def test_random_words_do_not_depend_on_company_and_beat_nothing():
    budget = Words(eps=2)
    all_of_them = RandomWords()(COUNTS, ITEMS, loss, budget, Streams(3))
    alone = RandomWords()(COUNTS[1:2], ITEMS[1:2], loss, budget, Streams(3))
    assert torch.equal(all_of_them[1:2], alone)
    others = RandomWords()(COUNTS, ITEMS, loss, budget, Streams(4))
    assert not torch.equal(all_of_them, others)
    drawn = RandomWords()(torch.zeros(400, 5), torch.arange(400), loss, Words(eps=5), Streams(0))
    assert drawn.mean(0).sub(1).abs().max() < 0.15


class Greedy(WordAttack):
    """One that breaks its promise."""

    cost = Cost(0, 0)

    def __init__(self, by):
        self.by = by

    def search(self, counts, items, loss, budget, rng):
        return counts + self.by


@pytest.mark.parametrize("by", [1.0, 0.25, -1.0])
def test_a_broken_budget_is_refused(by):
    with pytest.raises(ContractError, match=r"Words.*does not hold"):
        Greedy(by)(COUNTS, ITEMS, loss, Words(eps=4), Streams(0))


def test_settings_out_of_range_are_named():
    for wrong in ({"eps": -1}, {"eps": 1.5}, {"eps": 1, "edit": "delete"}):
        with pytest.raises(ConfigError, match=r"budget\.e"):
            Words(**wrong)
    with pytest.raises(ConfigError, match="candidates"):
        WordFlips(candidates=0)
