"""Words of Philox are the published ones, on every way to them."""

import os
import subprocess
import sys

import pytest
import torch

from tests.interpreter import needs_interpreter
from vrbench.core.philox import Key, in_numpy, in_torch, mixed, signed, words

# Random123 (Salmon et al., SC 2011), kat_vectors, philox4x64 of 10 rounds: counter, key, words.
PUBLISHED = [
    (
        ["0000000000000000"] * 4,
        ["0000000000000000"] * 2,
        ["16554d9eca36314c", "db20fe9d672d0fdc", "d7e772cee186176b", "7e68b68aec7ba23b"],
    ),
    (
        ["ffffffffffffffff"] * 4,
        ["ffffffffffffffff"] * 2,
        ["87b092c3013fe90b", "438c3c67be8d0224", "9cc7d7c69cd777b6", "a09caebf594f0ba0"],
    ),
    (
        ["243f6a8885a308d3", "13198a2e03707344", "a4093822299f31d0", "082efa98ec4e6c89"],
        ["452821e638d01377", "be5466cf34e90c6c"],
        ["a528f45403e61d95", "38c72dbd566e9788", "a5a1610e72fd18b5", "57bd43b5e52b7fe6"],
    ),
]
ITEMS, DRAWS = torch.tensor([0, 3, 2**40, -1]), torch.tensor([0, 1, 2**33, 7])


def number(text):
    return signed(int(text, 16))


@pytest.mark.parametrize(("counter", "key", "expected"), PUBLISHED)
def test_the_published_vectors(counter, key, expected):
    found = mixed(tuple(torch.tensor([number(n)]) for n in counter), Key(*map(number, key)))
    assert [int(n) for n in found] == [number(n) for n in expected]


def test_numpy_and_pytorch_make_the_same_words():
    key = Key.of("0/attack")
    found = in_torch(key, ITEMS, DRAWS, 300)
    assert torch.equal(in_numpy(key, ITEMS, DRAWS, 300), found)
    assert torch.equal(in_numpy(key, ITEMS[1:2], DRAWS[1:2], 300), found[1:2])
    assert torch.equal(words(key, ITEMS, DRAWS, 7), found[:, :8])
    assert words(key, ITEMS[:0], DRAWS[:0], 7).shape == (0, 8)


def test_a_row_says_which_block_item_and_draw_it_is():
    key, one = Key.of("x"), torch.ones(1, dtype=torch.int64)
    second = mixed((2 * one, 5 * one, 9 * one, 0 * one), key)
    assert words(key, 9 * one, 5 * one, 8)[0, 4:].tolist() == [int(n) for n in second]


KERNEL = """
import torch
from vrbench.core.philox import Key, in_torch
from vrbench.core.philox_triton import in_triton
items, draws, key = torch.tensor([0, 2**40, -1]), torch.tensor([0, 2**33, 7]), Key.of("x")
assert torch.equal(in_triton(*key, items, draws, 300), in_torch(key, items, draws, 300))
"""


@needs_interpreter
def test_the_kernel_makes_the_same_words_in_tritons_interpreter():
    told = os.environ | {"TRITON_INTERPRET": "1"}
    subprocess.run([sys.executable, "-c", KERNEL], env=told, check=True, timeout=120)
