import pytest
import torch

from vrbench.core.errors import ConfigError
from vrbench.core.visuals import Signal, Table


def table():
    return Table(Signal.VECTOR, torch.arange(12.0).reshape(6, 2), "t")


def test_an_overlay_replaces_a_few_entries_and_lets_gradients_through():
    values = torch.tensor([[-1.0, -2.0], [-3.0, -4.0]], requires_grad=True)
    overlaid = table().overlay(torch.tensor([4, 1]), values, "new")
    seen = overlaid[torch.tensor([[1, 0], [4, 5]])]
    assert seen.tolist() == [[[-3, -4], [0, 1]], [[-1, -2], [10, 11]]]
    seen[1, 0].sum().backward()
    assert values.grad.tolist() == [[1, 1], [0, 0]]
    assert overlaid.spec == {"base": "t", "overlay": "new"}


def test_an_overlay_of_the_wrong_shape_is_refused():
    with pytest.raises(ConfigError, match=r"expected values of shape \(1, 2\)"):
        table().overlay(torch.tensor([0]), torch.zeros(1, 3))


def test_eight_bit_pixels_are_read_between_0_and_1():
    rows = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(3, 1, 1, 1)
    pixels = Table(Signal.PIXELS, rows, None)[torch.tensor([2, 1])]
    assert pixels.flatten().tolist() == pytest.approx([1.0, 0.2])


def test_half_precision_maps_are_read_as_float32():
    maps = Table(Signal.MAPS, torch.zeros(2, 3, 4).half(), None, resident=False)
    assert maps[torch.tensor([[0, 1]])].dtype == torch.float32


def test_a_difference_is_that_of_the_entries():
    a, b = torch.tensor([0, 5, 2, 0]), torch.tensor([3, 5, 0, 1])
    wide = Table(
        Signal.VECTOR, torch.randn(6, 33, generator=torch.Generator().manual_seed(0)), None
    )
    overlaid = wide.overlay(torch.tensor([2]), torch.ones(1, 33))
    for visuals in (wide, overlaid, Table(Signal.MAPS, torch.rand(6, 2, 3).half(), None)):
        assert torch.equal(visuals.difference(a, b), visuals[a] - visuals[b])
