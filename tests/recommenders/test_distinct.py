"""The distinct items of a batch, as a processor and as a captured step take them."""

import pytest
import torch

from vrbench.recommenders.training.distinct import _padded, distinct


@pytest.mark.parametrize("ids", [[3], [5, 5, 5], [9, 2, 9, 4, 2, 0], [7, 6, 5, 4]])
def test_padded_ones_are_the_distinct_ones_and_the_first_again(ids):
    items = torch.tensor(ids)
    found, where = _padded(items)
    expected, place = distinct(items)
    assert found[: len(expected)].tolist() == expected.tolist() == sorted(set(ids))
    assert set(found[len(expected) :].tolist()) <= {min(ids)}
    assert where.tolist() == place.tolist()
    assert found[where].tolist() == ids
