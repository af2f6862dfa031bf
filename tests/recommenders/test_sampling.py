import torch

from vrbench.core.seeds import stream
from vrbench.data.interactions import Interactions
from vrbench.recommenders.training.negative_sampling import negatives


def owned_by(others, *pairs, num_items):
    """Interactions of the ``(user, item)`` pairs, and of one more user who owns ``others``."""
    last = max(u for u, _ in pairs) + 1
    users, items = zip(*pairs, *[(last, i) for i in others], strict=True)
    return Interactions.of(torch.tensor(users), torch.tensor(items), last + 1, num_items)


def test_negatives_are_uniform_over_known_items_that_a_user_does_not_own():
    train = owned_by(range(5), (0, 1), (0, 3), (1, 0), num_items=7)
    drawn = negatives(train, torch.zeros(9000, dtype=torch.int64), stream(0))
    counts = torch.bincount(drawn, minlength=7)
    assert counts[[1, 3, 5, 6]].tolist() == [0, 0, 0, 0]  # owned, or known to nobody
    assert (counts[[0, 2, 4]] - 3000).abs().max() < 200


def test_a_user_who_owns_nearly_everything_gets_the_rest():
    owned = [(0, i) for i in range(1000) if i != 617]
    train = owned_by([617], *owned, num_items=1000)
    assert negatives(train, torch.zeros(50, dtype=torch.int64), stream(0)).unique().item() == 617


def test_seeds_change_what_is_drawn():
    train = owned_by(range(100), (0, 1), num_items=100)
    users = torch.zeros(50, dtype=torch.int64)
    a, b = (negatives(train, users, stream(s)) for s in (0, 1))
    assert not torch.equal(a, b)
