"""The acceptance tests at the end of the protocol notes.

(i) truncation: tests/attacks/test_budget.py, "erases upward steps"; (ii) CHR and nCDCG on hand
lists: tests/metrics/test_category.py; (v) gradients reach every ACF parameter:
tests/recommenders/test_acf.py; (vi) an attacked DVBPR reads attacked pictures:
tests/bench/test_run.py; (vii) CHR over nCDCG is K for evenly spread hits: test_category.py. Here
are those about a whole run.
"""

from dataclasses import replace

import torch

from tests.bench.test_run import attack, row  # noqa: F401 (a fixture)
from vrbench.attacks.budget import Linf
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.catalogue import Catalogue
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import History, Recommender


class Fond(Recommender):
    """Every user is fond of one colour channel, without any learning."""

    signal = Signal.VECTOR

    def __init__(self, sizes):
        super().__init__()

    def fit(self, train, valid, visuals, rng):
        return History()

    def encode(self, items, visuals):
        return visuals[items]

    def score(self, users, encoded):
        return encoded[:, users % 3].T


def test_names_of_items_leave_chr_unchanged(attack, world):  # noqa: F811
    """(iii) for a recommender without a random start: nothing but names differs."""
    name = torch.randperm(36, generator=stream(1))
    old = name.argsort()

    def renamed(part):
        return Interactions.of(part.users, name[part.items], 30, 36, ["renamed", part.spec])

    catalogue = world.catalogue
    images = Table(Signal.PIXELS, catalogue.images.rows[old], "renamed")
    other = replace(
        world,
        catalogue=Catalogue(images, catalogue.categories[old], catalogue.names, "renamed"),
        train=renamed(world.train),
        valid=renamed(world.valid),
        test=renamed(world.test),
    )
    before, after = (row(attack(dataset=d, recommender=Fond), "CHR@5") for d in (world, other))
    assert (before.before, before.after) == (after.before, after.after)
    assert before.before > 0


def test_a_budget_of_nothing_leaves_features_as_they_are(attack):  # noqa: F811
    """(iv) with float storage: bit for bit."""
    crafted = attack(budget=Linf(eps=0, store="float")).crafted
    assert torch.equal(crafted.vector_before, crafted.vector_after)
