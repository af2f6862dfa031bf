"""The oracle beside attacks on a class."""

import pytest
import torch

from vrbench.attacks.transplant import Transplant
from vrbench.core.errors import ConfigError
from vrbench.core.seeds import Streams, stream
from vrbench.core.visuals import Signal, Table

ITEMS, DONORS = torch.tensor([3, 5, 8]), torch.tensor([0, 2, 7, 9])


def table(*shape):
    return Table(Signal.VECTOR, torch.randn(12, *shape, generator=stream(0, "looks")), "looks")


@pytest.mark.parametrize("shape", [(4,), (5, 3), (3, 2, 2)])
def test_each_item_gets_one_donor_as_it_is(shape):
    visuals = table(*shape)
    given = Transplant()(visuals, DONORS, ITEMS, Streams(0, "attack"))
    assert given.shape == (3, *shape)
    away = (given[:, None] - visuals[DONORS]).flatten(2).abs().amax(2)
    assert ((away == 0).sum(1) == 1).all()


def test_what_is_drawn_depends_on_seed_and_item_only():
    visuals = table(4)

    def drawn(items, seed=0):
        return Transplant()(visuals, DONORS, torch.tensor(items), Streams(seed, "attack"))

    assert torch.equal(drawn([3, 5, 8])[1:], drawn([5, 8]))
    assert not torch.equal(drawn(list(range(12))), drawn(list(range(12)), seed=1))
    assert len(drawn(list(range(12))).unique(dim=0)) > 2


def test_the_mean_is_that_of_all_donors():
    visuals, donors = table(4), torch.arange(12)
    given = Transplant(shown="mean")(visuals, donors, ITEMS, Streams(0, "attack"))
    expected = torch.stack([visuals.rows.mean(0)] * 3)
    assert torch.allclose(given, expected, atol=1e-6)


def test_there_is_no_third_way():
    with pytest.raises(ConfigError, match="expected drawn or mean, got 'best'"):
        Transplant(shown="best")
