"""What is data is the same under every version of every library, on every machine.

When one of these moves, other people's shops and splits move under the same key: raise the version
in the spec, and tell the changelog.
"""

import hashlib

import pytest
import torch

from vrbench.core.dice import Dice
from vrbench.data.readers.ratings import Ratings
from vrbench.data.sources.boutique import boutique
from vrbench.data.sources.colours import colours
from vrbench.data.sources.shoppers import simulate
from vrbench.data.splits.assignment import hold_out, inject, ratio
from vrbench.data.splits.strategies.k_fold import KFold
from vrbench.data.splits.strategies.per_user import RandomHoldOut, RandomLeaveOut


def told(*tensors):
    found = hashlib.sha256()
    for t in tensors:
        found.update(str(t.tolist()).encode())
    return found.hexdigest()[:16]


def feedback(data):
    return [t for p in (data.train, data.valid, data.test) for t in (p.indptr, p.items)]


@pytest.fixture(scope="module")
def shop():
    return boutique()


def test_the_purchases_of_the_embedded_shop(shop):
    assert [len(p) for p in (shop.train, shop.valid, shop.test)] == [3160, 800, 800]
    assert told(shop.catalogue.categories) == "0eb6f2288aadaef5"
    assert told(*feedback(shop)) == "5242085b1cb3697c"
    assert told(shop.train.timestamps, shop.test.timestamps) == "6eb689af1ada2d4c"


def test_the_pictures_of_the_embedded_shop(shop):
    assert told(torch.tensor(shop.catalogue.images.colours)) == "7fd25d1a2b77d01c"
    pixels = shop.catalogue.images.decode(torch.arange(0, 720, 45))
    assert told(pixels) == "7804ac87f3ba8f09"


def test_other_settings(shop):
    data = boutique(num_items=96, num_users=40, size=32, skew=1.0, focus=0.5, seed=3)
    assert told(*feedback(data)) == "32c7bbfa87f703ff"


def test_a_last_bit_changes_no_purchase(shop):
    """Logarithms differ by one from machine to machine; this moves weights a hundred times that."""
    kinds = shop.catalogue.categories
    rgb = torch.tensor(shop.catalogue.images.colours, dtype=torch.float64) / 255
    settings = {"num_users": 800, "mean_items": 6.0, "focus": 1.0}
    plain = simulate(kinds, rgb, skew=0.3, dice=Dice(0, "shoppers"), **settings)
    moved = simulate(
        kinds, rgb * (1 + 1e-13), skew=0.3 * (1 + 1e-13), dice=Dice(0, "shoppers"), **settings
    )
    assert all(torch.equal(a, b) for a, b in zip(plain, moved, strict=True))


def test_the_world_with_a_known_answer():
    data = colours()
    pixels = data.catalogue.images[torch.arange(36)].mul(255).round().int()
    assert told(pixels, *feedback(data)) == "a9825fa45939e1c2"


@pytest.mark.parametrize(
    ("split", "golden"),
    [(hold_out, "41cf81954b7c1f44"), (inject, "be0dcea3b06db1dc")],
    ids=["hold_out", "inject"],
)
def test_items_held_out(split, golden):
    data = split(colours(), share=0.2)
    assert told(data.cold_items, *feedback(data)) == golden


USERS, ITEMS = torch.nonzero(torch.arange(20)[:, None] % 4 != torch.arange(15) % 5, as_tuple=True)
NAMES = tuple(map(str, range(20)))


@pytest.mark.parametrize(
    ("strategy", "golden"),
    [
        (RandomHoldOut(folds=2), "4bc045d7476e9693"),
        (RandomLeaveOut(n=2, folds=2, seed=1), "90d55a204a04dba3"),
        (KFold(folds=3), "330c52fe545d5ddb"),
    ],
    ids=["random_hold_out", "random_leave_out", "k_fold"],
)
def test_random_splits(strategy, golden):
    table = Ratings(USERS, ITEMS, None, None, NAMES, NAMES[:15], "golden")
    assert told(strategy.held_out(table, 1)) == golden


def test_a_random_share_of_each_user():
    assert told(ratio(USERS, (0.1, 0.2), Dice(0, "golden"))) == "93cba55b369f34e2"
