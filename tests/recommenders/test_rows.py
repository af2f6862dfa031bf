from copy import deepcopy

import pytest
import torch
from scipy import sparse

from tests.another_device import DEVICE, WAITED, taken_for_a_gpu
from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.sparse_matrix import SparseRows, matrix_of

DENSE = torch.tensor([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 3.0], [0.0, 4.0, 0.0]])


@pytest.fixture
def rows():
    made = SparseRows(4, 3)
    made.hold(sparse.csr_matrix(DENSE.numpy()))
    return made


def test_rows_are_those_of_the_matrix(rows):
    some = torch.tensor([3, 1, 2, 2])
    assert torch.equal(rows.dense(some), DENSE[some])
    assert rows.count(some).tolist() == [1, 0, 2, 2]
    place, entry = rows.select(some)
    assert place.tolist() == [0, 2, 2, 3, 3]
    assert rows.column[entry].tolist() == [1, 0, 2, 0, 2]


def test_products_are_those_of_the_matrix_and_so_are_gradients(rows):
    some = torch.tensor([3, 1, 2, 2])
    table = torch.randn(3, 5, generator=stream(0), requires_grad=True)
    assert torch.allclose(rows.times(table, some), DENSE[some] @ table)
    assert torch.allclose(rows.times_all(table), DENSE @ table)
    (found,) = torch.autograd.grad(rows.times(table, some).square().sum(), table)
    (wanted,) = torch.autograd.grad((DENSE[some] @ table).square().sum(), table)
    assert torch.allclose(found, wanted)


@pytest.mark.parametrize("stored", [False, True])
def test_a_gpu_is_not_asked_how_many_entries_distinct_rows_have(rows, stored):
    """Rows without entries, too, and the first again behind the others, as ``distinct`` gives it.

    Entries of the largest rows are room for those of any.
    """
    if stored:
        given, rows = rows.state_dict(), SparseRows(4, 3)
        rows.load_state_dict(given)
    asked, some = torch.tensor([3, 1, 2, 2, 3]), torch.tensor([0, 1, 3, 0, 0])
    table = torch.randn(3, 5, generator=stream(0), requires_grad=True)
    (wanted,) = torch.autograd.grad((DENSE[asked] @ table).square().sum(), table)
    with taken_for_a_gpu():
        there, values = deepcopy(rows).to(DEVICE), table.detach().to(DEVICE).requires_grad_()
        users, items, known = (t.to(DEVICE) for t in (asked, asked % 3, some))
        none = SparseRows(4, 3).to(DEVICE)
        WAITED.clear()
        sums, dense = there.sums(values, users), there.dense(known, once=True)
        nothing, owned = none.sums(values, users), there.contains(users, items)
        (found,) = torch.autograd.grad(sums.square().sum(), values)
        assert not WAITED
        sums, dense, found, nothing, owned = (
            part.detach().cpu() for part in (sums, dense, found, nothing, owned)
        )
    assert torch.allclose(sums, DENSE[asked] @ table)
    assert torch.allclose(found, wanted)
    assert torch.equal(dense[:3], DENSE[some[:3]])
    assert torch.equal(owned, DENSE[asked, asked % 3] > 0)
    assert torch.equal(nothing, torch.zeros(5, 5))


def test_membership_is_pair_by_pair(rows):
    row, column = (DENSE == DENSE).nonzero().T
    assert torch.equal(rows.contains(row, column), (DENSE > 0).flatten())
    assert not SparseRows(4, 3).contains(row, column).any()


def test_an_empty_matrix_gives_zeros():
    table = torch.ones(3, 2, requires_grad=True)
    made = SparseRows(4, 3).times_all(table)
    assert torch.equal(made, torch.zeros(4, 2))
    made.sum().backward()
    assert torch.equal(table.grad, torch.zeros(3, 2))


def test_feedback_becomes_zeros_and_ones():
    users, items = torch.tensor([1, 0, 1]), torch.tensor([2, 0, 0])
    made = matrix_of(Interactions.of(users, items, 3, 4, None, torch.tensor([5.0, 1.0, 2.0])))
    assert made.toarray().tolist() == [[1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
