"""How many scores exceed one, by hand and on every way to it."""

import os
import subprocess
import sys

import pytest
import torch

from tests.interpreter import needs_interpreter
from vrbench.recommenders import counting
from vrbench.recommenders.counting import Counter, counts

SCORE = torch.tensor([[3.0, 1.0, 2.0, 2.0], [0.0, -torch.inf, 0.0, 5.0]])
ROW, OWN = torch.tensor([0, 0, 0, 1]), torch.tensor([2.0, 3.0, 0.5, 0.0])


def test_by_hand():
    more, as_much = counts(SCORE, ROW, OWN)
    assert more.tolist() == [1, 0, 4, 1]
    assert as_much.tolist() == [3, 1, 4, 3]
    none = counts(SCORE, ROW[:0], OWN[:0])
    assert [len(n) for n in none] == [0, 0]


@pytest.mark.parametrize("columns", [1, 7, 8, 255, 2040, 2041, 5000])
@pytest.mark.parametrize("cached", [1, 30, 2**13])
def test_every_way_counts_alike(columns, cached, monkeypatch):
    monkeypatch.setattr(counting, "CACHED", cached)
    monkeypatch.setattr(counting, "GATHERED", 3 * columns)
    rng = torch.Generator().manual_seed(columns)
    score = torch.randint(-3, 3, (11, columns), generator=rng).float()
    row = torch.randint(0, 11, (40,), generator=rng).sort().values
    own = score[row, torch.randint(0, columns, (40,), generator=rng)]
    expected = [torch.stack([f(score[r], o).sum() for r, o in zip(row, own, strict=True)])
                for f in (torch.gt, torch.ge)]  # fmt: skip
    for found in (counts(score, row, own), counting._in_torch(score, row, own)):
        assert torch.equal(found[0], expected[0])
        assert torch.equal(found[1], expected[1])


def test_a_million_that_all_exceed_overflow_no_byte():
    rows = torch.ones(2, 1_000_001).numpy()
    found = Counter(2, 1_000_001)(rows, torch.tensor([0.0, 1.0]).numpy())
    assert found.tolist() == [[1_000_001, 0], [1_000_001, 1_000_001]]


KERNEL = """
import torch
from vrbench.recommenders.counting import _in_torch
from vrbench.recommenders.counting_triton import counts_in_triton
rng = torch.Generator().manual_seed(0)
score = torch.randint(-3, 3, (5, 5000), generator=rng).float()
score[0, :3] = -torch.inf
row, own = torch.tensor([0, 0, 3, 4]), torch.tensor([-torch.inf, 1.0, 9.0, 0.0])
for a, b in zip(counts_in_triton(score, row, own), _in_torch(score, row, own), strict=True):
    assert torch.equal(a, b)
"""


@needs_interpreter
def test_the_kernel_counts_alike_in_tritons_interpreter():
    told = os.environ | {"TRITON_INTERPRET": "1"}
    subprocess.run([sys.executable, "-c", KERNEL], env=told, check=True, timeout=120)
