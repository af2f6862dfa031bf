"""The visual share, on models whose share is known."""

from functools import partial

import pytest
import torch
from torch import nn

from vrbench.attacks.noise import Noise
from vrbench.bench.run import run
from vrbench.bench.store import Store
from vrbench.core.seeds import stream
from vrbench.core.visuals import Signal, Table
from vrbench.metrics.visual_share import VisualShare
from vrbench.recommenders.base import History, Recommender
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.recommenders.visual.alexrank import AlexRank
from vrbench.recommenders.visual.vbpr import VBPR
from vrbench.recommenders.visual_share import visual_share
from vrbench.testing.views import dataset, view
from vrbench.testing.world import parts
from vrbench.threats.objectives.misclassification import TargetClass

USERS, ITEMS, DIM = 5, 400, 3


def normal(name, *shape):
    """Columns of mean 0, variance 1 and no covariance, so that shares come out exactly."""
    drawn = torch.randn(*shape, generator=stream(0, name), dtype=torch.float64)
    centred = drawn - drawn.mean(0)
    return torch.linalg.qr(centred).Q * shape[0] ** 0.5


BOTH = normal("known", ITEMS, DIM + 1)
LOOKS, MERIT = BOTH[:, :DIM], BOTH[:, DIM]


class Known(Recommender):
    """``score = weight * (taste_u . look_i) + merit * merit_i + offset_u``, taste of length 1."""

    name = "Known"
    signal = Signal.VECTOR

    def __init__(self, weight, merit):
        super().__init__()
        self.weight, self.merit = weight, merit
        taste = torch.randn(USERS, DIM, generator=stream(0, "taste"))
        self.taste = nn.Parameter(nn.functional.normalize(taste), requires_grad=False)

    def fit(self, train, valid, visuals, rng):
        return History(0, 0)

    def encode(self, items, visuals):
        return visuals[items], MERIT[items].float()

    def score(self, users, encoded):
        looks, merit = encoded
        offset = torch.arange(USERS)[users, None]
        return self.weight * self.taste[users] @ looks.T + self.merit * merit + offset


class Blind(Known):
    name, signal = "Blind", None


def table(shift=0.0):
    return Table(Signal.VECTOR, LOOKS.float() + shift, None)


@pytest.mark.parametrize(
    ("weight", "merit", "share"),
    [(0.0, 1.0, 0.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.5), (1.0, 3.0, 0.1), (-2.0, 1.0, 0.8)],
)
@pytest.mark.parametrize("shift", [0.0, 10.0])
def test_the_share_is_that_of_a_model_built_with_it(weight, merit, share, shift):
    found = visual_share(Known(weight, merit), table(shift), USERS)
    assert found == pytest.approx(torch.full((USERS,), share), abs=1e-4)


def test_who_is_shown_nothing_has_none():
    assert visual_share(Blind(1.0, 1.0), table(), USERS).tolist() == [0.0] * USERS


def test_who_scores_all_alike_has_no_share():
    assert visual_share(Known(0.0, 0.0), table(), USERS).isnan().all()


@pytest.mark.parametrize(
    ("recommender", "least", "most"),
    [
        (partial(BPRMF, epochs=2), 0.0, 0.0),
        (partial(VBPR, epochs=4, batch_size=64, lr=0.05, visual_lr=0.05, l2=0.01), 0.2, 1.0),
        (partial(AlexRank), 0.999, 1.0),
    ],
)
def test_a_run_has_a_row_of_it(recommender, least, most, tmp_path):
    given = parts(recommender=recommender, metrics=[VisualShare()], attack=Noise(), control=True)
    given |= {"objective": partial(TargetClass)}
    found = run(**given, store=Store(tmp_path))
    row = found.rows[0]
    assert row.metric == "visual share"
    for value in (row.before, row.after, row.control):
        assert least <= value <= most
    assert found.rows == run(**given, store=Store(tmp_path, dry=True)).rows


def test_without_a_share_there_is_nothing_to_say():
    seen = view([[0, 1]], data=dataset([[0, 1]], 2))
    assert VisualShare().measure(seen, dataset([[0, 1]], 2)).isnan().all()
