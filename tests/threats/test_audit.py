import numpy as np
import pytest
import torch
from scipy.stats import norm

from vrbench.attacks.black_box.gradient_estimation import NES, SPSA
from vrbench.attacks.black_box.regression import FeatureRegression
from vrbench.attacks.budget import Linf
from vrbench.attacks.oracle import Oracle
from vrbench.core.errors import ConfigError, DataError, IncompatibleError
from vrbench.core.seeds import Streams
from vrbench.extractors.toy import Colour
from vrbench.threats.external_recommender import Audit


def redness(pictures, item_ids):
    """Somebody's own service: more red, higher score."""
    assert isinstance(pictures, np.ndarray)
    assert pictures.dtype == np.uint8
    assert pictures.shape[1:] == (16, 16, 3)
    assert item_ids.shape == pictures.shape[:1]
    return pictures[..., 0].mean((1, 2)) - pictures[..., 1].mean((1, 2))


@pytest.mark.parametrize(
    "attack",
    [SPSA(queries=96, directions=8), NES(queries=96, directions=8), FeatureRegression(queries=96)],
)
def test_any_black_box_attack_audits_a_plain_function(attack, world):
    items = torch.tensor([1, 4, 7])
    clean = world.catalogue.images[items]
    goal = Oracle(Audit(redness, Colour(), reach=1000), limit=attack.queries)
    found = attack(clean, items, goal, Linf(eps=16), Streams(0))

    def score(x):
        return redness((x.permute(0, 2, 3, 1) * 255).round().byte().numpy(), items.numpy())

    assert (score(found) > score(clean) + 2).all()
    assert (goal.asked(items) == 96).all()


def test_scores_and_ranks_become_losses_and_margins(world):
    x, items = world.catalogue.images[torch.arange(3)], torch.arange(3)
    verdict = Audit(lambda p, i: [0.5, 2, 3], reach=2).judge(x, items)
    assert verdict.loss.tolist() == [-0.5, -2, -3]
    assert verdict.margin.tolist() == [1.5, 0, -1]
    ranks = np.array([1, 20, 21])
    goal = Audit(lambda p, i: torch.tensor(ranks), gives="ranks", num_items=99)
    verdict = goal.judge(x, items)
    np.testing.assert_allclose(verdict.loss, -norm.ppf(1 - ranks / 100), rtol=1e-5)
    assert goal.reached(x, items).tolist() == [True, True, False]
    beyond = Audit(lambda p, i: [99, 500, 10**9], gives="ranks", num_items=99)
    assert beyond.judge(x, items).loss.isfinite().all()


def test_pictures_are_those_of_an_upload_or_as_they_are():
    x, seen = torch.full((1, 3, 2, 2), 100.6 / 255), {}
    x[:, 2] = 0
    for kind in ("uint8", "float"):

        def answer(pictures, item_ids, kind=kind):
            seen[kind] = pictures, item_ids
            return [0.0]

        Audit(answer, pictures=kind).judge(x, torch.tensor([7]))
    assert seen["uint8"][0][0, 0, 0].tolist() == [101, 101, 0]
    assert seen["float"][0][0, 0, 0].tolist() == pytest.approx([100.6 / 255, 100.6 / 255, 0])
    assert seen["uint8"][1].tolist() == [7]


def crash(pictures, item_ids):
    raise ValueError("no such\nuser")


@pytest.mark.parametrize(
    ("answer", "gives", "message"),
    [
        (crash, "scores", "failed on 3 pictures: ValueError: no such user$"),
        (lambda p, i: [0.0, float("nan"), 1.0], "scores", "for item 5 it returned nan"),
        (lambda p, i: [1, 2, 0], "ranks", "ranks from 1; for item 9 it returned 0"),
        (lambda p, i: [0.0, 1.0], "scores", r"one number per picture, 3 in a vector; got shape"),
        (lambda p, i: np.zeros((3, 1)), "scores", r"got shape \(3, 1\)"),
        (lambda p, i: None, "scores", r"got"),
        (lambda p, i: "high", "scores", "must return numbers, got str"),
    ],
)
def test_a_function_that_misbehaves_gets_one_clear_line(answer, gives, message, world):
    goal = Audit(answer, gives=gives, num_items=30)
    with pytest.raises(DataError, match=message) as caught:
        goal.judge(world.catalogue.images[torch.arange(3)], torch.tensor([2, 5, 9]))
    assert "\n" not in str(caught.value)


def test_settings_and_what_is_not_known():
    with pytest.raises(ConfigError, match="ranks need num_items"):
        Audit(redness, gives="ranks")
    with pytest.raises(ConfigError, match="expected a function"):
        Audit(3)
    with pytest.raises(IncompatibleError, match="knows no extractor"):
        Audit(redness).see(torch.zeros(1, 3, 2, 2))
