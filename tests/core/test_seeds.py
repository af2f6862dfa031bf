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
