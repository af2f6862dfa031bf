"""Defensive distillation of NeuMF: what is learnt from whom, and at which temperature."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.distilled import DistilledNeuMF
from vrbench.recommenders.collaborative.neumf import NeuMF
from vrbench.testing.recommenders import RecommenderContract

FAST = {"factors": 8, "hidden": 16, "depth": 2, "epochs": 40, "batch_size": 64, "lr": 0.02}
SIZES = Sizes(30, 36, ())


@pytest.mark.slow
class TestDistilledNeuMF(RecommenderContract):
    make = partial(DistilledNeuMF, **FAST)


def begun(make, **settings):
    model = make(SIZES, **FAST | {"dropout": 0.0, "l2": 0.0} | settings)
    model.begin(None, stream(0))
    return model


def test_a_teacher_at_t_is_neumf_served_t_times_as_large(world):
    plain, hot = begun(NeuMF), begun(DistilledNeuMF, temperature=8.0)
    users, items = torch.tensor([0, 1]), torch.tensor([[3, 1, 2], [4, 0, 5]])
    torch.testing.assert_close(hot.loss(users, items), plain.loss(users, items))
    scores = [m.score(users, m.encode(torch.arange(36), None)) for m in (plain, hot)]
    torch.testing.assert_close(8 * scores[0], scores[1])


def test_a_student_learns_the_teacher_s_softened_probabilities():
    teacher, student = (begun(DistilledNeuMF, temperature=4.0) for _ in range(2))
    for weight in teacher.parameters():
        weight.data.add_(0.2 * torch.randn(weight.shape, generator=stream(3)))
    student._teacher = [teacher]
    users, items = torch.tensor([0, 1]), torch.tensor([[3, 1, 2], [4, 0, 5]])
    logits = [
        torch.stack([m(users, column) for column in items.T], 1) / 4.0 for m in (student, teacher)
    ]
    wanted = F.binary_cross_entropy_with_logits(logits[0], logits[1].sigmoid())
    torch.testing.assert_close(student.loss(users, items), wanted)
    student._teacher = []
    assert student.loss(users, items) != wanted


def test_both_are_taught_from_nothing_and_the_student_is_served(world):
    model = begun(DistilledNeuMF, epochs=6, eval_every=2, patience=9)
    history = model.fit(world.train, world.valid, None, stream(0))
    assert len(history.epochs) == 12
    assert 6 < history.best_epoch <= 12
    assert not model._teacher
    alone = begun(NeuMF, epochs=6, eval_every=2, patience=9)
    first = alone.fit(world.train, world.valid, None, stream(0))
    for a, b in zip(first.epochs, history.epochs, strict=False):
        assert a["loss"] == pytest.approx(b["loss"])
    assert not torch.allclose(alone.user.weight, model.user.weight)


def test_a_temperature_of_one_is_refused():
    with pytest.raises(ConfigError, match="DistilledNeuMF: expected temperature > 1"):
        DistilledNeuMF(SIZES, temperature=1.0)
