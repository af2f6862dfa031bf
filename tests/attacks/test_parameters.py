"""Attacks on parameters, against losses whose worst change is known."""

import pytest
import torch
import torch.nn.functional as F

from vrbench.attacks.embedding.perturbation import (
    MSAP_START,
    EmbeddingNoise,
    EmbeddingPGD,
    Embeddings,
    EmbeddingShares,
)
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream

FGSM = EmbeddingPGD(steps=1, step=1.0)
BALL, BOX = Embeddings(eps=0.5), Embeddings(eps=0.5, norm="box")


def slopes(*rows):
    """A linear loss: its gradient, the same everywhere, and tables of its shape."""
    gradient = torch.tensor(rows)
    return {"rows": torch.ones_like(gradient)}, lambda change: {"rows": gradient}


def found(attack, tables, slope, budget, seed=0):
    return attack(tables, slope, budget, stream(seed))["rows"]


def test_one_step_is_eps_along_the_gradient_of_each_row():
    tables, slope = slopes([3.0, 4.0], [0.0, -1e-5], [0.0, 0.0])
    change = found(FGSM, tables, slope, BALL)
    assert torch.allclose(change, torch.tensor([[0.3, 0.4], [0.0, -0.5], [0.0, 0.0]]))
    assert tables["rows"].eq(1).all(), "the parameters were written"


@pytest.mark.parametrize("start", ["zero", "random"])
def test_many_steps_reach_the_worst_change_of_a_linear_loss(start):
    tables, slope = slopes([3.0, 4.0, 0.0], [1.0, -2.0, 2.0])
    attack = EmbeddingPGD(steps=200, step=0.25, start=start)
    ball = found(attack, tables, slope, BALL)
    worst = 0.5 * F.normalize(slope(None)["rows"], dim=1)
    assert torch.allclose(ball, worst, atol=1e-4)
    box = found(attack, tables, slope, BOX)
    steep = slope(None)["rows"] != 0
    assert torch.allclose(box[steep], 0.5 * slope(None)["rows"].sign()[steep])


def test_steps_stop_at_the_point_of_the_ball_nearest_to_a_peak():
    """Up -|x - peak|^2 with the peak outside: the optimum is the peak's projection."""
    peak = torch.tensor([[2.0, 1.0], [-3.0, 0.5]])
    tables = {"rows": torch.zeros(2, 2)}
    change = found(
        EmbeddingPGD(steps=100, step=0.25, start="random"),
        tables,
        lambda c: {"rows": peak - c["rows"]},
        BALL,
    )
    assert torch.allclose(change, 0.5 * F.normalize(peak, dim=1), atol=1e-5)


def test_the_gradient_is_asked_for_anew_at_every_step():
    asked = []

    def slope(change):
        asked.append(change["rows"].clone())
        return {"rows": torch.ones(1, 4)}

    found(EmbeddingPGD(steps=3), {"rows": torch.zeros(1, 4)}, slope, BALL)
    assert [round(float(a.norm()), 4) for a in asked] == [0, 0.125, 0.25]


def test_the_released_box_is_a_larger_budget_than_the_ball():
    """At 64 factors and equal eps: 2.5 eps after 10 steps, 8 eps at most; one step is alike."""
    tables, slope = slopes([1.0] * 64)
    for steps, length in ((10, 2.5), (25, 6.25), (100, 8.0)):
        attack = EmbeddingPGD(steps=steps)
        assert found(attack, tables, slope, BALL).norm() == pytest.approx(0.5, rel=1e-4)
        box = found(attack, tables, slope, BOX)
        assert box.norm() == pytest.approx(0.5 * length, rel=1e-4)
        assert BOX.spent(box) <= 0.5
    assert torch.equal(found(FGSM, tables, slope, BALL), found(FGSM, tables, slope, BOX))


def noted(*shape):
    """Tables of zeros, a slope of zero, and a list of the changes that it was asked at."""
    changes, tables = [], {"rows": torch.zeros(*shape)}

    def slope(change):
        changes.append(change["rows"])
        return tables

    return tables, slope, changes


def test_msaps_start_depends_on_neither_eps_nor_seed():
    tables, slope, firsts = noted(5, 64)
    for eps, seed in ((0.5, 0), (2.0, 1)):
        found(EmbeddingPGD(steps=1, start="msap2021"), tables, slope, Embeddings(eps=eps), seed)
    assert torch.equal(*firsts)
    assert 0.9 * MSAP_START < firsts[0].abs().max() <= MSAP_START
    assert firsts[0].norm(dim=1).mean() == pytest.approx(0.23, abs=0.02)


def test_a_random_start_fills_the_budget():
    tables, slope, firsts = noted(4000, 2)
    for budget in (BALL, BOX):
        found(EmbeddingPGD(steps=1, start="random"), tables, slope, budget)
    ball, box = firsts
    assert ball.norm(dim=1).max() <= 0.5
    assert (ball.norm(dim=1) < 0.25).float().mean() == pytest.approx(0.25, abs=0.03)
    assert box.abs().max() <= 0.5
    assert (box[:, 0] < -0.25).float().mean() == pytest.approx(0.25, abs=0.03)
    assert ball.mean(0).abs().max() < 0.02


def test_noise_is_as_long_as_an_attack_and_can_leave_alone_what_an_attack_cannot_reach():
    tables, slope = slopes([1.0] * 64, [0.0] * 64, [-1.0] * 64)
    all_rows = found(EmbeddingNoise(), tables, slope, BALL)
    assert all_rows.norm(dim=1).tolist() == pytest.approx([0.5, 0.5, 0.5])
    reached = found(EmbeddingNoise(rows="reached"), tables, slope, BALL)
    assert reached.norm(dim=1).tolist() == pytest.approx([0.5, 0, 0.5])
    assert torch.equal(all_rows[0], reached[0])
    assert F.cosine_similarity(all_rows[:1], all_rows[2:]).abs() < 0.4
    assert not torch.equal(all_rows, found(EmbeddingNoise(), tables, slope, BALL, seed=1))
    assert torch.equal(all_rows, found(EmbeddingNoise(), tables, slope, BALL))
    corner = found(EmbeddingNoise(), tables, slope, BOX)
    assert corner.abs().eq(0.5).all()


def test_no_budget_changes_nothing():
    tables, slope = slopes([1.0, 2.0])
    for attack in (FGSM, EmbeddingPGD(start="msap2021"), EmbeddingNoise()):
        for norm in ("row_l2", "box"):
            assert not found(attack, tables, slope, Embeddings(eps=0.0, norm=norm)).any()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Embeddings(eps=-1.0), "eps >= 0"),
        (lambda: Embeddings(eps=float("inf")), "finite eps"),
        (lambda: Embeddings(eps=1.0, norm="l2"), "row_l2 or box"),
        (lambda: EmbeddingPGD(steps=0), "steps >= 1"),
    ],
)
def test_mistakes_are_named(make, says):
    with pytest.raises(ConfigError, match=says):
        make()


@pytest.mark.parametrize("attack", [FGSM, EmbeddingPGD(steps=5, start="random"), EmbeddingNoise()])
def test_shares_of_a_row_do_not_depend_on_how_long_rows_are(attack):
    """A model whose rows are ten times as long is changed ten times as far, and likewise."""
    rows = torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 1.0]])  # of mean length 3
    changes = []
    for scale in (1.0, 10.0):
        tables = {"rows": scale * rows}
        goal = scale * torch.tensor([[5.0, 5.0, 5.0], [-1.0, 2.0, 0.0]])

        def slope(change, tables=tables, goal=goal):
            return {"rows": goal - tables["rows"] - change["rows"]}

        changes.append(found(attack, tables, slope, EmbeddingShares(eps=50.0)))
        size = changes[-1].norm(dim=1).max().item()
        assert size == pytest.approx(1.5 * scale, rel=1e-4)
    torch.testing.assert_close(10 * changes[0], changes[1])


def test_a_share_of_rows_of_zeros_is_no_change():
    tables, slope = slopes([3.0, 4.0])
    tables = {"rows": torch.zeros(1, 2)}
    assert not found(FGSM, tables, slope, EmbeddingShares(eps=50.0)).any()
