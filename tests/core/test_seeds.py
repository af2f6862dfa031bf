import torch

from vrbench.core.seeds import Streams, stream


def test_a_stream_depends_on_all_its_names():
    draws = {
        float(torch.rand(1, generator=stream(*a)))
        for a in [(0, "a"), (1, "a"), (0, "b"), (0, "a", "b")]
    }
    assert len(draws) == 4
    assert torch.equal(
        torch.rand(3, generator=stream(0, "a")), torch.rand(3, generator=stream(0, "a"))
    )


def test_what_an_item_draws_does_not_depend_on_its_company():
    together, alone = Streams(0, "x"), Streams(0, "x")
    items = torch.tensor([5, 2, 9])
    first = together.normal(items, 4)
    second = together.signs(items[[2, 0]], 3)
    assert torch.equal(alone.normal(items[[1]], 4)[0], first[1])
    assert torch.equal(alone.normal(items[[2]], 4)[0], first[2])
    assert torch.equal(alone.signs(items[[2]], 3)[0], second[0])


def test_draws_are_what_they_say():
    rng, item = Streams(0), torch.tensor([0])
    assert set(rng.signs(item, 100).unique().tolist()) == {-1.0, 1.0}
    assert abs(rng.normal(item, 20_000).std() - 1) < 0.02
    assert abs(rng.uniform(item, 20_000).mean() - 0.5) < 0.01
    assert rng.integers(item, 3, 5, 100).unique().tolist() == [3, 4]


def test_what_an_item_draws_does_not_depend_on_blocks_or_on_which_rows_were_asked_before():
    items = torch.arange(400)
    at_once, parts = Streams(3, "x"), Streams(3, "x")
    first, second = at_once.uniform(items, 3, 40, 40), at_once.normal(items, 3, 40, 40)
    for block in items.split(33):
        assert torch.equal(parts.uniform(block, 3, 40, 40), first[block])
    for block in items.flip(0).split(7):
        assert torch.equal(parts.normal(block, 3, 40, 40), second[block])


def test_an_item_counts_its_own_draws_whoever_asks_in_whatever_order():
    rng, alone, drawn = Streams(1), {}, 0
    order = torch.Generator().manual_seed(0)
    again = [torch.tensor([3, 900, 12]), torch.tensor([12, 7])]
    for turn in range(40):
        some = torch.randperm(1000, generator=order)[: turn % 5]
        items = again[turn % 2] if turn % 3 == 0 else some
        for item, found in zip(items.tolist(), rng.uniform(items, 3), strict=True):
            own = alone.setdefault(item, Streams(1))
            assert torch.equal(own.uniform(torch.tensor([item]), 3)[0], found)
            drawn += 1
    assert len(alone) < drawn


def test_rows_written_over_in_place_are_other_items():
    rng, alone, items = Streams(0), Streams(0), torch.tensor([1, 2])
    first = rng.uniform(items, 3)
    items[0] = 7
    found = rng.uniform(items, 3)
    assert torch.equal(found[:1], alone.uniform(torch.tensor([7]), 3))
    assert torch.equal(first[1:], alone.uniform(torch.tensor([2]), 3))
    assert torch.equal(found[1:], alone.uniform(torch.tensor([2]), 3))


def test_streams_begin_again():
    rng, items = Streams(0, "x"), torch.tensor([1, 2])
    first = rng.signs(items, 70)
    assert not torch.equal(rng.signs(items, 70), first)
    assert torch.equal(rng.again().signs(items, 70), first)


def test_nobody_draws_nothing():
    rng, nobody = Streams(0), torch.arange(0)
    assert rng.uniform(nobody, 2, 3).shape == (0, 2, 3)
    assert rng.integers(torch.arange(2), 0, 5).shape == (2,)
    assert rng.normal(torch.arange(2), 0).shape == (2, 0)
