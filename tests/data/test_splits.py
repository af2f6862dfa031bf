from dataclasses import replace

import pytest
import torch

from vrbench.core.dice import Dice
from vrbench.core.errors import ConfigError, DataError
from vrbench.core.seeds import stream
from vrbench.data.splits.assignment import hold_out, inject, leave_one_out, ratio
from vrbench.recommenders.training.negative_sampling import negatives


def test_the_last_item_is_tested_and_the_one_before_validates():
    users = torch.tensor([0, 1, 0, 1, 0, 2, 0, 2, 1])
    times = torch.tensor([5, 1, 3, 2, 9, 1, 4, 2, 3])
    assert leave_one_out(users, times).tolist() == [1, 0, 0, 1, 2, 0, 0, 0, 2]


def test_ratios_are_per_user():
    users = torch.tensor([0] * 10 + [1] * 20 + [2] * 3)
    part = ratio(users, (0.1, 0.2), Dice(0))
    assert [torch.bincount(part[users == u], minlength=3).tolist() for u in range(3)] == [
        [7, 1, 2],
        [14, 2, 4],
        [2, 0, 1],
    ]
    assert not torch.equal(part, ratio(users, (0.1, 0.2), Dice(1)))
    with pytest.raises(ConfigError, match="sum below 1"):
        ratio(users, (0.5, 0.5), Dice(0))


def test_cold_items_have_no_training_and_all_of_their_feedback_is_tested(world):
    cold = hold_out(world, share=0.25, seed=1)
    assert len(cold.cold_items) == 9
    gone = torch.zeros(36, dtype=torch.bool)
    gone[cold.cold_items] = True
    for part in (cold.train, cold.valid):
        assert not gone[part.items].any()
    everything = (world.seen | world.test).matrix()
    assert torch.equal(cold.test.matrix(), everything & gone)
    assert torch.equal(cold.seen.matrix(), world.seen.matrix() & ~gone)
    assert cold.spec != world.spec
    with pytest.raises(ConfigError, match="0 < share < 1"):
        hold_out(world, share=1.0)


def test_new_items_have_no_feedback_and_the_rest_stays_where_it_was(world):
    new = inject(world, share=0.25, seed=1)
    assert len(new.cold_items) == 9
    gone = torch.zeros(36, dtype=torch.bool)
    gone[new.cold_items] = True
    for name in ("train", "valid", "test"):
        was, now = (getattr(d, name).matrix() for d in (world, new))
        assert torch.equal(now, was & ~gone)
        assert now.any()
    assert new.spec != world.spec
    assert new.spec != inject(world, share=0.25, seed=2).spec
    assert not torch.equal(new.cold_items, inject(world, share=0.25, seed=2).cold_items)
    with pytest.raises(ConfigError, match="0 < share < 1"):
        inject(world, share=0.0)
    with pytest.raises(DataError, match="leaves nothing"):
        inject(world, share=0.01)


@pytest.mark.parametrize("change", [hold_out, inject])
def test_ratings_and_times_go_where_their_pairs_go(world, change):
    """What is told of a pair is its user and item, so that no other pair's can stand beside it."""

    def told(part):
        number = part.users * 36 + part.items
        return replace(part, ratings=number.float() / 7, timestamps=1000 + number, _cache={})

    parts = {name: told(getattr(world, name)) for name in ("train", "valid", "test")}
    new, bare = change(replace(world, **parts), share=0.25), change(world, share=0.25)
    for name in parts:
        part, plain = getattr(new, name), getattr(bare, name)
        number = part.users * 36 + part.items
        assert len(number) or name == "valid"
        assert torch.equal(part.timestamps, 1000 + number), name
        assert torch.equal(part.ratings, number.float() / 7), name
        assert (plain.ratings, plain.timestamps) == (None, None)
        assert torch.equal(part.items, plain.items)
        assert part.spec != plain.spec


def test_new_items_are_never_drawn_as_negatives(world):
    new = inject(world, share=0.25)
    users = torch.arange(30).repeat(200)
    drawn = negatives(new.train, users, stream(0))
    assert not torch.isin(drawn, new.cold_items).any()
    assert len(drawn.unique()) == 27
