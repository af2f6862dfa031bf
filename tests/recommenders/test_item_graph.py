"""Neighbours by features, and what flows back through them."""

import pytest
import torch
from torch.nn.functional import normalize

from vrbench.core.seeds import stream
from vrbench.recommenders.multimodal import item_graph
from vrbench.recommenders.multimodal.item_graph import mixed, nearest, smoothed, weights

UNIT = torch.tensor([[1.0, 0], [0.8, 0.6], [0, 1], [-1, 0]])
TABLE = torch.tensor([[1.0], [10], [100], [1000]])


def test_neighbours_are_the_nearest_by_angle(monkeypatch):
    found = nearest(UNIT, UNIT, 2)
    assert found.items.tolist() == [[0, 1], [1, 0], [2, 1], [3, 2]]
    assert torch.allclose(found.cosines[:, 1], torch.tensor([0.8, 0.8, 0.6, 0]))
    monkeypatch.setattr(item_graph, "MOST", 4)
    assert torch.equal(nearest(UNIT, UNIT, 2).items, found.items)
    assert nearest(UNIT, UNIT, 9).items.shape == (4, 4)


def test_edges_weigh_alike_or_by_cosine():
    found = nearest(UNIT, UNIT, 4)
    assert torch.allclose(weights(found, "binary"), torch.full((4, 4), 0.25))
    wanted = torch.tensor([1 / 1.8, 0.8 / 1.8, 0, 0])
    assert torch.allclose(weights(found, "cosine")[0], wanted)
    assert mixed(UNIT[:1], UNIT, TABLE, 2, "binary").item() == pytest.approx(5.5)
    assert mixed(UNIT[:1], UNIT, TABLE, 2, "cosine").item() == pytest.approx(1 / 1.8 + 8 / 1.8)


def slope_and_difference(of, rows):
    """Return the gradient of a scalar function, and the finite difference, in float64."""
    rows = rows.double().requires_grad_()
    (slope,) = torch.autograd.grad(of(rows), rows)
    step = 1e-6
    differences = torch.zeros_like(rows)
    for at in range(rows.numel()):
        moved = torch.zeros(rows.numel(), dtype=torch.float64)
        moved[at] = step
        moved = moved.reshape(rows.shape)
        with torch.no_grad():
            differences.flatten()[at] = (of(rows + moved) - of(rows - moved)) / (2 * step)
    return slope, differences


def drawn():
    rng = stream(3)
    rows, table = torch.rand(9, 5, generator=rng), torch.randn(9, 4, generator=rng)
    return rows, table.double(), torch.randn(4, generator=rng).double()


def test_the_gradient_through_cosine_edges_is_the_finite_difference():
    rows, table, taste = drawn()

    def score(features):
        unit = normalize(features, dim=1)
        return (mixed(unit[:2], unit, table, 3, "cosine") @ taste).sum()

    slope, difference = slope_and_difference(score, rows)
    assert slope.abs().sum() > 0.1
    assert torch.allclose(slope, difference, atol=1e-6)


def test_binary_edges_have_the_value_of_the_graph_and_the_slope_of_the_smooth_one():
    rows, table, taste = drawn()
    rows = rows.double().requires_grad_()
    unit = normalize(rows, dim=1)
    hard, smooth = (mixed(unit[:2], unit, table, 3, "binary"), smoothed(unit[:2], unit, table, 3))
    plain = table[nearest(unit[:2], unit, 3).items].mean(1)
    assert torch.allclose(hard, plain, atol=1e-12)
    slopes = [
        torch.autograd.grad((of @ taste).sum(), rows, retain_graph=True)[0] for of in (hard, smooth)
    ]
    assert slopes[0].abs().sum() > 0.1
    assert torch.allclose(*slopes)


def test_the_smooth_graph_has_the_slope_written_down():
    """Of one item and fixed others: d/dc sigmoid((c - bar) / spread) / N, for every other."""
    others = normalize(drawn()[0][1:].double(), dim=1)
    rows, table = drawn()[0][:1].double().requires_grad_(), drawn()[1][1:]
    cosine = rows @ others.T
    ordered = cosine.detach().sort(descending=True).values[0]
    bar, spread = (ordered[2] + ordered[3]) / 2, cosine.detach().std(correction=0)
    share = 1 / (1 + torch.exp(-(cosine.detach() - bar) / spread))
    wanted = ((share * (1 - share) / spread / 3).T * table.sum(1, keepdim=True) * others).sum(0)
    (slope,) = torch.autograd.grad(smoothed(rows, others, table, 3).sum(), rows)
    assert torch.allclose(slope[0], wanted)
