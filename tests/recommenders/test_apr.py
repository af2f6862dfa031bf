from functools import partial

import pytest
import torch
import torch.nn.functional as F

from vrbench.core.errors import ConfigError
from vrbench.core.seeds import stream
from vrbench.recommenders.base import Sizes
from vrbench.recommenders.collaborative.apr import APR, Change
from vrbench.recommenders.collaborative.bpr import BPRMF
from vrbench.testing.recommenders import PairwiseContract

FAST = {"factors": 8, "epochs": 40, "batch_size": 64, "lr": 0.05, "l2": 1e-3}
USERS = torch.tensor([0, 1, 2, 3, 0])
LIKED, OTHER = torch.tensor([0, 1, 2, 0, 0]), torch.tensor([4, 5, 0, 7, 1])


class TestAPR(PairwiseContract):
    make = partial(APR, **FAST, adversarial_epochs=10, eps=0.1)


@pytest.fixture
def fitted(world):
    model = APR(Sizes(30, 36, ()), **FAST, eps=0.05)
    model.fit(world.train, world.valid, world.catalogue.images, stream(0))
    return model


def test_without_weight_it_is_bpr_bit_for_bit(world):
    plain, apr = BPRMF(Sizes(30, 36, ()), **FAST), APR(Sizes(30, 36, ()), **FAST, weight=0.0)
    for model in (plain, apr):
        model.fit(world.train, world.valid, world.catalogue.images, stream(0))
    for name, value in plain.state_dict().items():
        assert torch.equal(value, apr.state_dict()[name]), name


def test_the_second_phase_starts_from_the_best_of_the_first(world):
    """With a rate of nothing in it, the second phase leaves BPR-MF's best parameters alone."""

    class Still(APR):
        def _optimisers(self):
            made = super()._optimisers()
            for group in (g for o in made for g in o.param_groups if self._adversarial):
                group["lr"] = 1e-30
            return made

    plain = BPRMF(Sizes(30, 36, ()), **FAST)
    moved = APR(Sizes(30, 36, ()), **FAST, adversarial_epochs=5)
    still = Still(Sizes(30, 36, ()), **FAST, adversarial_epochs=5)
    for model in (plain, moved, still):
        model.fit(world.train, world.valid, world.catalogue.images, stream(0))
    assert torch.allclose(plain.user.weight, still.user.weight, atol=1e-20)
    assert not torch.allclose(plain.user.weight, moved.user.weight, atol=1e-3)


def test_the_change_has_length_eps_and_raises_the_loss(fitted):
    change = fitted.change(USERS, LIKED, OTHER)
    for part in change:
        assert torch.allclose(part.norm(dim=1), torch.full((5,), 0.05), atol=1e-6)
        assert not part.requires_grad

    def loss(change):
        return F.softplus(-fitted.changed_margin(USERS, LIKED, OTHER, change)).sum()

    clean = loss(Change(*(torch.zeros(5, 8) for _ in range(3))))
    unchanged = F.softplus(-fitted.compare(USERS, LIKED, OTHER, None)[0]).sum()
    torch.testing.assert_close(clean, unchanged)
    assert loss(change) > clean > loss(Change(*(-part for part in change)))
    rows = [0.05 * F.normalize(torch.randn(40, 8, generator=stream(n)), dim=1) for n in range(20)]
    for row in rows:
        noise = Change(row[USERS], row[30 + LIKED], row[30 + OTHER])
        assert loss(change) > loss(noise)


def test_a_row_has_one_change_wherever_it_stands(fitted):
    """User 0 is in two triples; item 0 is liked in three and the other in one."""
    change = fitted.change(USERS, LIKED, OTHER)
    assert torch.equal(change.user[0], change.user[4])
    assert torch.equal(change.liked[0], change.liked[3])
    assert torch.equal(change.liked[0], change.other[2])
    assert torch.equal(change.liked[1], change.other[4])


def test_the_change_is_the_normalised_gradient_of_the_embeddings(fitted):
    model = BPRMF(Sizes(30, 36, ()), **FAST)
    model.load_state_dict(fitted.state_dict())
    margin, _ = model.compare(USERS, LIKED, OTHER, None)
    F.softplus(-margin).sum().backward()
    change = fitted.change(USERS, LIKED, OTHER)
    for table, rows, part in (
        (model.user, USERS, change.user),
        (model.item, LIKED, change.liked),
        (model.item, OTHER, change.other),
    ):
        wanted = 0.05 * F.normalize(table.weight.grad.to_dense(), dim=1)[rows]
        assert torch.allclose(part, wanted, atol=1e-6)


def test_the_flag_means_what_it_says(fitted):
    """Elliot's is inverted: clean scores and the clean loss carried a change there."""
    clean = BPRMF(Sizes(30, 36, ()), **FAST)
    clean.load_state_dict(fitted.state_dict())
    batch = (USERS, LIKED, OTHER, None)
    assert torch.equal(fitted.loss(*batch), clean.loss(*batch))
    fitted._adversarial = True
    worse = F.softplus(-fitted.changed_margin(*batch[:3], fitted.change(*batch[:3]))).mean()
    assert torch.allclose(fitted.loss(*batch), clean.loss(*batch) + worse)
    assert torch.equal(fitted(USERS, LIKED, None), clean(USERS, LIKED, None))
    encoded = clean.encode(LIKED, None)
    assert torch.equal(fitted.score(USERS, encoded), clean.score(USERS, encoded))


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="APR: expected eps"):
        APR(Sizes(1, 1, ()), eps=-1.0)
