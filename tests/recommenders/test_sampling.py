import torch

from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.sampling import negatives


def test_negatives_are_uniform_over_what_a_user_does_not_own():
    train = Interactions.of(torch.tensor([0, 0, 1]), torch.tensor([1, 3, 0]), 2, 5)
    drawn = negatives(train, torch.zeros(9000, dtype=torch.int64), stream(0))
    counts = torch.bincount(drawn, minlength=5)
    assert counts[[1, 3]].tolist() == [0, 0]
    assert (counts[[0, 2, 4]] - 3000).abs().max() < 200


def test_a_user_who_owns_nearly_everything_gets_the_rest():
    items = torch.arange(1000)
    items = items[items != 617]
    train = Interactions.of(torch.zeros(999, dtype=torch.int64), items, 1, 1000)
    assert negatives(train, torch.zeros(50, dtype=torch.int64), stream(0)).unique().item() == 617


def test_seeds_change_what_is_drawn():
    train = Interactions.of(torch.tensor([0]), torch.tensor([1]), 1, 100)
    users = torch.zeros(50, dtype=torch.int64)
    a, b = (negatives(train, users, stream(s)) for s in (0, 1))
    assert not torch.equal(a, b)
