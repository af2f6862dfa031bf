"""Rows that round alike in any company, on sizes at which ordinary sums do not."""

import pytest
import torch

from vrbench.attacks.sums import each, lengths, power, row_sums, total, units
from vrbench.core.seeds import stream

SIZES = [1, 2, 3, 7, 96, 1000, 3 * 65 * 63, 3 * 224 * 224]


@pytest.fixture(params=[1, 3], ids=["one thread", "three threads"])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


def rows(n, size):
    return torch.randn(n, size, generator=stream(0, n, size))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("function", [row_sums, lengths, units])
def test_a_row_is_the_same_alone_and_in_company(threads, size, function):
    x = rows(9, size)
    together = function(x)
    for part in (slice(0, 1), slice(3, 5), slice(8, 9), slice(1, 9)):
        assert torch.equal(function(x[part].clone()), together[part])
    shifted = torch.cat([x.new_zeros(1), x.flatten()])[1:].reshape(9, size)  # another alignment
    assert torch.equal(function(shifted), together)


@pytest.mark.parametrize("size", SIZES)
def test_they_are_sums_and_lengths(size):
    x = rows(4, size)
    scale = x.double().abs().sum(1).float()
    assert ((row_sums(x) - x.double().sum(1).float()).abs() <= 1e-6 * scale).all()
    assert torch.allclose(lengths(x), x.double().norm(dim=1).float(), rtol=1e-5)
    assert torch.allclose(lengths(units(x)), torch.ones(4), rtol=1e-5)


def test_any_dimension_can_be_summed_and_none_may_be_there():
    x = torch.randint(-9, 9, (3, 5, 4), generator=stream(1)).float()
    for dim in range(3):
        assert torch.equal(total(x, dim), x.sum(dim))
    assert torch.equal(total(torch.ones(2, 0)), torch.zeros(2))
    assert row_sums(torch.ones(0, 3, 2, 2)).shape == (0,)
    assert torch.equal(units(torch.zeros(2, 3)), torch.zeros(2, 3))


def test_gradients_go_through():
    x = rows(3, 5).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: (total(x, 1), total(x, 0)), x)


@pytest.mark.parametrize("size", [1, 5, 37, 1000])
def test_what_is_not_exactly_rounded_goes_row_by_row(size):
    x = rows(7, size)
    together = each(torch.tanh, x)
    assert torch.allclose(together, x.tanh())
    for n in range(7):
        assert torch.equal(each(torch.tanh, x[n:]), together[n:])
    assert each(torch.tanh, x[:0]).shape == (0, size)


def test_powers_are_looked_up():
    exponents = torch.tensor([[0, 1, 2], [400, 7, 0]])
    expected = [[1, 0.9, 0.81], [0.9**400, 0.9**7, 1]]
    assert torch.allclose(power(0.9, exponents.float()), torch.tensor(expected))
    assert power(0.9, exponents[:0]).shape == (0, 3)
