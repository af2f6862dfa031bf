import pytest
import torch

from vrbench.core.errors import DataError
from vrbench.data.interactions import Interactions


def some():
    users, items = torch.tensor([2, 0, 2, 0, 0]), torch.tensor([1, 3, 0, 1, 3])
    return Interactions.of(users, items, 4, 5, timestamps=torch.tensor([1, 2, 3, 4, 5]))


def test_pairs_become_sorted_rows_and_the_last_of_a_repeated_pair_is_kept():
    made = some()
    assert made.indptr.tolist() == [0, 2, 2, 4, 4]
    assert made.items.tolist() == [1, 3, 0, 1]
    assert made.users.tolist() == [0, 0, 2, 2]
    assert made.timestamps.tolist() == [4, 5, 3, 1]
    assert made.popularity.tolist() == [1, 2, 0, 1, 0]


def test_membership_is_that_of_the_matrix():
    made = some()
    users, items = torch.meshgrid(torch.arange(4), torch.arange(5), indexing="ij")
    assert torch.equal(made.contains(users, items), made.matrix())
    empty = Interactions.of(torch.tensor([]).long(), torch.tensor([]).long(), 4, 5)
    assert not empty.contains(users, items).any()


def test_pairs_of_users_are_gathered_in_order():
    row, item = some().pairs_of(torch.tensor([2, 1, 0, 2]))
    assert list(zip(row.tolist(), item.tolist(), strict=True)) == [
        (0, 0),
        (0, 1),
        (2, 1),
        (2, 3),
        (3, 0),
        (3, 1),
    ]


def test_a_union_holds_both():
    other = Interactions.of(torch.tensor([1]), torch.tensor([4]), 4, 5)
    assert torch.equal((some() | other).matrix(), some().matrix() | other.matrix())


def test_ids_out_of_range_are_named():
    with pytest.raises(DataError, match=r"expected item ids in 0\.\.4, got 5"):
        Interactions.of(torch.tensor([0]), torch.tensor([5]), 4, 5)
    with pytest.raises(DataError, match="vectors of one length"):
        Interactions.of(torch.tensor([0]), torch.tensor([1, 2]), 4, 5)
