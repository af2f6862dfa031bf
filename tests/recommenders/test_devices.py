"""Whatever a model holds, it computes where it was put, and ranks there as it does here."""

import pytest
import torch

import tests.recommenders
from tests.another_device import DEVICE, WAITED, Placed, another_device, taken_for_a_gpu
from tests.contracts import contracts
from vrbench.core.seeds import stream
from vrbench.recommenders.base import Recommender
from vrbench.recommenders.collaborative import nais
from vrbench.recommenders.ranking import rank
from vrbench.recommenders.training.epochs import EpochRecommender
from vrbench.recommenders.two_stage_ranking import inject
from vrbench.testing.recommenders import RecommenderContract

CONTRACTS = contracts(tests.recommenders, RecommenderContract)


def test_every_kind_of_recommender_is_here():
    made = {getattr(c.make, "func", c.make).__name__ for c in CONTRACTS.values()}
    buffers = {"Popular", "Random", "EASE", "SLIM", "PureSVD", "WRMF", "AlexRank"}
    assert buffers | {"ItemKNN", "UserKNN", "RP3Beta", "VBPR", "ACF", "MultiVAE", "NeuMF"} <= made


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_it_ranks_on_another_device(contract, world, extractor):
    own = contract()
    visuals = own.shown(world, extractor)
    model = own.model(world, visuals.shape)
    if not isinstance(model, EpochRecommender):  # training is long, and uses what ranking uses
        model.fit(world.train, world.valid, visuals, stream(0))
    model.eval().requires_grad_(False)
    asked = (world.seen, world.test, torch.arange(3), 5)
    here = rank(model, visuals, *asked)
    offered = torch.arange(10).expand(world.train.num_users, -1)
    with another_device():
        model, shown = model.to(DEVICE), visuals.to(DEVICE)
        assert model.device == shown.device == DEVICE
        encoded = model.encode(torch.arange(4, device=DEVICE), shown)
        assert isinstance(model.score(torch.arange(3, device=DEVICE), encoded), Placed)
        assert isinstance(model.crowd(world.train.num_users)(encoded), Placed)
        there = rank(model, shown, *asked)
        inject(model, shown, offered, world.test, torch.arange(2), torch.arange(2))
    torch.testing.assert_close(there.scores, here.scores, equal_nan=True)
    assert there.ranks.shape == here.ranks.shape


# Of a graph, or of maps of all that a user has, a step needs sizes that only the device knows; and
# of models that draw on the device nothing is played.
AHEAD = (
    *("bpr.TestBPRMF", "vbpr.TestVBPR", "vbpr.TestTiedVBPR", "amr.TestAMR", "fm.TestSecondOrder"),
    *("deepstyle.TestDeepStyle", "apr.TestAPR", "causalrec.TestCausalRec", "cml.TestCML"),
    *("lightgcn.TestLightGCN", "freedom.TestFrozen", "mgcn.TestFrozen"),
    *("lattice.TestRebuilt", "mmgcn.TestPictures", "slmrec.TestSLMRec", "pointwise.TestGMF"),
    *("pointwise.TestLogisticMF", "pointwise.TestDMF", "rated.TestMF", "rated.TestSVDpp"),
    *("vmf.TestVMF", "fism.TestFISM", "adversarial_tables.TestFISM"),
    *("graph_and_fields.TestBPRSLIM", "irgan.TestGenerator", "irgan.TestDiscriminator"),
)


@pytest.mark.parametrize("name", AHEAD)
def test_a_step_neither_waits_nor_copies(name, world, extractor, monkeypatch):
    """Five times as many steps an epoch wait no more often; the device says that it is a GPU."""
    assert not waits_of_more_steps(name, world, extractor, monkeypatch)


@pytest.mark.parametrize("name", ["nais.TestProduct", "nais.TestConcatenation"])
def test_a_step_of_nais_waits_once(name, world, extractor, monkeypatch):
    """For the lengths of histories, by which its blocks are cut, however many these are."""
    monkeypatch.setattr(nais, "MOST", 4096)
    (found,) = waits_of_more_steps(name, world, extractor, monkeypatch).items()
    assert found[0].startswith("tolist recommenders/collaborative/nais.py")
    assert found[1] == -(-len(world.train) // 8)


def waits_of_more_steps(name, world, extractor, monkeypatch):
    """Return what waits more often where steps are more, and how often."""
    monkeypatch.setattr(EpochRecommender, "_of_rows", whole)
    own, found = CONTRACTS[name](), []
    visuals = own.shown(world, extractor)
    for size in (40, 8):
        model = own.model(world, visuals.shape)
        fewer = dict.fromkeys(("epochs", "adversarial_epochs", "pretrain_epochs"), 1)
        fewer |= dict.fromkeys(("batch_size", "critic_batch", "pretrain_batch"), size)
        for setting, value in fewer.items():
            if hasattr(model, setting):
                object.__setattr__(model, setting, value)
        with taken_for_a_gpu():
            model, shown = model.to(DEVICE), visuals.to(DEVICE)
            WAITED.clear()
            model.fit(world.train, world.valid, shown, stream(0))
            found.append({what: n for what, n in WAITED.items() if n > 1})
    few, many = found
    assert few
    return {what: n for what, n in many.items() if n > few.get(what, 0) + 2}


def whole(self, tables):
    """Return what steps tables by reading all of them, as on a GPU where they are few."""
    for table in tables:
        table.sparse, vars(table)["by_row"] = False, True
    return torch.optim.Adam([p for table in tables for p in table.parameters()], lr=self.lr)


def test_a_model_that_holds_nothing_is_where_it_was_put():
    class Constant(Recommender):
        signal = None

        def fit(self, train, valid, visuals, rng): ...

        def encode(self, items, visuals):
            return items

        def score(self, users, encoded):
            return torch.zeros(len(users), len(encoded), device=self.device)

    model = Constant()
    assert model.device == torch.device("cpu")
    assert model.to(DEVICE).device == DEVICE
    assert not model.state_dict()
