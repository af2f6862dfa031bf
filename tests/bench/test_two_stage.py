"""New items among candidates, through the whole run."""

from functools import partial

import pytest
import torch

from tests.bench.test_run import FAST, attack, made, row  # noqa: F401 (a fixture)
from vrbench.attacks.budget import L2, Linf
from vrbench.attacks.gradient.adam import AdamPGD
from vrbench.attacks.semantic.compose import Compose
from vrbench.core.errors import ConfigError, IncompatibleError
from vrbench.data.splits.assignment import inject
from vrbench.metrics.injected import InjectedHR, InjectedRank, TwoStageHR
from vrbench.metrics.shift import PredictionShift
from vrbench.recommenders.visual.alexrank import AlexRank
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.threats.objectives.feature_matching import MatchFeatures
from vrbench.threats.objectives.promotion import Promote
from vrbench.threats.scenario.cold_start import ColdStart
from vrbench.threats.threat import Threat

METRICS = [InjectedHR(k=3), InjectedRank(), TwoStageHR(k=1), PredictionShift()]
BPR = partial(VBPR, **FAST, visual_lr=0.05, l2_visual=0.0001)


@pytest.fixture
def promote(attack, world):  # noqa: F811
    return partial(
        attack,
        dataset=inject(world, share=0.25),
        scenario=ColdStart(min_items=5, candidates=8),
        objective=partial(Promote),
        attack=AdamPGD(steps=60),
        metrics=METRICS,
    )


@pytest.mark.parametrize("recommender", [BPR, AlexRank], ids=["VBPR", "AlexRank"])
def test_an_insider_raises_scores_and_a_budget_of_nothing_changes_nothing(promote, recommender):
    result = promote(recommender=recommender)
    assert result.case.source == "new items"
    assert torch.equal(result.case.items, promote.keywords["dataset"].cold_items)
    assert row(result, "prediction shift").after > 0
    assert row(result, "injected rank").after != row(result, "injected rank").before
    still = promote(recommender=recommender, budget=Linf(eps=0))
    for metric in ("injected HR@3", "injected rank", "two-stage HR@1"):
        assert row(still, metric).before == row(still, metric).after == row(result, metric).before


def test_what_enters_pushes_out(promote):
    result = promote(recommender=BPR, budget=Linf(eps=255))
    injected, tested = row(result, "injected HR@3"), row(result, "two-stage HR@1")
    assert injected.after > injected.before
    assert tested.after < tested.before


def test_an_expert_and_an_editor_need_no_recommender(promote):
    for attacker, budget in ((AdamPGD(steps=60), Linf(eps=96)), (Compose(), L2(eps=float("inf")))):
        goal = partial(MatchFeatures, hook="shop")
        for recommender in (BPR, AlexRank):
            promote(recommender=recommender, attack=attacker, budget=budget, objective=goal)
    assert made(promote.keywords["store"])["attacks"] == 2


def test_candidates_are_made_once_and_only_where_they_are_asked_for(promote, attack):  # noqa: F811
    root = attack.keywords["store"].root
    attack()
    assert not (root / "candidates").exists()
    for recommender in (BPR, AlexRank):
        promote(recommender=recommender)
    assert len(list(root.glob("candidates/*/spec.json"))) == 1
    assert len(list(root.glob("injections/*/spec.json"))) == 4  # two models, clean and attacked


def test_without_an_attack_clean_new_items_are_measured(promote):
    alone = promote(recommender=BPR, threat=Threat(timing="none"))
    both = promote(recommender=BPR)
    for metric in ("injected HR@3", "injected rank", "two-stage HR@1"):
        assert row(alone, metric).before == row(both, metric).before
        assert row(alone, metric).after is None


def test_poisoning_has_a_floor(promote):
    result = promote(recommender=BPR, threat=Threat(timing="poisoning"))
    assert row(result, "injected HR@3").control is not None


def test_impossible_protocols_are_refused(promote, attack, world):  # noqa: F811
    with pytest.raises(IncompatibleError, match="injected HR@3 needs scenario=cold_start"):
        attack(metrics=METRICS)
    with pytest.raises(IncompatibleError, match="no item is cold"):
        promote(dataset=world)
    with pytest.raises(ConfigError, match="at most the 27 known items, got 28"):
        promote(scenario=ColdStart(min_items=5, candidates=28))
    with pytest.raises(ConfigError, match="a list of 3 places is longer than"):
        promote(scenario=ColdStart(min_items=5, candidates=2))
    with pytest.raises(IncompatibleError, match="generator must not look at images"):
        promote(scenario=ColdStart(min_items=5, candidates=8, generator=BPR))
