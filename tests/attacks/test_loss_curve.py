"""The curve of a search: what was answered about each item, by the number of the answer."""

from itertools import islice

import pytest
import torch

from vrbench.attacks import PGD, SPSA
from vrbench.attacks.base import TwoSpeed, Verdict, ask
from vrbench.attacks.budget import Linf
from vrbench.attacks.loss_curve import Heard, curve, heard, kept_steps
from vrbench.attacks.oracle import Oracle
from vrbench.core.seeds import Streams

ITEMS = torch.tensor([7, 3])


class Reddest:
    """To have no red."""

    name = "reddest"

    def judge(self, x, items):
        red = x[:, 0].mean((1, 2))
        return Verdict(red, red - 0.2)


def search(attack, goal=None):
    clean = torch.full((2, 3, 4, 4), 0.5)
    with heard() as answers:
        attack(clean, ITEMS, goal or Reddest(), Linf(eps=8), Streams(0, "attack"))
    return answers.table(ITEMS)


def test_a_step_is_an_answer():
    found = search(PGD(steps=10, step=0.1, random_start=False))
    told = 0.5 - torch.arange(10) * 0.8 / 255
    torch.testing.assert_close(found, told.expand(2, 10).float(), rtol=0, atol=1e-6)
    points = curve(found)
    assert [p["step"] for p in points] == list(range(1, 11))
    assert points[-1]["loss"] == pytest.approx(0.5 - 7.2 / 255, abs=1e-6)


def test_an_answer_behind_a_counter_is_heard_once():
    goal = Oracle(Reddest())
    with heard() as answers:
        ask(goal, torch.full((2, 3, 4, 4), 0.5), ITEMS)
    assert answers.table(ITEMS).shape == (2, 1)
    assert answers.table(ITEMS).tolist() == [[0.5], [0.5]]


def test_what_only_confirms_is_no_step():
    goal = TwoSpeed(Reddest(), Reddest())
    with heard() as answers:
        goal.confirm(torch.zeros(2, 3, 4, 4), ITEMS)
        ask(goal, torch.full((2, 3, 4, 4), 0.5), ITEMS)
    assert answers.table(ITEMS).tolist() == [[0.5], [0.5]]


def test_questions_of_a_black_box_make_a_curve_that_falls():
    points = curve(search(SPSA(queries=400)))
    assert points[-1]["step"] <= 400
    assert points[-1]["loss"] < points[0]["loss"]


def test_an_item_that_left_counts_with_its_last_loss():
    answers = Heard()
    for items, losses in (([7, 3], [4.0, 2.0]), ([3], [1.0]), ([3], [0.0])):
        answers.add(torch.tensor(items), torch.tensor(losses))
    table = answers.table(ITEMS)
    assert table[0].tolist()[0] == 4.0
    assert table[0, 1:].isnan().all()
    assert table[1].tolist() == [2.0, 1.0, 0.0]
    assert [p["loss"] for p in curve(table)] == [3.0, 2.5, 2.0]


def test_of_a_long_search_the_later_answers_are_thinned():
    answers = Heard()
    for n in range(10_000):
        answers.add(ITEMS, torch.tensor([float(n), -1.0]))
    table = answers.table(ITEMS)
    assert table.shape[1] < 170
    assert table[0].add(1).tolist() == list(islice(kept_steps(), table.shape[1]))
    assert set(table[1].tolist()) == {-1.0}


def test_where_nobody_was_asked_there_is_no_curve():
    assert curve(Heard().table(ITEMS)) == []
    assert curve(torch.full((2, 5), torch.nan)) == []
