from functools import partial

import pytest
import torch

from tests.recommenders.without_features import ALL, SIZES, USERS, assert_all_learn, scores
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative import nais
from vrbench.recommenders.collaborative.fism import FISM
from vrbench.recommenders.collaborative.nais import NAIS
from vrbench.testing.recommenders import NONE, RecommenderContract
from vrbench.threats.embedding_loss import Learnt

FAST = {"factors": 8, "hidden": 8, "pretrain_epochs": 8, "epochs": 6, "batch_size": 64, "lr": 0.05}
BOTH = pytest.mark.parametrize("attention", ["prod", "concat"])


class TestProduct(RecommenderContract):
    make = partial(NAIS, **FAST)


class TestConcatenation(RecommenderContract):
    make = partial(NAIS, attention="concat", **FAST | {"pretrain_epochs": 0, "epochs": 12})


def by_hand(**settings):
    """User 0 has items 0 and 1, user 1 has item 2, user 2 none; rows and layers of one number.

    ``exp f`` is two to the power of ``p q`` or ``p + q``.
    """
    model = NAIS(Sizes(3, 3, ()), factors=1, hidden=1, **settings)
    model.take(Interactions.of(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2]), 3, 3))
    model.taste.weight.data = torch.tensor([[1.0], [2.0], [3.0]])
    model.item.weight.data = torch.tensor([[1.0], [-1.0], [1.0]])
    model.bias.weight.data = torch.tensor([[0.0], [0.0], [0.5]])
    for name, weight in model.named_parameters():
        if name.startswith("of_"):
            weight.data.fill_(float("weight" in name))
    model.out.weight.data.fill_(torch.tensor(2.0).log())
    return model


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        # of item 2: weights 2 and 4 of likenesses 1 and 2; of item 0: item 1, and not itself
        ({"beta": 0.0}, [8.0, -1.0, 10.5]),
        ({"beta": 0.5}, [4.0, -1.0, 10 / 6**0.5 + 0.5]),
        ({"beta": 1.0}, [2.0, -1.0, 10 / 6 + 0.5]),
        ({"beta": 1.0, "alpha": 1.0}, [2.0, -1.0, 5 / 6 + 0.5]),
        # weights 4 and 8
        ({"beta": 0.5, "attention": "concat"}, [2 * 8**0.5, -1.0, 20 / 12**0.5 + 0.5]),
    ],
)
def test_attention_by_hand(settings, wanted):
    model = by_hand(**settings)
    found = model.score(torch.arange(3), model.encode(torch.arange(3), None))
    assert found[0].tolist() == pytest.approx(wanted)
    assert found[1, 2].item() == pytest.approx(0.5), "an item spoke for itself"
    assert found[2].tolist() == pytest.approx([0.0, 0.0, 0.5]), "nobody's history is nothing"
    pairs = model.logits(torch.arange(3), torch.arange(3).expand(3, 3))
    assert torch.allclose(pairs, found, atol=1e-6)


def begun(world, **settings):
    model = NAIS(SIZES, factors=5, hidden=4, **settings)
    model.take(world.train)
    model.begin(None, stream(0))
    for parameter in model.parameters():
        parameter.data.add_(0.3 * torch.randn(parameter.shape, generator=stream(1)))
    return model


def formula(model, train, user, item):
    """The paper's equations for one pair, one item of the history after the other."""
    had = [j for j in train.pairs_of(torch.tensor([user]))[1].tolist() if j != item]
    p, logits, likes = model.item.weight[item], [], []
    for j in had:
        q = model.taste.weight[j]
        if model.attention == "prod":
            hidden = model.of_item.weight @ (p * q) + model.of_item.bias
        else:
            weight = torch.cat([model.of_item.weight, model.of_taste.weight], 1)
            hidden = weight @ torch.cat([p, q]) + model.of_item.bias
        logits.append(model.out.weight[0] @ hidden.relu())
        likes.append(p @ q)
    raised = torch.stack(logits).exp()
    weights = raised / raised.sum() ** model.beta
    return len(had) ** -model.alpha * (weights @ torch.stack(likes)) + model.bias.weight[item, 0]


@BOTH
def test_scores_and_pairs_are_the_formula_s_in_any_blocks(world, attention, monkeypatch):
    model = begun(world, attention=attention, beta=0.7, alpha=0.3)
    full, items = scores(model), torch.stack([ALL[:30], ALL[6:]], 1)
    pairs = model.logits(USERS, items)
    for user in (0, 7, 29):
        for item in (0, 20, 35):
            wanted = formula(model, world.train, user, item).item()
            assert full[user, item].item() == pytest.approx(wanted, abs=1e-4)
    assert torch.allclose(pairs, full.gather(1, items), atol=1e-5)
    monkeypatch.setattr(nais, "MOST", 300)
    assert torch.allclose(scores(model), full, atol=1e-5)
    assert torch.allclose(model.logits(USERS, items), pairs, atol=1e-5)
    assert torch.allclose(model(USERS, items[:, 0]), pairs[:, 0], atol=1e-5)


@BOTH
def test_large_logits_do_not_overflow(world, attention):
    model = begun(world, attention=attention, beta=0.9)
    model.of_item.bias.data.fill_(100)
    model.out.weight.data.abs_()
    full = scores(model)
    pairs = model.logits(USERS, ALL.expand(30, -1))
    assert model.attend(model.item(ALL)[None], model.taste(ALL)[None]).min() > 89
    assert full.isfinite().all()
    assert torch.allclose(pairs, full, rtol=1e-3, atol=1e-3)


def test_without_attention_it_is_fism(world):
    model = begun(world, beta=0.5, alpha=0.2)
    model.out.weight.data.zero_()
    fism = FISM(SIZES, factors=5, alpha=0.7)
    fism.take(world.train)
    fism.load_state_dict({name: model.state_dict()[name] for name in fism.state_dict()})
    users, items = USERS, ALL[:30]
    own = fism.history_of(users, items)
    wanted = (own * fism.item(items)).sum(1) + fism.bias(items).squeeze(1)
    assert torch.allclose(model(users, items), wanted, atol=1e-5)
    model.out.weight.data.fill_(1.0)
    model._attends = False
    assert torch.allclose(model(users, items), wanted, atol=1e-5)
    assert torch.allclose(scores(model).diagonal(), wanted, atol=1e-5)


def test_attention_starts_from_the_best_epoch_without_it(world):
    model = NAIS(SIZES, **FAST | {"pretrain_epochs": 3, "epochs": 2})
    history = model.fit(world.train, world.valid, None, stream(0))
    assert len(history.epochs) == 5
    assert model._attends
    assert list(NAIS(SIZES, **FAST | {"pretrain_epochs": 0}).phases()) == [6]


@BOTH
def test_every_parameter_gets_a_gradient(world, attention):
    assert_all_learn(begun(world, attention=attention))


@BOTH
def test_its_embeddings_can_be_attacked(world, attention):
    model = begun(world, attention=attention)
    learnt = Learnt(world.train, model, world.catalogue.images, biases=False)
    assert set(learnt.tables) == {"taste.weight", "item.weight"}
    nothing = {name: torch.zeros_like(table) for name, table in learnt.tables.items()}
    slope = learnt.slope(nothing)
    up = {name: 0.05 * rows / rows.norm() for name, rows in slope.items()}
    assert learnt.loss(up) > learnt.loss(nothing)


def test_users_with_every_item_or_one_do_not_hang():
    users = torch.cat([torch.zeros(36), torch.ones(1), torch.full((35,), 2.0)]).long()
    items = torch.cat([torch.arange(36), torch.tensor([4]), torch.arange(35)])
    model = NAIS(SIZES, **FAST | {"epochs": 2, "pretrain_epochs": 1})
    none = Interactions.of(NONE, NONE, 30, 36)
    model.fit(Interactions.of(users, items, 30, 36), none, None, stream(0))
    assert scores(model).isfinite().all()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"beta": 1.5}, r"NAIS: expected alpha and beta in \[0, 1\]"),
        ({"hidden": 0}, "NAIS: expected factors, hidden >= 1"),
        ({"attention": "dot"}, "NAIS.attention"),
    ],
)
def test_settings_out_of_range_are_named(setting, said):
    with pytest.raises(ConfigError, match=said):
        NAIS(Sizes(1, 1, ()), **setting)
