"""What a GPU steps by is what a processor steps by."""

import copy

import pytest
import torch
from torch import nn

from vrbench.recommenders.training.captured import Captured
from vrbench.recommenders.training.row_adam import RowAdam


@pytest.mark.parametrize("width", [1, 5])
def test_its_steps_are_those_of_sparse_adam(width):
    rng = torch.Generator().manual_seed(0)
    sparse = nn.Embedding(9, width, sparse=True)
    sparse.weight.data.copy_(torch.randn(9, width, generator=rng))
    dense = copy.deepcopy(sparse)
    dense.sparse = False
    aim = torch.randn(9, width, generator=rng)
    first = sparse.weight.detach().clone()
    theirs = torch.optim.SparseAdam(sparse.parameters(), lr=0.1)
    ours = RowAdam(dense.parameters(), lr=0.1)
    for _ in range(25):
        rows = torch.randint(0, 7, (6,), generator=rng)  # some twice, the last two never
        for table, optimiser in ((sparse, theirs), (dense, ours)):
            optimiser.zero_grad()
            (table(rows) - aim[rows]).square().sum().backward()
            optimiser.step()
    torch.testing.assert_close(dense.weight, sparse.weight, rtol=1e-5, atol=1e-6)
    assert torch.equal(dense.weight[7:], first[7:])
    assert not torch.allclose(dense.weight[:7], first[:7])


def test_a_table_without_a_gradient_stays():
    table = nn.Parameter(torch.ones(2, 2))
    RowAdam([table], lr=1.0).step()
    assert torch.equal(table, torch.ones(2, 2))


def test_on_a_processor_nothing_is_captured():
    taken = []
    step = Captured(taken.append, 2, "a model")
    for n in range(6):
        step((torch.tensor([n, n]),))
    assert [int(batch[0][0]) for batch in taken] == list(range(6))
