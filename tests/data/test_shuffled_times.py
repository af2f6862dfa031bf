from dataclasses import replace

import pytest
import torch

from vrbench.core.errors import IncompatibleError
from vrbench.core.spec import digest
from vrbench.data.sources.colours import colours
from vrbench.data.sources.shuffled_times import shuffled_times


@pytest.fixture(scope="module")
def dated():
    shop = colours()
    train = replace(shop.train, timestamps=100 * shop.train.users + torch.arange(len(shop.train)))
    return replace(shop, train=train)


def test_each_user_keeps_items_and_times_and_loses_their_order(dated):
    moved = shuffled_times(dated)
    assert moved.train.indptr.equal(dated.train.indptr)
    assert moved.train.items.equal(dated.train.items)
    assert moved.valid is dated.valid
    assert moved.test is dated.test
    for u in range(dated.train.num_users):
        own = slice(*dated.train.indptr[u : u + 2].tolist())
        old, new = dated.train.timestamps[own], moved.train.timestamps[own]
        assert new.sort().values.equal(old)
    stay = (moved.train.timestamps == dated.train.timestamps).double().mean()
    per_user = (1 / dated.train.counts.double()).repeat_interleave(dated.train.counts).mean()
    assert stay == pytest.approx(per_user.item(), abs=0.1)  # as many as chance leaves in place


def test_the_order_is_part_of_the_key(dated):
    keys = {digest(d.spec) for d in (dated, shuffled_times(dated), shuffled_times(dated, seed=1))}
    assert len(keys) == 3
    assert digest(shuffled_times(dated).spec) in keys


def test_feedback_without_times_is_refused():
    with pytest.raises(IncompatibleError, match="has no timestamps"):
        shuffled_times(colours())
