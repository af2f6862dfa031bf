"""BPR-SLIM, NGCF and models of fields: each against its formula, and as victims."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from tests.recommenders.without_features import ALL, USERS, assert_all_learn, scores
from vrbench.core.errors import IncompatibleError
from vrbench.core.seeds import stream
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative import factorisation_machines as module
from vrbench.recommenders.collaborative.bpr_slim import BPRSLIM
from vrbench.recommenders.collaborative.deep_fields import NFM, DeepFM, WideDeep
from vrbench.recommenders.collaborative.factorisation_machines import FFM, AttributeFM
from vrbench.recommenders.collaborative.ngcf import NGCF
from vrbench.testing.recommenders import PairwiseContract, RecommenderContract
from vrbench.threats.embedding_loss import Learnt

FAST = {"epochs": 20, "batch_size": 64}
FIELDS = [AttributeFM, FFM, NFM, DeepFM, WideDeep]


class Told(PairwiseContract):
    def begun(self, world, visuals):
        model = super().begun(world, visuals)
        model.take(world.train)
        return model


class TestBPRSLIM(Told):
    make = partial(BPRSLIM, **FAST, lr=0.02)


class TestNGCF(Told):
    make = partial(NGCF, factors=8, layers=2, **FAST | {"epochs": 40}, lr=0.03, l2=0.01)


class OfFields(RecommenderContract):
    def test_ids_are_only_names(self):
        pytest.skip("categories are not renamed along")


class TestAttributeFM(OfFields):
    make = partial(AttributeFM, factors=8, **FAST, lr=0.02)


class TestFFM(OfFields):
    make = partial(FFM, factors=4, **FAST, lr=0.02)


class TestNFM(OfFields):
    make = partial(NFM, factors=16, hidden=32, **FAST | {"epochs": 40}, lr=0.02)


class TestDeepFM(OfFields):
    make = partial(DeepFM, factors=8, hidden=16, **FAST, lr=0.02)


class TestWideDeep(OfFields):
    make = partial(WideDeep, factors=8, hidden=16, **FAST, lr=0.02)


def begun(make, world, **settings):
    model = make(Sizes(30, 36, (), world.catalogue.categories), **settings)
    model.take(world.train)
    model.begin(None, stream(0))
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=stream(1)))
    return model.eval()


def test_bpr_slim_is_the_sum_of_weights_but_an_item_s_own(world):
    model = begun(BPRSLIM, world)
    x, w = world.train.matrix().float(), model.weight.weight.detach().clone()
    w.fill_diagonal_(0)
    assert torch.allclose(scores(model), x @ w.T, atol=1e-5)
    users, items = torch.tensor([3, 9]), world.train.items[world.train.indptr[[3, 9]]]
    assert torch.allclose(model(users, items, None), (x @ w.T)[users, items], atol=1e-5)
    with pytest.raises(IncompatibleError, match=r"BPR-SLIM needs 56 GiB for 50000 .*most_items"):
        BPRSLIM(Sizes(1, 50_000, ()))


def test_ngcf_is_the_paper_s_propagation_on_a_dense_graph(world):
    model = begun(NGCF, world, factors=5, layers=2)
    x = world.train.matrix().float()
    graph = torch.zeros(66, 66)
    graph[:30, 30:], graph[30:, :30] = x, x.T
    scale = graph.sum(1).clamp(min=1).rsqrt()
    graph = scale[:, None] * graph * scale
    rows = torch.cat([model.user.weight, model.item.weight])
    final = [rows]
    for summed, mixed in zip(model.summed, model.mixed, strict=True):
        around = graph @ rows
        rows = F.leaky_relu(summed(around + rows) + mixed(around * rows), 0.2)
        final.append(rows / rows.norm(dim=1, keepdim=True))
    both = torch.cat(final, 1)
    assert torch.allclose(scores(model), both[:30] @ both[30:].T, atol=1e-5)


def by_hand(model, user, item):
    """The score of a pair from one-hot fields, its products one pair of fields at a time."""
    kind = int(model.label[item])
    tables = ((model.user, user), (model.item, item), (model.category, kind))
    row = [table.weight[n] for table, n in tables]
    weights = ((model.user_weight, user), (model.item_weight, item), (model.category_weight, kind))
    total = model.base + sum(table.weight[n, 0] for table, n in weights)
    k, products = model.factors, []
    for a in range(3):
        for b in range(a + 1, 3):
            if isinstance(model, FFM):
                products.append(row[a][b * k : b * k + k] * row[b][a * k : a * k + k])
            else:
                products.append(row[a] * row[b])
    pool, joined = torch.stack(products).sum(0), torch.cat(row)

    def network(shown):
        return model.out(model.second(model.first(shown).relu()).relu())[0]

    if isinstance(model, WideDeep):
        return total + model.crossed.weight[user * 3 + kind, 0] + network(joined)
    if isinstance(model, DeepFM):
        return total + pool.sum() + network(joined)
    return total + (network(pool) if isinstance(model, NFM) else pool.sum())


@pytest.mark.parametrize("make", FIELDS, ids=lambda m: m.name)
def test_a_model_of_fields_is_its_formula(world, make, monkeypatch):
    model = begun(make, world)
    full = scores(model)
    for user, item in ((0, 0), (7, 35), (29, 4)):
        assert full[user, item].item() == pytest.approx(by_hand(model, user, item).item(), abs=1e-4)
    pairs = model(USERS, ALL[:30])
    assert torch.allclose(pairs, full.diagonal(), atol=1e-5)
    monkeypatch.setattr(module, "MOST", 5000)
    assert torch.allclose(scores(model), full, atol=1e-5)


@pytest.mark.parametrize("make", FIELDS, ids=lambda m: m.name)
def test_every_parameter_gets_a_gradient(world, make):
    assert_all_learn(begun(make, world))


@pytest.mark.parametrize("make", [*FIELDS, BPRSLIM, NGCF], ids=lambda m: m.name)
def test_its_embeddings_can_be_attacked(world, make):
    model = begun(make, world)
    learnt = Learnt(world.train, model, world.catalogue.images, biases=False)
    nothing = {name: torch.zeros_like(table) for name, table in learnt.tables.items()}
    slope = learnt.slope(nothing)
    up = {name: 0.05 * rows / rows.norm() for name, rows in slope.items()}
    assert learnt.loss(up) > learnt.loss(nothing)


def test_without_categories_it_says_so():
    with pytest.raises(IncompatibleError, match="NFM reads categories of items"):
        NFM(Sizes(30, 36, (), torch.zeros(36, dtype=torch.int64)))
