"""Blocks that are computed together are the blocks that they were."""

import torch

from vrbench.bench.batches import Ahead, at_once, multiple
from vrbench.bench.stages.features import read_ahead


def test_a_processor_takes_64_and_memory_makes_multiples_of_it():
    assert at_once(torch.device("cpu"), (3, 224, 224)) == 64
    assert [multiple(n) for n in (0, 63, 64, 191, 512, 10**6)] == [64, 64, 64, 128, 512, 512]


def blocks_of(missing, count):
    asked = []

    def compute(items):
        asked.append(items.tolist())
        return {"square": items**2, "row": items[:, None].float()}

    blocks = torch.arange(10).split(3)
    return Ahead(blocks, compute, lambda n: missing[n], count), asked


def test_blocks_that_come_next_are_computed_with_the_one_asked_for():
    ahead, asked = blocks_of([True, True, False, True], count=4)
    first = ahead.make(0)
    assert first["square"].tolist() == [0, 1, 4]
    assert ahead.make(1)["row"].tolist() == [[3.0], [4.0], [5.0]]
    assert ahead.make(3)["square"].tolist() == [81]
    assert asked == [[0, 1, 2, 3, 4, 5, 9]]


def test_no_more_than_are_to_go_together():
    ahead, asked = blocks_of([True] * 4, count=2)
    assert [len(ahead.make(n)["square"]) for n in range(4)] == [3, 3, 3, 1]
    assert asked == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9]]


def test_a_block_that_is_asked_for_again_is_made_again():
    ahead, asked = blocks_of([True] * 4, count=1)
    assert torch.equal(ahead.make(2)["square"], ahead.make(2)["square"])
    assert asked == [[6, 7, 8]] * 2


def test_what_comes_next_is_read_while_one_is_computed():
    read = []

    def note(block):
        read.append(block)
        return block * 10

    found = read_ahead(note, [1, 2, 3])
    assert next(found) == 10
    assert list(found) == [20, 30]
    assert read == [1, 2, 3]
    assert list(read_ahead(note, [4])) == [40]
