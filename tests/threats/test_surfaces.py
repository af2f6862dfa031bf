"""What every attack surface must do, and that a run leaves what it is handed as it was."""

from functools import partial

import pytest
import torch

from vrbench.attacks.budget import Linf
from vrbench.attacks.embedding.perturbation import EmbeddingPGD, Embeddings
from vrbench.attacks.feature_budget import Rows
from vrbench.attacks.gradient.pgd import PGD
from vrbench.attacks.semantic.generated import Generated
from vrbench.attacks.transplant import Transplant
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.core.spec import digest
from vrbench.core.visuals import Signal, Table
from vrbench.data.sources.colours import colours
from vrbench.extractors.defences.base import JPEG
from vrbench.extractors.small import SmallCNN
from vrbench.extractors.toy import Colour
from vrbench.extractors.training.standard import Standard
from vrbench.generators.design import Design
from vrbench.generators.lsgan import LSGAN
from vrbench.metrics.category import CHR
from vrbench.metrics.ranking import NDCG
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.ranking import rank
from vrbench.recommenders.visual.dvbpr import DVBPR
from vrbench.testing.surfaces import SurfaceContract
from vrbench.testing.world import parts
from vrbench.threats.objectives.misclassification import TargetClass
from vrbench.threats.objectives.misranking import Misrank
from vrbench.threats.objectives.promotion import Promote
from vrbench.threats.surfaces.features import Features
from vrbench.threats.surfaces.looks import Looks
from vrbench.threats.surfaces.none import Nobody
from vrbench.threats.surfaces.parameters import Parameters
from vrbench.threats.surfaces.pixels import Pixels
from vrbench.threats.threat import Threat


class TestPixels(SurfaceContract):
    key = "64ef2793cb8d6bdd"

    def given(self, eps):
        return {"threat": Threat(), "attack": PGD(steps=2), "budget": Linf(eps=eps)}


class TestFeatures(SurfaceContract):
    key = "c2abf84a43e6d557"

    def given(self, eps):
        threat = Threat(surface=Features())
        aim = partial(Misrank)
        return {"threat": threat, "attack": PGD(steps=2), "budget": Rows(eps=eps), "objective": aim}


class TestParameters(SurfaceContract):
    key = "52b3542d7ba3e7e6"

    def given(self, eps):
        attack, budget = EmbeddingPGD(), Embeddings(eps=eps)
        return {"threat": Threat(surface=Parameters()), "attack": attack, "budget": budget}


class TestLooks(SurfaceContract):
    key = "354963a8a2908d69"

    def given(self, eps):
        free = {"budget": Linf(eps=float("inf")), "threat": Threat(surface=Looks())}
        return free | {"attack": Transplant(shown="drawn" if eps else "mean")}

    def test_a_budget_of_zero_gives_the_clean_rows(self, tmp_path):
        """There is no budget: nothing moves where nobody looks."""
        blind = {"recommender": partial(BPRMF, epochs=2), "metrics": [CHR(k=5), NDCG(k=5)]}
        for row in self.run(Store(tmp_path), **blind).rows:
            assert row.after == row.before

    def test_items_are_ranked_with_the_looks_of_the_target(self, tmp_path):
        shop = colours()
        found = self.run(Store(tmp_path))
        rows = Colour().see(shop.catalogue.images[torch.arange(len(shop.catalogue))], Signal.VECTOR)
        blue = shop.catalogue.categories == shop.catalogue.names.index("blue")
        rows[found.case.items] = rows[blue].mean(0)
        seen = Table(Signal.VECTOR, rows, None)
        asked = (found.models["after"], seen, shop.seen, shop.test, found.case.items, 5)
        assert torch.allclose(found.lists["after"].attacked.scores, rank(*asked).scores, atol=1e-5)
        assert not torch.allclose(
            found.lists["after"].attacked.scores, found.lists["before"].attacked.scores, atol=1e-2
        )
        assert found.models["after"] is found.models["before"]

    def test_before_training_a_clean_retrain_stands_beside_it(self, tmp_path):
        threat = Threat(surface=Looks(), timing="poisoning")
        found = self.run(Store(tmp_path), 1.0, threat=threat)
        row = next(row for row in found.rows if row.metric == "CHR@5")
        assert row.control is not None
        assert found.models["after"] is not found.models["before"]

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"budget": Linf(eps=8)}, "and budget=free, and only so"),
            ({"attack": PGD()}, "go with attack=transplant"),
            ({"threat": Threat()}, "threat=oracle and threat=oracle_poisoning go with"),
            ({"threat": Threat(surface=Features())}, "threat=oracle and threat=oracle_poisoning"),
            ({"threat": Threat(surface=Looks(), surrogate=Colour())}, "no surrogate"),
            ({"recommender": partial(DVBPR)}, "the mean of pictures is no picture of the target"),
        ],
    )
    def test_what_does_not_go_with_it_is_refused(self, changes, message, tmp_path):
        with pytest.raises(IncompatibleError, match=message):
            self.run(Store(tmp_path), **changes)


class TestNobody(SurfaceContract):
    key = "bda0e6b1e4d8695a"

    def given(self, eps):
        return {"threat": Threat(timing="none")}

    def test_nobody_goes_with_no_timing_only(self):
        assert isinstance(Threat(timing="none").acts_on, Nobody)
        assert isinstance(Threat().acts_on, Pixels)
        for wrong in ({"timing": "none", "surface": Pixels()}, {"surface": Nobody()}):
            with pytest.raises(ConfigError, match="goes with the surface Nobody"):
                Threat(**wrong)


@pytest.mark.parametrize("objective", [TargetClass, Promote])
def test_a_run_leaves_the_callers_parts_as_they_were(objective, tmp_path):
    network = JPEG(Standard(SmallCNN(), epochs=1, batch_size=16))
    network.train()
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    key, asked = digest(network), [p.requires_grad for p in network.parameters()]
    changes = {"extractor": network, "objective": partial(objective), "metrics": [CHR(k=5)]}
    first = run(**parts(**changes), store=Store(tmp_path))
    assert digest(network) == key
    assert network.training
    assert [p.requires_grad for p in network.parameters()] == asked
    after = network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    again = run(**parts(**changes), store=Store(tmp_path))
    assert again.rows == first.rows


def test_a_design_is_fitted_by_a_copy_too(tmp_path):
    gan = LSGAN(size=16, width=4, latent=8, epochs=1, batch_size=4)
    attack = Generated(Design(gan, starts=1, steps=1))
    key = digest(attack)
    run(**parts(attack=attack, budget=Linf(eps=float("inf"))), store=Store(tmp_path))
    assert digest(attack) == key
    assert not list(gan.parameters())  # built for no catalogue


def test_rows_do_not_go_with_pictures(tmp_path):
    with pytest.raises(IncompatibleError, match="threat=vector goes with a budget of rows"):
        run(**parts(budget=Rows(eps=0.5)), store=Store(tmp_path))
