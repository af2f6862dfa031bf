"""Every optimiser of rows takes the steps of torch's own."""

import copy

import pytest
import torch
from torch import nn

from vrbench.recommenders.training.captured import Captured
from vrbench.recommenders.training.row_adam import RowAdam, TouchedAdam


@pytest.mark.parametrize("width", [1, 5])
@pytest.mark.parametrize(("ours", "sparse"), [(RowAdam, False), (TouchedAdam, True)])
def test_its_steps_are_those_of_sparse_adam(ours, sparse, width):
    rng = torch.Generator().manual_seed(0)
    theirs = nn.Embedding(9, width, sparse=True)
    theirs.weight.data.copy_(torch.randn(9, width, generator=rng))
    mine = copy.deepcopy(theirs)
    mine.sparse = sparse
    aim = torch.randn(9, width, generator=rng)
    first = theirs.weight.detach().clone()
    optimisers = [torch.optim.SparseAdam(theirs.parameters(), lr=0.1), ours(mine.parameters(), 0.1)]
    for _ in range(25):
        rows = torch.randint(0, 7, (6,), generator=rng)  # some twice, the last two never
        for table, optimiser in zip((theirs, mine), optimisers, strict=True):
            optimiser.zero_grad()
            (table(rows) - aim[rows]).square().sum().backward()
            optimiser.step()
    torch.testing.assert_close(mine.weight, theirs.weight, rtol=1e-5, atol=1e-6)
    assert torch.equal(mine.weight[7:], first[7:])
    assert not torch.allclose(mine.weight[:7], first[:7])


def test_a_batch_of_nothing_moves_nothing():
    table = nn.Embedding(3, 2, sparse=True)
    before = table.weight.detach().clone()
    table(torch.empty(0, dtype=torch.int64)).sum().backward()
    TouchedAdam(table.parameters(), lr=1.0).step()
    assert torch.equal(table.weight, before)


@pytest.mark.parametrize("ours", [RowAdam, TouchedAdam])
def test_a_table_without_a_gradient_stays(ours):
    table = nn.Parameter(torch.ones(2, 2))
    ours([table], lr=1.0).step()
    assert torch.equal(table, torch.ones(2, 2))


def test_on_a_processor_nothing_is_captured():
    taken = []
    step = Captured(taken.append, 2, "a model")
    for n in range(6):
        step((torch.tensor([n, n]),))
    assert [int(batch[0][0]) for batch in taken] == list(range(6))
