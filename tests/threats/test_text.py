"""Attacks on words of items, alone and beside pictures, through the whole benchmark."""

from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
import torch

from vrbench.attacks import PGD, JointAttack, RandomWords, WordFlips
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.budgets import JointBudget, Linf, Words
from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.data.words import WordTable, bags_of, vectors_of
from vrbench.metrics.ranking import NDCG
from vrbench.metrics.shift import PredictionShift
from vrbench.objectives import Demote, Promote, TargetClass
from vrbench.recommenders import BM3, FREEDOM, LATTICE, MGCN, MMGCN, VBPR
from vrbench.recommenders.base import Sizes
from vrbench.surfaces import Joint, Pixels, Text
from vrbench.testing.surfaces import SurfaceContract
from vrbench.testing.world import parts, toy_visuals, toy_world
from vrbench.threats.threat import Threat
from vrbench.threats.word_promotion import Readers

SAID = ["plain", "new", "soft", "wide", "long", "warm", "thin"]
READS = partial(MMGCN, factors=8, latent=8, epochs=3, batch_size=64, lr=0.05)
PICTURE, WORDS = PGD(steps=2), WordFlips(candidates=2)


@cache
def worded():
    """Return the toy world, in which an item is said to be two things beside its colour."""
    world, drawn = toy_world(), torch.randint(len(SAID), (36, 2), generator=stream(8))
    shop = world.catalogue
    texts = [
        f"{shop.names[label]} {SAID[a]} {SAID[b]}"
        for label, (a, b) in zip(shop.categories.tolist(), drawn.tolist(), strict=True)
    ]
    bags = bags_of(texts)
    table = WordTable(torch.from_numpy(vectors_of(bags)), ["text", "of a test"], bags)
    return replace(world, catalogue=replace(shop, text=table))


def of_text(eps, **changes):
    given = {"threat": Threat(surface=Text()), "attack": WORDS, "budget": Words(eps=int(eps))}
    given |= {"dataset": worded(), "recommender": READS, "objective": partial(Promote)}
    return given | {"metrics": [PredictionShift(), NDCG(k=5)]} | changes


def of_both(levels, words, **changes):
    attack = JointAttack(picture=PICTURE, words=WORDS)
    budget = JointBudget(picture=Linf(eps=levels), words=Words(eps=words))
    threat = Threat(surface=Joint())
    return of_text(0, threat=threat, attack=attack, budget=budget) | changes


class OnWords(SurfaceContract):
    def test_a_budget_of_zero_gives_the_clean_rows(self, tmp_path):
        for row in self.run(Store(tmp_path)).rows:
            assert row.after == pytest.approx(row.before or 0.0, abs=1e-6)


class TestText(OnWords):
    def given(self, eps):
        return of_text(eps)


class TestJoint(OnWords):
    def given(self, eps):
        return of_both(eps, int(eps))


def shift(found):
    return next(row.after for row in found.rows if row.metric == "prediction shift")


def test_words_raise_scores_random_ones_less_and_demotion_lowers_them(tmp_path):
    store = Store(tmp_path)
    raised = {
        name: shift(run(**parts(**of_text(2, **changes)), store=store))
        for name, changes in {
            "search": {},
            "random": {"attack": RandomWords()},
            "demote": {"objective": partial(Demote)},
        }.items()
    }
    assert raised["search"] > 0.01
    assert raised["search"] > 2 * raised["random"]
    assert raised["demote"] < -0.01


def test_both_halves_are_those_of_their_own_surfaces(tmp_path):
    store = Store(tmp_path)
    both, none = (run(**parts(**of_both(32, eps)), store=store) for eps in (2, 0))
    words = run(**parts(**of_text(2)), store=store)
    pixels = {"threat": Threat(surface=Pixels()), "attack": PICTURE, "budget": Linf(eps=32)}
    pictures = run(**parts(**of_text(2) | pixels), store=store)
    assert both.crafted.attacked.equal(pictures.crafted.attacked)
    assert both.models["after"].text.equal(words.models["after"].text)
    ranks = [found.lists["after"].attacked.scores for found in (none, pictures)]
    assert torch.allclose(*ranks, atol=1e-6)
    assert shift(both) > max(shift(words), shift(pictures))


def test_poisoned_words_are_trained_on(tmp_path):
    threat = Threat(surface=Text(), timing="poisoning")
    found = run(**parts(**of_text(2, threat=threat)), store=Store(tmp_path))
    before, after = (found.models[name] for name in ("before", "after"))
    changed = (before.text != after.text).any(1).nonzero()[:, 0]
    assert set(changed.tolist()) <= set(found.case.items.tolist())
    assert len(changed)
    assert not before.user.weight.equal(after.user.weight)
    assert all(row.control is not None for row in found.rows if row.metric.startswith("nDCG"))


def taught(cls, **changes):
    """Return a model that has learnt a little, and its readers."""
    data, looks = worded(), toy_visuals(Signal.VECTOR)
    text = data.catalogue.text
    settings = {"factors": 8, "epochs": 3, "batch_size": 64, "lr": 0.05} | changes
    model = cls(Sizes(30, 36, looks.shape, None, text[torch.arange(36)]), **settings)
    model.fit(data.train, data.valid, looks, stream(0))
    model = model.eval().requires_grad_(False)
    return model, Readers(model, looks, text, torch.tensor([3, 20]), 30)


REBUILT = {"graph": "rebuilt", "neighbours": 6}
CASES = [
    (MMGCN, {"latent": 8}),
    (MGCN, {"neighbours": 6}),
    (MGCN, REBUILT),
    (LATTICE, REBUILT),
    (FREEDOM, {"graph": "rebuilt", "neighbours": 36, "drop": 0.2, "edges": "cosine"}),
]


@pytest.mark.parametrize(("cls", "changes"), CASES)
def test_scores_are_those_of_a_model_given_other_words_and_slopes_are_true(cls, changes):
    model, readers = taught(cls, **changes)
    counts = readers.counts.clone()
    counts[0, 2] += 2
    text = readers.text(counts)
    rows = counts.numpy() * readers.table.bags.weight
    wanted = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.allclose(text[readers.items], wanted, atol=1e-6)
    others = torch.ones(36, dtype=torch.bool).index_fill(0, readers.items, False)
    assert torch.equal(text[others], readers.table.rows[others])
    other = taught(cls, **changes)[0]
    other.text.copy_(text)
    other.rereads = True
    encoded = other.encode(readers.items, readers.visuals)
    assert torch.allclose(
        other.score(torch.arange(30), encoded).mean(0), readers.mean_score(counts), atol=1e-6
    )
    asked = counts.clone().requires_grad_()
    (slope,) = torch.autograd.grad(readers.mean_score(asked).sum(), asked)
    steepest = int((slope.abs() * (counts > 0)).argmax())  # cosines have a kink at no word
    step = torch.zeros_like(counts)
    step.view(-1)[steepest] = 1e-2
    found = (readers.mean_score(counts + step) - readers.mean_score(counts - step)).sum() / 2e-2
    assert found.item() == pytest.approx(slope.view(-1)[steepest].item(), rel=0.05)
    assert torch.equal(model.text, readers.table.rows), "the model itself was changed"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"recommender": partial(VBPR)}, "VBPR reads no words"),
        ({"dataset": toy_world()}, "no words that could be changed"),
        ({"objective": partial(TargetClass)}, "objective=promote or demote"),
        ({"attack": PGD()}, "goes with attack=words"),
        ({"threat": Threat()}, "pictures go with"),
        ({"recommender": partial(BM3, epochs=1)}, "under BM3 does not read its words"),
        ({"recommender": partial(LATTICE, epochs=1)}, "under LATTICE does not read its words"),
    ],
)
def test_what_does_not_go_with_words_is_refused(changes, says, tmp_path):
    with pytest.raises(IncompatibleError, match=says):
        run(**parts(**of_text(1, **changes)), store=Store(tmp_path))


def test_vectors_made_elsewhere_have_no_words(tmp_path):
    world = worded()
    plain = Table(Signal.VECTOR, world.catalogue.text.rows, ["vectors"])
    shop = replace(world, catalogue=replace(world.catalogue, text=plain))
    with pytest.raises(IncompatibleError, match="not vectors"):
        run(**parts(**of_text(1, dataset=shop)), store=Store(tmp_path))
