"""The loss of what a model has learnt, against the same loss written out."""

import pytest
import torch
import torch.nn.functional as F

from vrbench.attacks.embedding.perturbation import EmbeddingNoise, EmbeddingPGD, Embeddings
from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import stream
from vrbench.core.visuals import Table
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.baselines import Popular
from vrbench.recommenders.collaborative.apr import APR
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.ranking import rank
from vrbench.recommenders.training.negative_sampling import negatives
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.threats import embedding_loss as module
from vrbench.threats.embedding_loss import Learnt, changed

FAST = {"factors": 8, "epochs": 30, "batch_size": 64, "lr": 0.05, "l2": 0.01}


@pytest.fixture(scope="module")
def model(world):
    made = BPRMF(Sizes(30, 36, ()), **FAST)
    made.fit(world.train, world.valid, world.catalogue.images, stream(0))
    return made.eval().requires_grad_(False)


@pytest.fixture
def learnt(world, model):
    return Learnt(world.train, model, world.catalogue.images, biases=False)


def written_out(world, model, user, item):
    """The summed BPR loss over all training triples, from two dense tables."""
    users, liked = world.train.users, world.train.items
    other = negatives(world.train, users, stream(0, "learnt"))
    bias = model.bias.weight[:, 0]
    score = user @ item.T + bias
    return F.softplus(-(score[users, liked] - score[users, other])).sum()


def some_change(learnt):
    return {n: 0.1 * torch.randn(t.shape, generator=stream(3)) for n, t in learnt.tables.items()}


def test_loss_and_slope_are_those_of_all_training_triples(world, model, learnt, monkeypatch):
    change = some_change(learnt)
    assert list(change) == ["user.weight", "item.weight"]
    user = (model.user.weight + change["user.weight"]).requires_grad_()
    item = (model.item.weight + change["item.weight"]).requires_grad_()
    loss = written_out(world, model, user, item)
    wanted = torch.autograd.grad(loss, [user, item])
    assert learnt.loss(change) == pytest.approx(loss.item(), rel=1e-6)
    for block in (8192, 7):
        monkeypatch.setattr(module, "BLOCK", block)
        slope = learnt.slope(change)
        for found, right in zip(slope.values(), wanted, strict=True):
            assert torch.allclose(found, right, atol=1e-5)


def test_every_row_that_has_training_data_is_reached(world, learnt):
    """Over one batch, as released for training, most rows would go unattacked."""
    slope = learnt.slope({n: torch.zeros_like(t) for n, t in learnt.tables.items()})
    assert torch.equal(slope["user.weight"].any(1), world.train.counts > 0)
    touched = torch.zeros(36, dtype=torch.bool)
    touched[world.train.items] = True
    assert torch.equal(slope["item.weight"].any(1), touched)


def test_the_model_is_left_as_it_was(world, model):
    before = {k: v.clone() for k, v in model.state_dict().items()}
    learnt = Learnt(world.train, model, world.catalogue.images, biases=True)
    change = EmbeddingPGD()(learnt.tables, learnt.slope, Embeddings(eps=0.5), stream(0))
    worse = changed(model, change)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert not any(p.requires_grad for p in model.parameters())
    for name, rows in change.items():
        assert torch.equal(worse.get_parameter(name), model.get_parameter(name) + rows)
    assert set(change) == {"user.weight", "item.weight", "bias.weight"}


def test_adversarial_is_worse_than_random_and_many_steps_are_worse_than_one(learnt):
    def harm(attack, budget):
        change = attack(learnt.tables, learnt.slope, budget, stream(0))
        for rows in change.values():
            assert budget.spent(rows).max() <= budget.eps * (1 + 1e-5)
        return learnt.loss(change) - clean

    clean = learnt.loss({n: torch.zeros_like(t) for n, t in learnt.tables.items()})
    ball, box = Embeddings(eps=0.5), Embeddings(eps=0.5, norm="box")
    one = harm(EmbeddingPGD(steps=1, step=1.0), ball)
    assert one > 5 * abs(harm(EmbeddingNoise(), ball))
    for start in ("zero", "random", "msap2021"):
        many = harm(EmbeddingPGD(steps=10, start=start), ball)
        assert many > one
        assert harm(EmbeddingPGD(steps=10, start=start), box) > 1.5 * many


def test_a_ranking_falls_under_attack_and_less_at_random(world, model, learnt):
    none = torch.empty(0, dtype=torch.int64)

    def mean_rank(shown):
        found = rank(shown, world.catalogue.images, world.seen, world.test, none, 5)
        return found.relevant_ranks.double().mean()

    ranks = [
        mean_rank(changed(model, attack(learnt.tables, learnt.slope, Embeddings(eps=e), stream(0))))
        for e in (0.0, 1.0, 2.0)
        for attack in (EmbeddingPGD(steps=1, step=1.0), EmbeddingNoise())
    ]
    clean, also, worse, noise, worst, louder = ranks
    assert clean == also
    assert worst > worse > clean
    assert noise < worse
    assert louder < worst


def test_models_that_look_at_pictures_have_embeddings_too(world, extractor):
    items = torch.arange(36)
    seen = Table("vector", extractor(world.catalogue.images[items]).vector, None)
    model = VBPR(Sizes(30, 36, seen.shape), **FAST).eval()
    model.begin(seen, stream(0))
    learnt = Learnt(world.train, model, seen, biases=False)
    change = EmbeddingPGD()(learnt.tables, learnt.slope, Embeddings(eps=0.5), stream(0))
    assert learnt.loss(change) > 1.2 * learnt.loss({n: 0 * t for n, t in change.items()})


def test_an_adversarially_trained_model_is_harmed_less(world):
    none = torch.empty(0, dtype=torch.int64)
    unchecked = Interactions.of(none, none, 30, 36)  # no validation: all epochs are run

    def attacked(make, **more):
        model = make(Sizes(30, 36, ()), **FAST, **more)
        model.fit(world.train, unchecked, world.catalogue.images, stream(0))
        learnt = Learnt(world.train, model.eval(), world.catalogue.images, biases=False)
        attack = EmbeddingPGD(steps=1, step=1.0)
        hit = attack(learnt.tables, learnt.slope, Embeddings(eps=0.5), stream(0))
        return learnt.loss(hit)

    assert attacked(APR, eps=0.5) < 0.8 * attacked(BPRMF)


def test_what_has_no_triples_cannot_be_attacked(world):
    popular = Popular(Sizes(30, 36, ()))
    with pytest.raises(IncompatibleError, match="Popular is not trained on triples"):
        Learnt(world.train, popular, world.catalogue.images, biases=False)
